package door

import (
	"context"
	"errors"
	"fmt"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/credential"
)

// Names of the attributes in the sealed record of a login: of docker login's credential,
// or of an identity token.
const (
	blobUsername = "username"
	blobSecret   = "secret"
)

// PackCredential is the sealed form of a credential; the result is the caller's to wipe.
func PackCredential(cred credential.Credential) credential.Secret {
	username := credential.SecretString(cred.Username)
	defer username.Wipe()
	return Pack(map[string]credential.Secret{blobUsername: username, blobSecret: cred.Secret})
}

// Source is where the credential of a login comes from.
type Source struct {
	Record  string          // id of the login's own sealed record
	Grant   *Grant          // what its connector mints; nil: the record's credential is handed out
	Token   bool            // an identity token is handed out: what the connector mints, or the record's
	Address address.Address // that is asked for
	Login   address.Address // of the login that answers, which may be for more or less
	Refused error           // why it cannot be handed out; nil if it can
}

func (s Source) connector() string {
	if s.Grant == nil {
		return ""
	}
	return s.Grant.Connector
}

// getting is a client's getting the credential. connectorName is the login's: its
// connector may be gone.
func (s Source) getting(connectorName string) access.Subject {
	to := access.Destination{Place: access.Client}
	return access.Subject{
		Action:    access.Get,
		Address:   s.Address,
		Login:     s.Login,
		Connector: connectorName,
		To:        to,
	}
}

// Serve hands out a login's credential to whoever asks for it and wipes it.
func (d *Door) Serve(
	ctx context.Context, u Use, connectorName string, s Source,
) (cred credential.Credential, err error) {
	subject := s.getting(connectorName)
	if s.Refused != nil {
		d.record(u, subject, s.Refused, refusal(s.Refused))
		return cred, s.Refused
	}
	if s.Grant != nil && madeBy(s.Grant.Kind, s.Grant.Spec).Place != "" {
		u.Caller = u.Caller.Remembered()
	}
	err = d.Pass(ctx, u, subject, func(ctx context.Context) (string, error) {
		d.Idle()
		cred, err = d.resolve(ctx, u.Caller, s)
		return "", err
	})
	return cred, err
}

// resolve returns the credential of a login: the stored one, or what its connector mints.
func (d *Door) resolve(ctx context.Context, caller access.Caller, s Source) (credential.Credential, error) {
	if s.Refused != nil {
		return credential.Credential{}, s.Refused
	}
	if s.Grant == nil {
		return d.stored(ctx, s.Record)
	}
	minted, err := d.mint(ctx, caller, *s.Grant, s.Address)
	if err != nil || s.Token == minted.IsIdentityToken() {
		return minted, err
	}
	minted.Secret.Wipe()
	if !s.Token {
		return credential.Credential{}, tokenNotWanted(s.Grant.Connector)
	}
	cred, err := d.stored(ctx, s.Record)
	if errors.Is(err, errBlob) { // it has none: the connector held one when the login began
		err = credential.NewError(credential.NeedsLogin,
			fmt.Sprintf("service connector '%s' holds no identity token any more", s.Grant.Connector),
			"zen login "+s.Grant.Connector+" --identity-token")
	}
	return cred, err
}

// tokenNotWanted is the error for a login that would hand out an identity token, which
// nobody asked for.
func tokenNotWanted(connectorName string) error {
	return credential.NewError(credential.NeedsLogin,
		"service connector '"+connectorName+"' holds an identity token, which clients get only when you "+
			"say so",
		"zen login "+connectorName+" --identity-token")
}

func (d *Door) stored(ctx context.Context, record string) (credential.Credential, error) {
	attrs, err := d.open(ctx, record)
	if err != nil {
		return credential.Credential{}, err
	}
	username := attrs[blobUsername]
	defer username.Wipe()
	return credential.Credential{Username: string(username.Reveal()), Secret: attrs[blobSecret]}, nil
}

// Username is the user name that a source answers with, which is not secret. Nothing
// leaves zend: it is only for sources whose credentials are stored.
func (d *Door) Username(ctx context.Context, s Source) (string, error) {
	cred, err := d.resolve(ctx, access.Caller{}, s)
	cred.Secret.Wipe()
	return cred.Username, err
}

// Same reports whether a source, whose credentials are stored, answers with this very
// credential.
func (d *Door) Same(ctx context.Context, s Source, cred credential.Credential) (bool, error) {
	have, err := d.resolve(ctx, access.Caller{}, s)
	defer have.Secret.Wipe()
	return err == nil && have.Username == cred.Username && have.Secret.Equal(cred.Secret), err
}

// Limits asks a registry how often the holder of a source's credential may use it;
// without a source, how often anybody else may.
func (d *Door) Limits(
	ctx context.Context, u Use, l connector.Limiter, registry address.Address, s *Source,
) (username string, limits connector.Limits, err error) {
	if s == nil {
		limits, err = l.Limits(ctx, registry, credential.Credential{})
		return "", limits, err
	}
	subject := access.Subject{
		Action: access.Verify, Address: s.Address, Connector: s.connector(),
		To: access.Destination{Place: access.Registry, Name: registry.Host()},
	}
	err = d.Pass(ctx, u, subject, func(ctx context.Context) (string, error) {
		cred, err := d.resolve(ctx, u.Caller, *s)
		if err != nil {
			return "pull limits", err
		}
		defer cred.Secret.Wipe()
		username = cred.Username
		limits, err = l.Limits(ctx, registry, cred)
		return "pull limits", err
	})
	return username, limits, err
}

// An identity token is handed out only where a person asked for that: some clients send
// it as a password (docker-maven-plugin, older jib and containers/image), and it is good
// for longer than any other token. A connector may hold one in place of its password;
// else the registry grants one when a login asks for it, and it is kept with the login.

// IdentityToken has a registry grant a token for a login, and returns it as it is sealed;
// empty when the connector mints one itself. The caller wipes it.
func (d *Door) IdentityToken(
	ctx context.Context, u Use, g Grant, a address.Address,
) (sealed credential.Secret, err error) {
	minted, err := d.mint(ctx, u.Caller, g, a)
	minted.Secret.Wipe()
	if err != nil || minted.IsIdentityToken() {
		return sealed, err
	}
	asker, can := g.Kind.(connector.IdentityTokens)
	reg, ok := g.Kind.Match(g.Spec, a)
	if !can || !ok {
		return sealed, credential.NewError(credential.InvalidInput,
			"there are no identity tokens for service connectors of type '"+g.Spec.Type+"'", "log in "+
				"without --identity-token")
	}
	s := g.subject(access.Mint, reg.Address)
	s.To = registryOf(g.Spec, reg.Address)
	err = d.Pass(ctx, u, s, func(ctx context.Context) (string, error) {
		return "identity token", d.with(ctx, g, func(spec connector.Spec) error {
			token, err := asker.IdentityToken(ctx, spec, reg)
			if err == nil {
				sealed = PackCredential(token)
				token.Secret.Wipe()
			}
			return err
		})
	})
	return sealed, err
}
