package clients

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/zend"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/ipc"
	"github.com/zen-agent/zen/internal/safejson"
)

// zendClient stores and gets credentials as docker-credential-zen does. What carries a
// secret is written and read by hand.
type zendClient struct{ zend.Caller }

func (z zendClient) call(
	ctx context.Context,
	method, server string,
	cred *credential.Credential,
) (ipc.Reply, error) {
	size := len(server) + 64
	if cred != nil {
		size += len(cred.Username) + 6*cred.Secret.Len() + 64
	}
	body := append(make([]byte, 0, size), `{"ServerURL":`...)
	body = safejson.AppendString(body, server)
	if cred != nil {
		body = safejson.AppendString(append(body, `,"Username":`...), cred.Username)
		body = safejson.AppendString(append(body, `,"Secret":`...), cred.Secret.Reveal())
	}
	return zend.Send(ctx, z.Caller, method, append(body, '}'), zend.Patience)
}

func (z zendClient) store(ctx context.Context, server string, cred credential.Credential) error {
	reply, err := z.call(ctx, api.MethodStore, server, &cred)
	reply.Wipe()
	return err
}

// get returns what zen would give to a client. The caller wipes the secret.
func (z zendClient) get(ctx context.Context, server string) (cred credential.Credential, err error) {
	reply, err := z.call(ctx, api.MethodGet, server, nil)
	if err != nil {
		return cred, err
	}
	defer reply.Wipe()
	err = safejson.Strings(reply.Result, func(key string, text []byte) {
		switch key {
		case "Username":
			cred.Username = string(text)
		case "Secret":
			cred.Secret = credential.NewSecret(slices.Clone(text))
		}
	})
	return cred, err
}

// verify asks the registry, by way of zend. A zend that cannot do that yet is no reason
// to fail.
func (z zendClient) verify(
	ctx context.Context,
	server string,
	cred credential.Credential,
) (report api.CredentialReport, err error) {
	reply, err := z.call(ctx, api.MethodCredentialVerify, server, &cred)
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

// logins are those that answer every client, by address.
func (z zendClient) logins(ctx context.Context) (map[string]api.Login, error) {
	list, err := zend.Ask[api.LoginList](ctx, z.Caller, api.MethodLogins, api.Empty{}, nil, zend.Patience)
	byAddress := map[string]api.Login{}
	for _, l := range list.Items {
		if l.Dir == "" && l.Profile == "" {
			byAddress[l.Address] = l
		}
	}
	return byAddress, err
}
