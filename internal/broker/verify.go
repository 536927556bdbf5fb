package broker

import (
	"context"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/broker/door"
	"github.com/zen-agent/zen/internal/broker/state"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/credential"
)

// VerifyCredential asks a registry about a credential that is not stored, which Store may
// follow. Keys of Docker Hub's own tokens cannot be asked about. The secret stays the
// caller's to wipe.
func (b *Credentials) VerifyCredential(
	ctx context.Context,
	caller access.Caller,
	serverURL string,
	cred credential.Credential,
) (api.CredentialReport, error) {
	a, err := address.ParseKey(serverURL)
	if err != nil {
		return api.CredentialReport{}, err
	}
	report, err := b.askAbout(ctx, door.Use{Caller: caller, For: access.Verify}, a, cred)
	switch report.Verification {
	case api.VerificationRejected:
		err = nil // it is what was asked
	case api.VerificationSkipped:
		b.Audit(caller, access.Subject{Action: access.Verify, Address: a}, err, report.Verification)
	}
	return api.CredentialReport{
		Verification: report.Verification,
		Detail:       report.Detail,
		Hint:         report.Hint,
	}, err
}

// askAbout asks by https, whatever the server URL says, which is the key of a client's
// file: over plain http only what a person registered for that, and where the checker
// does so by itself, on this machine.
func (b *Credentials) askAbout(
	ctx context.Context, use door.Use, a address.Address, cred credential.Credential,
) (connector.Report, error) {
	kind, holder, ok := kindThat[connector.PasswordHolder](b.State)
	if !ok || a.IsHubToken() {
		return connector.Report{Verification: api.VerificationSkipped}, nil
	}
	registry, plain := a.Host(), b.homes.PlainFor(a)
	if plain {
		registry = "http://" + registry
	}
	username := credential.SecretString(cred.Username)
	defer username.Wipe()
	g := door.Grant{Kind: kind, Spec: holder.ForPassword(registry, username, cred.Secret)}
	g.Spec.Insecure = plain
	if _, ok := kind.Match(g.Spec, a); !ok {
		return connector.Report{Verification: api.VerificationSkipped}, nil
	}
	return b.Door.Verify(ctx, use, g, a.String(), connector.VerifyOptions{})
}

// kindThat is the first kind that can do what T says.
func kindThat[T any](s *state.State) (kind connector.Kind, able T, ok bool) {
	for _, t := range s.Types {
		kind = s.Kinds[t.Type]
		if able, ok = kind.(T); ok {
			return kind, able, true
		}
	}
	return nil, able, false
}
