package broker

import (
	"context"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/credential"
)

// Holds compares a credential that somebody else keeps with the one that zen has for its
// address and the caller. It reads the sealed record and hands out nothing, which is not
// a use of it: no policy is asked. NotLoggedIn means that zen has none. The credential
// stays the caller's to wipe.
func (b *Credentials) Holds(
	ctx context.Context,
	caller access.Caller,
	serverURL string,
	cred credential.Credential,
) (access.Holding, error) {
	a, scheme, err := address.ParseURL(serverURL)
	if err != nil {
		return access.Holding{}, err
	}
	login, err := b.loginFor(caller, a)
	if err != nil {
		return access.Holding{}, b.unknown(ctx, a, err)
	}
	h := access.Holding{Connector: login.ConnectorName, Exact: login.Address == a.String()}
	if scheme == address.HTTP && !login.PlainHTTP && !a.IsLoopback() {
		return h, nil // Get refuses it
	}
	if !b.isStatic(login) {
		h.Same = b.usage.wasServed(login.ID, cred)
		return h, nil
	}
	h.Same, err = b.Door.Same(ctx, b.source(login, a), cred)
	return h, err
}
