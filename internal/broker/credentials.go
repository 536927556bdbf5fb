package broker

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/broker/door"
	"github.com/zen-agent/zen/internal/broker/home"
	"github.com/zen-agent/zen/internal/broker/state"
	"github.com/zen-agent/zen/internal/catalog"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/keystore"
)

// Credentials answers the clients of registries: get, store, erase and list, and what is
// asked about a credential.
type Credentials struct{ *core }

// Sources of a login, as api.Login.Source has them.
const (
	sourceConnector = "connector"
	sourceStored    = "docker login"
)

func notLoggedIn(a address.Address) error {
	return credential.NewError(credential.NotLoggedIn, "not logged in to "+a.String(), "zen login "+
		"NAME, or docker login "+a.Host())
}

// Get answers for a server URL as a client spelled it. NotLoggedIn means that no login
// covers it, which needs neither the vault's key nor the disk. The caller wipes the
// credential's secret.
func (b *Credentials) Get(
	ctx context.Context,
	caller access.Caller,
	serverURL string,
) (credential.Credential, error) {
	a, scheme, err := address.ParseURL(serverURL)
	if err != nil {
		return credential.Credential{}, err
	}
	login, err := b.loginFor(caller, a)
	if err != nil {
		err = b.unknown(ctx, a, err)
		if b.misses != nil && b.Settings().Misses {
			key, _, _ := strings.Cut(serverURL, "?") // what follows could be a secret
			b.misses.Record(caller, access.Subject{Action: access.Get, Address: a}, err, key)
		}
		return credential.Credential{}, err
	}
	src, inClear := b.source(login, a), scheme == address.HTTP && !login.PlainHTTP && !a.IsLoopback()
	if inClear {
		src.Refused = credential.NewError(
			credential.Denied,
			"the credential for "+login.Address+" is not sent over http",
			"ask for https://"+a.Host()+", or log in to http://"+a.Host(),
		)
	}
	cred, err := b.Door.Serve(ctx, door.Use{Caller: caller, For: access.Get}, login.ConnectorName, src)
	switch {
	case inClear:
		return credential.Credential{}, err
	case err != nil:
		return credential.Credential{}, explainGet(err, login)
	}
	b.noteServed(login.ID, cred)
	if login.Server != "" {
		b.homes.LookAgain(ctx, login.ConnectorID)
	}
	return cred, nil
}

// unknown is the answer for an address without a login. While the vault cannot be read
// there are none; then the addresses that had one get the reason instead, since a client
// would go on without a credential and fail far from the cause.
func (b *core) unknown(ctx context.Context, a address.Address, notFound error) error {
	if err := b.Unreadable(ctx); err != nil && b.WasKnown(a) {
		return err
	}
	return notFound
}

func (b *core) loginFor(caller access.Caller, a address.Address) (login api.Login, err error) {
	now := b.Now()
	var found bool
	b.Read(func(c *catalog.Catalog) { login, found = c.Logins.For(a, caller.Dir, caller.Profile, now) })
	if !found {
		return login, notLoggedIn(a)
	}
	return login, nil
}

// explainGet names the login in an error that would otherwise leave the person guessing
// which one failed.
func explainGet(err error, login api.Login) error {
	e, ok := asError(err)
	if !ok || login.ConnectorName == "" || strings.Contains(e.Message, login.ConnectorName) {
		return err
	}
	c := *e
	c.Message = fmt.Sprintf(
		"%s (service connector '%s' for %s)",
		e.Message,
		login.ConnectorName,
		login.Address,
	)
	return &c
}

// source is where the credential of a login comes from.
func (b *core) source(login api.Login, a address.Address) door.Source {
	src := door.Source{
		Record:  login.ID,
		Token:   login.IdentityToken,
		Address: a,
		Login:   home.Canonical(login.Address),
	}
	if login.ConnectorID == "" {
		return src
	}
	var conn api.ServiceConnector
	var found bool
	b.Read(func(c *catalog.Catalog) { conn, found = c.Connectors.ByID(login.ConnectorID) })
	if !found {
		src.Refused = credential.NewError(credential.NoSuchEntity,
			"the service connector behind "+login.Address+" is gone", "zen logout "+login.Address)
		return src
	}
	g, err := b.homes.Grant(conn)
	if login.ResourceID != "" {
		g.Spec.ResourceID = login.ResourceID
	}
	src.Grant, src.Refused = &g, err
	return src
}

func (b *core) noteServed(id string, cred credential.Credential) {
	b.usage.note(id, cred, b.Now())
	b.Touch()
}

// Store keeps what docker login was given: a credential of its own and a login for its
// address. Storing what was just served changes nothing. A login through a connector for
// that address ends.
func (b *Credentials) Store(
	ctx context.Context,
	caller access.Caller,
	serverURL string,
	cred credential.Credential,
) error {
	a, scheme, err := address.ParseURL(serverURL)
	if err != nil {
		return err
	}
	subject := access.Subject{Action: access.Store, Address: a}
	login := api.Login{
		ID: uuid.NewString(), Address: a.String(), ServerURL: a.ServerURL(), Source: sourceStored,
		Profile: caller.Profile, PlainHTTP: scheme == address.HTTP, Created: b.Now().UTC(), Until: b.until(0),
	}
	if old, err := b.loginFor(caller, a); err == nil && old.Address == login.Address {
		// what is asked for by https only would be refused to a client that says http
		plain := login.PlainHTTP && !old.PlainHTTP && !a.IsLoopback()
		switch stored := b.isStored(ctx, old, cred); {
		case stored && !plain:
			b.Audit(caller, subject, nil, "unchanged")
			return nil
		case stored && old.ConnectorID != "":
			err := credential.NewError(credential.InvalidInput, "zen answers for "+a.String()+" by "+
				source(old)+", over https only", "log in without http://: docker login "+a.String())
			b.Audit(caller, subject, err, "")
			return err
		}
		login.Dir, login.Profile = old.Dir, old.Profile // take the place of the one that answered here
	}
	detail, err := b.storeNew(ctx, login, cred)
	b.Audit(caller, subject, err, detail)
	return err
}

// isStored reports whether the credential is what the login answers anyway.
func (b *Credentials) isStored(ctx context.Context, login api.Login, cred credential.Credential) bool {
	if b.usage.wasServed(login.ID, cred) {
		return true
	}
	if login.ConnectorID != "" {
		return false
	}
	same, err := b.Door.Same(ctx, door.Source{Record: login.ID}, cred)
	return err == nil && same
}

func (b *Credentials) storeNew(
	ctx context.Context,
	login api.Login,
	cred credential.Credential,
) (detail string, err error) {
	err = b.Change(ctx, func(c *catalog.Catalog) (state.Edit, error) {
		change, replaced, err := c.Logins.Put(login)
		detail = "stored"
		if replaced != nil {
			detail = "replaced the login by " + source(*replaced)
		}
		return state.Edit{
			Change:  change,
			Secrets: map[string]credential.Secret{login.ID: door.PackCredential(cred)},
		}, err
	})
	if err != nil {
		return "", err
	}
	b.noteServed(login.ID, cred)
	return detail, nil
}

func source(l api.Login) string {
	if l.ConnectorName != "" {
		return "service connector '" + l.ConnectorName + "'"
	}
	return l.Source
}

// Erase ends the login for exactly this address (docker logout). Erasing what is absent
// succeeds; a connector stays.
func (b *Credentials) Erase(ctx context.Context, caller access.Caller, serverURL string) error {
	a, _, err := address.ParseURL(serverURL)
	if err != nil {
		return err
	}
	login, err := b.loginFor(caller, a)
	if err != nil {
		if err := b.unknown(ctx, a, err); !credential.NotLoggedIn.Is(err) {
			return err
		}
		return nil
	}
	if login.Address != a.String() {
		return nil
	}
	_, err = b.end(ctx, func(l api.Login) bool { return l.ID == login.ID })
	b.Audit(caller, access.Subject{Action: access.Erase, Address: a, Connector: login.ConnectorName}, err, "")
	return err
}

// List answers the logins that Get can answer without a human, by Docker's spelling of
// their address. It never prompts and never uses the network: a login whose user name
// would have to be minted is named once it was used.
func (b *Credentials) List(ctx context.Context, caller access.Caller) (map[string]string, error) {
	items := make(map[string]string)
	policy := b.Settings().ListPolicy
	if policy == "none" || !b.openQuietly(ctx) {
		return items, nil
	}
	if err := b.largeIfMany(ctx); err != nil {
		return nil, err
	}
	for _, l := range b.logins() {
		if policy == "static" && !b.isStatic(l) {
			continue
		}
		if !b.answers(caller, l) {
			continue // another login answers for this address here
		}
		if name := b.username(ctx, l); name != "" && b.problem(l) == "" {
			items[l.ServerURL] = name
		}
	}
	b.Audit(caller, access.Subject{Action: access.List}, nil, fmt.Sprintf("%d names", len(items)))
	return items, nil
}

// Unlisted is why List named nobody although there may be logins: the vault is locked. A
// client that asks only for what is listed would go on without a word.
func (b *Credentials) Unlisted(ctx context.Context) error {
	if b.Settings().ListPolicy == "none" || b.Vault.State().State == keystore.StateUnlocked {
		return nil
	}
	return b.Vault.EnsureOpen(ctx)
}

// isStatic reports whether a login hands out a stored secret rather than a minted one.
func (b *core) isStatic(l api.Login) bool {
	if l.ConnectorID == "" {
		return true
	}
	var conn api.ServiceConnector
	b.Read(func(c *catalog.Catalog) { conn, _ = c.Connectors.ByID(l.ConnectorID) })
	g, _ := b.homes.Grant(conn) // its kind is there also when it has run out
	s, ok := g.Kind.(connector.Static)
	return ok && s.IsStatic(g.Spec)
}

// username returns the user name a login answers with, if it is known without minting; ""
// otherwise.
func (b *core) username(ctx context.Context, l api.Login) string {
	if name := b.usage.name(l.ID); name != "" {
		return name
	}
	if !b.isStatic(l) {
		return ""
	}
	name, err := b.Door.Username(ctx, b.source(l, home.Canonical(l.Address)))
	if err == nil && name != "" {
		b.usage.setName(l.ID, name)
	}
	return name
}

// many is how many entities make an answer that names all of them a large one.
const many = 100

// largeIfMany waits for the turn of an answer that names all logins, when there are many.
func (b *core) largeIfMany(ctx context.Context) error {
	var n int
	b.Read(func(c *catalog.Catalog) { n = c.Logins.Count() })
	if n <= many {
		return nil
	}
	return b.large(ctx)
}

// largeIfAll waits for the turn of an answer that may be a long list.
func (b *core) largeIfAll(ctx context.Context, q api.Query) error {
	if q.Size >= 0 && q.Size <= many {
		return nil
	}
	return b.large(ctx)
}

func (b *core) logins() (list []api.Login) {
	now := b.Now()
	b.Read(func(c *catalog.Catalog) { list = c.Logins.List() })
	return slices.DeleteFunc(list, func(l api.Login) bool { return l.Until != nil && !now.Before(*l.Until) })
}

// end ends every login that match selects and forgets what was remembered about them.
func (b *core) end(ctx context.Context, match func(api.Login) bool) (ended []api.Login, err error) {
	err = b.Change(ctx, func(c *catalog.Catalog) (state.Edit, error) {
		var change catalog.Change
		ended, change = c.Logins.End(match)
		return state.Edit{Change: change}, nil
	})
	if err != nil {
		return nil, err
	}
	b.usage.forget(ended)
	return ended, nil
}
