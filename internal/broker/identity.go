package broker

import (
	"context"
	"errors"
	"fmt"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/credential"
)

// An identity token is handed out only where a person asked for that: some clients send it as a password (docker-maven-plugin,
// older jib and containers/image), and it is good for longer than any other token. A connector may hold one in place of its
// password; else the registry grants one when a login asks for it, and it is kept with the login.

// tokenNotWanted is the error for a login that would hand out an identity token without having been asked for one.
func tokenNotWanted(connectorName string) error {
	return credential.NewError(credential.NeedsLogin,
		fmt.Sprintf("service connector '%s' holds an identity token, which clients get only when you say so", connectorName),
		"zen login "+connectorName+" --identity-token")
}

// identityToken has a token granted for a login that asks for one. It is empty when the login asks for none, and when the
// connector mints one itself. The caller wipes it.
func (b *Broker) identityToken(
	ctx context.Context, kind connector.Kind, spec connector.Spec, conn api.ServiceConnector, a address.Address, req api.LoginRequest,
) (none credential.Credential, err error) {
	if !req.IdentityToken {
		return none, nil
	}
	cred, err := b.mint(ctx, conn, spec.ResourceID, a)
	cred.Secret.Wipe()
	if err != nil || cred.IsIdentityToken() {
		return none, err
	}
	asker, can := kind.(connector.IdentityTokens)
	reg, ok := kind.Match(spec, a)
	if !can || !ok {
		return none, credential.NewError(credential.InvalidInput,
			fmt.Sprintf("there are no identity tokens for service connectors of type '%s'", conn.Type), "log in without --identity-token")
	}
	if spec.Secrets, err = b.secrets(ctx, conn.ID); err != nil {
		return none, err
	}
	defer wipeAll(spec.Secrets)
	return asker.IdentityToken(ctx, spec, reg)
}

// tokenSecret is the sealed part of a login with a token of its own.
func tokenSecret(loginID string, token credential.Credential) map[string]credential.Secret {
	if token.Secret.IsEmpty() {
		return nil
	}
	username := credential.SecretString(token.Username)
	defer username.Wipe()
	return map[string]credential.Secret{
		loginID: packBlob(map[string]credential.Secret{blobUsername: username, blobSecret: token.Secret}),
	}
}

// chosen is what a login through a connector hands out: what the connector minted, or the login's own token. It owns minted.
func (b *Broker) chosen(ctx context.Context, login api.Login, minted credential.Credential) (credential.Credential, error) {
	switch {
	case login.IdentityToken == minted.IsIdentityToken():
		return minted, nil
	case !login.IdentityToken:
		minted.Secret.Wipe()
		return credential.Credential{}, tokenNotWanted(login.ConnectorName)
	}
	minted.Secret.Wipe()
	cred, err := b.storedCredential(ctx, login)
	if errors.Is(err, errBlob) { // it has none: the connector held one when the login began
		err = credential.NewError(credential.NeedsLogin,
			fmt.Sprintf("service connector '%s' holds no identity token any more", login.ConnectorName),
			"zen login "+login.ConnectorName+" --identity-token")
	}
	return cred, err
}
