package broker

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/catalog"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/tokencache"
)

// Names of the attributes in the sealed record of a stored credential (docker login).
const (
	blobUsername = "username"
	blobSecret   = "secret"
)

// Sources of a login, as api.Login.Source has them.
const (
	sourceConnector = "connector"
	sourceStored    = "docker login"
)

func notLoggedIn(a address.Address) error {
	return credential.NewError(credential.NotLoggedIn, "nobody is logged in to "+a.String(), "zen login NAME, or docker login "+a.Host())
}

// Get answers for a server URL as a client spelled it. NotLoggedIn means that no login covers it, which needs neither the
// vault's key nor the disk. The caller wipes the credential's secret.
func (b *Broker) Get(ctx context.Context, caller Caller, serverURL string) (credential.Credential, error) {
	a, scheme, err := address.ParseScheme(serverURL)
	if err != nil {
		return credential.Credential{}, err
	}
	login, err := b.loginFor(caller, a)
	if err != nil {
		return credential.Credential{}, b.unknown(ctx, a, err)
	}
	subject := Subject{Action: ActionGet, Address: a, Login: mustParse(login.Address), Connector: login.ConnectorName}
	var cred credential.Credential
	if scheme == address.HTTP && !login.PlainHTTP && !a.IsLoopback() {
		err = credential.NewError(credential.Denied, "the credential for "+login.Address+" is not sent over http",
			"ask for https://"+a.Host()+", or log in to http://"+a.Host())
	} else {
		cred, err = b.getFor(ctx, caller, subject, login)
	}
	b.audit(caller, subject, err, refusalText(err))
	return cred, err
}

// refusalText is what the audit log tells of an error: why zen did not hand out what it could have.
func refusalText(err error) string {
	switch credential.ReasonOf(err) {
	case credential.Denied, credential.RateLimited, credential.Timeout:
		return err.Error()
	}
	return ""
}

// unknown is the answer for an address without a login. While the vault cannot be read there are none; then the addresses
// that had one get the reason instead, since a client would go on without a credential and fail far from the cause.
func (b *Broker) unknown(ctx context.Context, a address.Address, notFound error) error {
	if err := b.unreadable(ctx); err != nil && b.wasKnown(a) {
		return err
	}
	return notFound
}

func (b *Broker) loginFor(caller Caller, a address.Address) (login api.Login, err error) {
	now := b.now()
	var found bool
	b.read(func(c *catalog.Catalog) { login, found = c.Logins.For(a, caller.Dir, caller.Profile, now) })
	if !found {
		return login, notLoggedIn(a)
	}
	return login, nil
}

func (b *Broker) getFor(ctx context.Context, caller Caller, s Subject, login api.Login) (credential.Credential, error) {
	if err := b.allow(ctx, caller, s); err != nil {
		return credential.Credential{}, err
	}
	if _, err := b.LockIfIdle(b.now()); err != nil {
		b.log.Warn("Cannot lock the vault after idle time", "error", err)
	}
	cred, err := b.resolve(ctx, login, s.Address)
	if err != nil {
		return credential.Credential{}, explainGet(err, login)
	}
	b.noteServed(login.ID, cred)
	return cred, nil
}

// explainGet names the login in an error that would otherwise leave the person guessing which one failed.
func explainGet(err error, login api.Login) error {
	e, ok := asError(err)
	if !ok || login.ConnectorName == "" || strings.Contains(e.Message, login.ConnectorName) {
		return err
	}
	c := *e
	c.Message = fmt.Sprintf("%s (service connector '%s' for %s)", e.Message, login.ConnectorName, login.Address)
	return &c
}

// resolve returns the credential of a login: the stored one, or what its connector mints.
func (b *Broker) resolve(ctx context.Context, login api.Login, a address.Address) (credential.Credential, error) {
	if login.ConnectorID == "" {
		return b.storedCredential(ctx, login)
	}
	var conn api.ServiceConnector
	var found bool
	b.read(func(c *catalog.Catalog) { conn, found = c.Connectors.ByID(login.ConnectorID) })
	if !found {
		return credential.Credential{}, credential.NewError(credential.NoSuchEntity,
			"the service connector behind "+login.Address+" is gone", "zen logout "+login.Address)
	}
	cred, err := b.mint(ctx, conn, login.ResourceID, a)
	if err != nil {
		return cred, err
	}
	return b.chosen(ctx, login, cred)
}

func (b *Broker) storedCredential(ctx context.Context, login api.Login) (credential.Credential, error) {
	attrs, err := b.secrets(ctx, login.ID)
	if err != nil {
		return credential.Credential{}, err
	}
	defer attrs[blobUsername].Wipe()
	return credential.Credential{Username: string(attrs[blobUsername].Reveal()), Secret: attrs[blobSecret]}, nil
}

// secrets opens a sealed record; the caller wipes what it gets.
func (b *Broker) secrets(ctx context.Context, id string) (map[string]credential.Secret, error) {
	if err := b.vault.EnsureOpen(ctx); err != nil {
		return nil, err
	}
	blob, err := b.vault.SecretWhen(id, func() error { return b.large(ctx) })
	if err != nil {
		return nil, err
	}
	defer blob.Wipe()
	return unpackBlob(blob)
}

// mint asks the engine for a connector's credential; the kind is only reached on a miss.
func (b *Broker) mint(ctx context.Context, conn api.ServiceConnector, resource string, a address.Address) (credential.Credential, error) {
	if err := b.notExpired(conn); err != nil {
		return credential.Credential{}, err
	}
	kind, err := b.kindOf(conn)
	if err != nil {
		return credential.Credential{}, err
	}
	spec, secretID, err := b.specOf(conn)
	if err != nil {
		return credential.Credential{}, err
	}
	if resource != "" {
		spec.ResourceID = resource
	}
	reg, ok := kind.Match(spec, a)
	if !ok {
		return credential.Credential{}, credential.NewError(credential.InvalidInput,
			fmt.Sprintf("service connector '%s' does not give access to %s", conn.Name, a), "zen logout "+a.String())
	}
	key := tokencache.Key{ConnectorID: conn.ID, Revision: conn.Revision, Input: reg.Key}
	return b.engine.Get(ctx, key, minter{b, secretID, kind, spec, reg})
}

// minter makes one credential of one connector: it opens the connector's secrets for just that long.
type minter struct {
	broker *Broker
	id     string // of the record with the secrets
	kind   connector.Kind
	spec   connector.Spec
	reg    connector.Registry
}

func (m minter) Mint(ctx context.Context) (credential.Credential, error) {
	attrs, err := m.broker.secrets(ctx, m.id)
	if err != nil {
		return credential.Credential{}, err
	}
	defer wipeAll(attrs)
	m.spec.Secrets = attrs
	return m.kind.Mint(ctx, m.spec, m.reg)
}

// noteServed remembers when a login was used, by which user name, and what was handed out.
func (b *Broker) noteServed(id string, cred credential.Credential) {
	d := b.served.digest(cred.Username, cred.Secret)
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	b.used[id], b.lastUse = now, now.Round(0)
	b.names[id] = cred.Username
	if !b.served.latest(id, d) {
		b.served.add(id, d)
	}
}

func (b *Broker) wasServed(id string, cred credential.Credential) bool {
	d := b.served.digest(cred.Username, cred.Secret)
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.served.contains(id, d)
}

// Store keeps what docker login was given: a credential of its own and a login for its address. Storing what was just
// served changes nothing. A login through a connector for that address ends.
func (b *Broker) Store(ctx context.Context, caller Caller, serverURL string, cred credential.Credential) error {
	a, scheme, err := address.ParseScheme(serverURL)
	if err != nil {
		return err
	}
	subject := Subject{Action: ActionStore, Address: a}
	if err := b.allow(ctx, caller, subject); err != nil {
		b.audit(caller, subject, err, "")
		return err
	}
	// PlainHTTP lets a client have it that says http:// again, and is no word to zend:
	// docker itself asks by TLS for what it was told to log in to as http://, and any
	// program may store. See agree.
	login := api.Login{
		ID: uuid.NewString(), Address: a.String(), ServerURL: a.ServerURL(), Source: sourceStored,
		Profile: caller.Profile, PlainHTTP: scheme == address.HTTP, Created: b.now().UTC(), Until: b.until(0),
	}
	if old, err := b.loginFor(caller, a); err == nil && old.Address == login.Address {
		if b.isStored(ctx, old, cred) {
			b.audit(caller, subject, nil, "unchanged")
			return nil
		}
		login.Dir, login.Profile = old.Dir, old.Profile // take the place of the one that answered here
	}
	detail, err := b.storeNew(ctx, login, cred)
	b.audit(caller, subject, err, detail)
	return err
}

// isStored reports whether the credential is what the login answers anyway.
func (b *Broker) isStored(ctx context.Context, login api.Login, cred credential.Credential) bool {
	if b.wasServed(login.ID, cred) {
		return true
	}
	if login.ConnectorID != "" {
		return false
	}
	have, err := b.storedCredential(ctx, login)
	defer have.Secret.Wipe()
	return err == nil && have.Username == cred.Username && have.Secret.Equal(cred.Secret)
}

func (b *Broker) storeNew(ctx context.Context, login api.Login, cred credential.Credential) (detail string, err error) {
	username := credential.SecretString(cred.Username)
	defer username.Wipe()
	err = b.change(ctx, func(c *catalog.Catalog) (edit, error) {
		change, replaced, err := c.Logins.Put(login)
		detail = "stored"
		if replaced != nil {
			detail = "replaced the login by " + source(*replaced)
		}
		blob := packBlob(map[string]credential.Secret{blobUsername: username, blobSecret: cred.Secret})
		return edit{Change: change, secrets: map[string]credential.Secret{login.ID: blob}}, err
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

// Erase ends the login for exactly this address (docker logout). Erasing what is absent succeeds; a connector stays.
func (b *Broker) Erase(ctx context.Context, caller Caller, serverURL string) error {
	a, err := address.Parse(serverURL)
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
	subject := Subject{Action: ActionErase, Address: a, Connector: login.ConnectorName}
	if err := b.allow(ctx, caller, subject); err != nil {
		b.audit(caller, subject, err, "")
		return err
	}
	_, err = b.end(ctx, func(l api.Login) bool { return l.ID == login.ID })
	b.audit(caller, subject, err, "")
	return err
}

// List answers the logins that Get can answer without a human, by Docker's spelling of their address. It never prompts and
// never uses the network: a login whose user name would have to be minted is named once it was used.
func (b *Broker) List(ctx context.Context, caller Caller) (map[string]string, error) {
	items := make(map[string]string)
	policy := b.currentSettings().ListPolicy
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
	b.audit(caller, Subject{Action: ActionList}, nil, fmt.Sprintf("%d names", len(items)))
	return items, nil
}

// mustParse parses an address that the catalog holds; those are canonical.
func mustParse(s string) address.Address {
	a, _ := address.Parse(s)
	return a
}

// isStatic reports whether a login hands out a stored secret rather than a minted one.
func (b *Broker) isStatic(l api.Login) bool {
	if l.ConnectorID == "" {
		return true
	}
	var conn api.ServiceConnector
	b.read(func(c *catalog.Catalog) { conn, _ = c.Connectors.ByID(l.ConnectorID) })
	kind, err := b.kindOf(conn)
	if err != nil {
		return false
	}
	s, ok := kind.(connector.Static)
	return ok && s.IsStatic(publicSpec(conn))
}

// username returns the user name a login answers with, if it is known without minting; "" otherwise.
func (b *Broker) username(ctx context.Context, l api.Login) string {
	b.mu.RLock()
	name := b.names[l.ID]
	b.mu.RUnlock()
	if name != "" {
		return name
	}
	cred, err := credential.Credential{}, error(nil)
	if l.ConnectorID == "" {
		cred, err = b.storedCredential(ctx, l)
	} else if b.isStatic(l) {
		cred, err = b.resolve(ctx, l, mustParse(l.Address))
	}
	if err != nil {
		return ""
	}
	cred.Secret.Wipe()
	if cred.Username != "" {
		b.mu.Lock()
		b.names[l.ID] = cred.Username
		b.mu.Unlock()
	}
	return cred.Username
}

// many is how many entities make an answer that names all of them a large one.
const many = 100

// largeIfMany waits for the turn of an answer that names all logins, when there are many.
func (b *Broker) largeIfMany(ctx context.Context) error {
	var n int
	b.read(func(c *catalog.Catalog) { n = c.Logins.Count() })
	if n <= many {
		return nil
	}
	return b.large(ctx)
}

// largeIfAll waits for the turn of an answer that may be a long list.
func (b *Broker) largeIfAll(ctx context.Context, q api.Query) error {
	if q.Size >= 0 && q.Size <= many {
		return nil
	}
	return b.large(ctx)
}

func (b *Broker) logins() (list []api.Login) {
	now := b.now()
	b.read(func(c *catalog.Catalog) { list = c.Logins.List() })
	return slices.DeleteFunc(list, func(l api.Login) bool { return l.Until != nil && !now.Before(*l.Until) })
}

// end ends every login that match selects and forgets what was remembered about them.
func (b *Broker) end(ctx context.Context, match func(api.Login) bool) (ended []api.Login, err error) {
	err = b.change(ctx, func(c *catalog.Catalog) (edit, error) {
		var change catalog.Change
		ended, change = c.Logins.End(match)
		return edit{Change: change}, nil
	})
	if err != nil {
		return nil, err
	}
	b.forget(ended)
	return ended, nil
}

func (b *Broker) forget(ended []api.Login) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, l := range ended {
		delete(b.used, l.ID)
		delete(b.names, l.ID)
		delete(b.served.by, l.ID)
	}
}
