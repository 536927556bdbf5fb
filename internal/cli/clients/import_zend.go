package clients

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/zend"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/ipc"
	"github.com/zen-agent/zen/internal/safejson"
)

// zendClient is zend as the adopter sees it: it stores and gets credentials as
// docker-credential-zen does. What carries a secret is written and read by hand.
type zendClient struct {
	zend.Caller

	known []api.Login // what zen had when it was last loaded, but for those of directories
}

func (z *zendClient) call(
	ctx context.Context, method, profile, server string, cred *credential.Credential,
) (ipc.Reply, error) {
	size := len(server) + len(profile) + 64
	if cred != nil {
		size += len(cred.Username) + 6*cred.Secret.Len() + 64
	}
	body := append(make([]byte, 0, size), `{"ServerURL":`...)
	body = safejson.AppendString(body, server)
	if profile != "" {
		body = safejson.AppendString(append(body, `,"profile":`...), profile)
	}
	if cred != nil {
		body = safejson.AppendString(append(body, `,"Username":`...), cred.Username)
		body = safejson.AppendString(append(body, `,"Secret":`...), cred.Secret.Reveal())
	}
	return zend.Send(ctx, z.Caller, method, append(body, '}'), zend.Patience)
}

// Store implements adopt.Zen.
func (z *zendClient) Store(
	ctx context.Context, profile, server string, cred credential.Credential,
) error {
	reply, err := z.call(ctx, api.MethodStore, profile, server, &cred)
	reply.Wipe()
	return err
}

// get returns what zen would give to a client. The caller wipes the secret.
func (z *zendClient) get(
	ctx context.Context, profile, server string,
) (cred credential.Credential, err error) {
	reply, err := z.call(ctx, api.MethodGet, profile, server, nil)
	if err != nil {
		return cred, err
	}
	defer reply.Wipe()
	texts, err := safejson.Texts(reply.Result, "Username", "Secret")
	if err != nil {
		return cred, err
	}
	return credential.Credential{Username: string(texts[0]), Secret: credential.NewSecret(texts[1])}, nil
}

// Holds implements adopt.Zen by what zen gives to a client.
func (z *zendClient) Holds(
	ctx context.Context, profile, server string, cred credential.Credential,
) (access.Holding, error) {
	h := access.Holding{}
	if a, err := address.ParseKey(server); err == nil {
		l, ok := z.login(profile, a)
		h.Connector, h.Exact = l.ConnectorName, ok && l.Profile == profile
	}
	have, err := z.get(ctx, profile, server)
	defer have.Secret.Wipe()
	h.Same = err == nil && have.Username == cred.Username && have.Secret.Equal(cred.Secret)
	return h, err
}

// Give implements adopt.Giver.
func (z *zendClient) Give(
	ctx context.Context, profile, server string,
) (cred credential.Credential, connector string, err error) {
	if a, err := address.ParseKey(server); err == nil {
		if l, ok := z.login(profile, a); ok && l.ConnectorName != "" {
			return cred, l.ConnectorName, nil
		}
	}
	cred, err = z.get(ctx, profile, server)
	return cred, "", err
}

// Verify implements adopt.Zen. A zend that cannot do that yet does not make it fail.
func (z *zendClient) Verify(
	ctx context.Context, server string, cred credential.Credential,
) (report api.CredentialReport, err error) {
	reply, err := z.call(ctx, api.MethodCredentialVerify, "", server, &cred)
	if credential.UnknownMethod.Is(err) {
		return api.CredentialReport{Verification: api.VerificationSkipped}, nil
	}
	if err != nil {
		return report, err
	}
	defer reply.Wipe()
	err = json.Unmarshal(reply.Result, &report)
	return report, err
}

// load learns what zen has.
func (z *zendClient) load(ctx context.Context) error {
	list, err := zend.Ask[api.LoginList](ctx, z.Caller, api.MethodLogins, api.Empty{}, nil, zend.Patience)
	z.known = slices.DeleteFunc(list.Items, func(l api.Login) bool { return l.Dir != "" })
	return err
}

// login is the one for an address that answers clients of a profile, which may be one for
// all profiles.
func (z *zendClient) login(profile string, a address.Address) (api.Login, bool) {
	for _, p := range []string{profile, ""} {
		i := slices.IndexFunc(z.known, func(l api.Login) bool {
			return l.Profile == p && l.Address == a.String()
		})
		if i >= 0 {
			return z.known[i], true
		}
	}
	return api.Login{}, false
}
