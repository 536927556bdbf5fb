package broker

import (
	"context"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/credential"
)

// staticKind is the kind of connector whose credentials are user names and passwords, as those of docker login are.
const staticKind = "docker"

// VerifyCredential asks a registry about a credential that is not stored, which Store may follow. Keys of Docker Hub's own
// tokens cannot be asked about. The secret stays the caller's to wipe.
func (b *Broker) VerifyCredential(ctx context.Context, caller Caller, serverURL string, cred credential.Credential) (api.CredentialReport, error) {
	a, err := address.ParseKey(serverURL)
	if err != nil {
		return api.CredentialReport{}, err
	}
	subject := Subject{Action: ActionVerify, Address: a}
	if err := b.allow(ctx, caller, subject); err != nil {
		b.audit(caller, subject, err, "")
		return api.CredentialReport{}, err
	}
	report, err := b.askAbout(ctx, a, cred)
	b.audit(caller, subject, err, report.Verification)
	return api.CredentialReport{Verification: report.Verification, Detail: report.Detail, Hint: report.Hint}, err
}

// askAbout asks by https, whatever the server URL says, which is the key of a client's
// file: over plain http only what a person registered for that, and where the checker
// does so by itself, on this machine.
func (b *Broker) askAbout(
	ctx context.Context, a address.Address, cred credential.Credential,
) (connector.Report, error) {
	kind, ok := b.kinds[staticKind]
	verifier, can := kind.(connector.Verifier)
	if !ok || !can || a.IsHubToken() {
		return connector.Report{Verification: api.VerificationSkipped}, nil
	}
	registry, plain := a.Host(), b.plainFor(a)
	if plain {
		registry = "http://" + registry
	}
	username := credential.SecretString(cred.Username)
	defer username.Wipe()
	spec := connector.Spec{
		Type: staticKind, AuthMethod: "password", Insecure: plain,
		Config:  map[string]string{connector.AttrRegistry: registry},
		Secrets: map[string]credential.Secret{"username": username, "password": cred.Secret},
	}
	reg, ok := kind.Match(spec, a)
	if !ok {
		return connector.Report{Verification: api.VerificationSkipped}, nil
	}
	return verifier.Verify(ctx, spec, reg, connector.VerifyOptions{})
}
