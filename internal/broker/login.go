package broker

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

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
)

// Sessions logs connectors in and out, and tells who is logged in.
type Sessions struct{ *core }

// until is when a login that starts now ends: after ttl seconds, or if that is 0 after
// the configured default; nil: never.
func (b *core) until(ttlSeconds int) *time.Time {
	ttl := time.Duration(ttlSeconds) * time.Second
	if ttl == 0 {
		ttl = b.Settings().LoginTTL
	}
	if ttl <= 0 {
		return nil
	}
	// without the monotonic reading, which stands still while a laptop sleeps
	t := b.Now().UTC().Round(0).Add(ttl)
	return &t
}

// maxTTLSeconds is 100 years: more makes no difference to anybody, and three times as
// much is more than a time.Duration holds.
const maxTTLSeconds = 100 * 365 * 24 * 60 * 60

// Login makes a connector answer for its registry. It first proves that a pull will work:
// the connector mints, and the registry accepts what was minted.
func (b *Sessions) Login(
	ctx context.Context,
	caller access.Caller,
	req api.LoginRequest,
) (api.LoginResult, error) {
	if req.TTLSeconds < api.NoTTL || req.TTLSeconds > maxTTLSeconds {
		return api.LoginResult{}, credential.NewError(credential.InvalidInput,
			strconv.Itoa(req.TTLSeconds)+" s is not a valid time limit of a login", "at most 100 years: "+
				"--ttl 8h")
	}
	conn, wanted, stack, err := b.loginConnector(ctx, req)
	if err != nil {
		return api.LoginResult{}, err
	}
	l := attempt{
		use:  door.Use{Caller: caller, For: access.Login},
		req:  req,
		conn: conn,
		home: b.homes.Of(conn),
	}
	result, err := b.login(ctx, &l, wanted)
	result.Stack = stack
	if err == nil && req.Name != "" {
		result.Shadowed = b.homes.Shadowed(ctx, conn, req.Server)
	}
	if err == nil && (result.Taken != nil || len(result.Choices) > 0) {
		return result, nil
	}
	b.Audit(
		caller,
		access.Subject{Action: access.Login, Address: l.address, Connector: conn.Name},
		err,
		result.Resource.Verification,
	)
	return result, err
}

// attempt is a login under way.
type attempt struct {
	use     door.Use
	req     api.LoginRequest
	conn    api.ServiceConnector
	home    home.Home // of the connector
	grant   door.Grant
	address address.Address // that the login is for
}

// loginConnector finds the connector to log in with, and the resource it is wanted for
// ("": the connector's own). stack is that of the zenml command, if it decided.
func (b *Sessions) loginConnector(
	ctx context.Context,
	req api.LoginRequest,
) (conn api.ServiceConnector, resource, stack string, err error) {
	if req.Name != "" {
		conn, err = b.homes.FindConnector(ctx, req.Name, req.Server, catalog.ByPrefix)
		return conn, req.ResourceID, "", err
	}
	reg, err := b.homes.FindRegistry(ctx, req.Registry, req.Server, catalog.ByPrefix)
	if req.Registry == "" && req.ZenML != nil && credential.NoSuchEntity.Is(err) {
		var chosen api.Stack
		reg, chosen, err = b.homes.RegistryOfZenML(ctx, *req.ZenML)
		stack = chosen.Name
	}
	if err != nil {
		return conn, "", "", err
	}
	if reg.ConnectorID == "" {
		return conn, "", "", credential.NewError(
			credential.InvalidInput,
			fmt.Sprintf("container registry '%s' is not connected to a service connector", reg.Name),
			fmt.Sprintf(
				"zen container-registry connect %s --connector NAME%s",
				reg.Name,
				b.homes.At(reg.Server).Option(),
			),
		)
	}
	conn, err = b.homes.At(reg.Server).Linked(ctx, reg.ConnectorID)
	return conn, orURI(reg), stack, err
}

// orURI is the resource of its connector that a container registry is.
func orURI(reg api.ContainerRegistry) string {
	if reg.ConnectorResourceID != "" {
		return reg.ConnectorResourceID
	}
	return reg.URI()
}

// login logs in with the attempt's connector, for a resource of it ("": its own).
func (b *Sessions) login(
	ctx context.Context,
	l *attempt,
	resource string,
) (result api.LoginResult, err error) {
	if _, plain := connector.Unencrypted(l.conn.Configuration); plain && l.req.Insecure {
		l.conn.Insecure = true
	}
	if l.grant, err = l.home.Grant(l.conn); err != nil {
		return result, err
	}
	if err := home.CheckPlain(l.conn, l.grant.Spec); err != nil {
		return result, err
	}
	spec := &l.grant.Spec
	if *spec, err = home.Request(*spec, l.req.ResourceType, resource); err != nil {
		return result, err
	}
	if spec.ResourceID == "" {
		ids, err := l.home.Choices(ctx, l.use, l.grant, l.conn)
		if err != nil || len(ids) > 1 {
			return api.LoginResult{Connector: l.conn, Choices: ids}, err
		}
		spec.ResourceID = ids[0]
	}
	if l.address, err = loginAddress(l.home.LoginHost(spec.ResourceID), l.req.Path); err != nil {
		return result, err
	}
	if old := b.collides(l); old != nil {
		wanted := api.Login{Address: l.address.String(), ResourceID: spec.ResourceID}
		return api.LoginResult{Connector: l.conn, Login: wanted, Taken: old}, nil
	}
	proof, err := b.prove(ctx, l)
	if err != nil {
		return result, err
	}
	var token credential.Secret
	defer func() { token.Wipe() }()
	if l.req.IdentityToken {
		if token, err = b.Door.IdentityToken(ctx, l.use, l.grant, l.address); err != nil {
			return result, err
		}
	}
	result, err = b.record(ctx, l, token)
	result.Resource = proof
	return result, err
}

// loginAddress is the address a login answers for: the registry, or a repository path on
// it.
func loginAddress(resource, path string) (address.Address, error) {
	if path != "" {
		a, err := address.Parse(resource)
		if err != nil {
			return a, err
		}
		return address.Parse(a.Registry().String() + "/" + strings.Trim(path, "/"))
	}
	return address.Parse(resource)
}

// prove mints once and asks the registry. Anything but acceptance is an error: after a
// login, a pull works.
func (b *Sessions) prove(ctx context.Context, l *attempt) (api.Resource, error) {
	r := home.ResourceOf(l.conn)
	r.ResourceType = l.grant.Spec.ResourceType
	ids, report, err := b.Door.Prove(ctx, l.use, door.Proof{
		Grant: l.grant, Address: l.address, Token: l.req.IdentityToken, NoVerify: l.req.NoVerify,
	})
	if err != nil && report.Verification != api.VerificationRejected {
		return api.Resource{}, err // minting failed: the registry was not asked
	}
	r.ResourceIDs = ids
	resources, err := home.Reported(r, report, err)
	return proven(resources, err, l.conn)
}

// proven is the resource that a registry was asked about; one that cannot be reached
// proves nothing.
func proven(resources []api.Resource, err error, conn api.ServiceConnector) (api.Resource, error) {
	if err != nil || len(resources) == 0 {
		return api.Resource{}, home.AcceptedBefore(conn, err)
	}
	if r := resources[0]; r.Verification == api.VerificationUnreachable {
		return r, credential.NewError(credential.Unreachable, r.Error,
			fmt.Sprintf("check the address and your network, or: zen login %s --no-verify", conn.Name))
	}
	return resources[0], nil
}

// collides is the login that would be replaced although it is for another part of the
// same host: whoever logs in to the second one may not know that clients ask for the
// host, and that one login answers for it.
func (b *Sessions) collides(l *attempt) (taken *api.Login) {
	if l.req.Replace {
		return nil
	}
	now, resource := b.Now(), home.Canonical(l.grant.Spec.ResourceID)
	b.Read(func(c *catalog.Catalog) {
		for _, old := range c.Logins.List() {
			same := old.Address == l.address.String() && old.Dir == l.req.Dir &&
				old.Profile == l.req.Profile &&
				(old.Until == nil || old.Until.After(now))
			if same && old.ConnectorID != "" && old.ResourceID != "" &&
				home.Canonical(old.ResourceID) != resource {
				taken = &old
			}
		}
	})
	return taken
}

// record keeps a login that was proven, with the identity token that it has of its own,
// if it has one.
func (b *Sessions) record(ctx context.Context, l *attempt, token credential.Secret) (api.LoginResult, error) {
	_, plain, _ := connector.RegistryOf(l.grant.Spec, "")
	login := api.Login{
		ID: uuid.NewString(), Address: l.address.String(), ServerURL: l.address.ServerURL(),
		ConnectorID:   l.conn.ID,
		ConnectorName: l.conn.Name, ResourceID: l.grant.Spec.ResourceID, Source: sourceConnector,
		Dir: l.req.Dir, Profile: l.req.Profile,
		PlainHTTP: plain, IdentityToken: l.req.IdentityToken, Created: b.Now().UTC(),
		Until: b.until(l.req.TTLSeconds),
	}
	result := api.LoginResult{Login: login, Connector: l.conn, TypeName: l.home.TypeName(l.conn)}
	var replaced *api.Login
	err := b.Change(ctx, func(c *catalog.Catalog) (state.Edit, error) {
		kept, err := l.home.Keep(c, l.conn)
		if err != nil {
			return state.Edit{}, err
		}
		change, old, err := c.Logins.Put(login, kept.Put...)
		replaced = old
		e := state.Edit{Change: change}
		if !token.IsEmpty() {
			e.Secrets = map[string]credential.Secret{login.ID: token}
		}
		return e, err
	})
	if err != nil {
		return result, err
	}
	if replaced != nil {
		b.usage.forget([]api.Login{*replaced})
		if replaced.ConnectorID != l.conn.ID || replaced.ResourceID != login.ResourceID {
			result.Replaced = source(*replaced)
		}
	}
	return result, nil
}

// Logout ends the logins of a connector or of a registry address, or all. A stored
// credential goes with its login.
func (b *Sessions) Logout(
	ctx context.Context,
	caller access.Caller,
	req api.LogoutRequest,
) (api.LogoutResult, error) {
	match, err := b.logoutMatch(req)
	if err != nil {
		return api.LogoutResult{}, err
	}
	ended, err := b.end(ctx, match)
	if err == nil && len(ended) == 0 && !req.All {
		err = credential.NewError(credential.NotLoggedIn, fmt.Sprintf("'%s' is not logged "+
			"in", req.Name), b.meant(req.Name))
	}
	for _, l := range ended {
		b.Audit(
			caller,
			access.Subject{
				Action:    access.Logout,
				Address:   home.Canonical(l.Address),
				Connector: l.ConnectorName,
			},
			nil,
			"",
		)
		if l.ConnectorID != "" {
			b.Engine.Drop(l.ConnectorID)
		}
	}
	return api.LogoutResult{Ended: ended}, err
}

// meant is the hint for a name that nobody is logged in by: of a prefix, the whole name.
func (b *Sessions) meant(name string) string {
	var begun []string
	for _, l := range b.logins() {
		if l.ConnectorName != name && strings.HasPrefix(l.ConnectorName, name) {
			begun = append(begun, "'"+l.ConnectorName+"'")
		}
	}
	slices.Sort(begun)
	if begun = slices.Compact(begun); len(begun) > 0 {
		return "type the whole name, of " + strings.Join(begun, ", ")
	}
	return "see who is logged in: zen status"
}

func (b *Sessions) logoutMatch(req api.LogoutRequest) (func(api.Login) bool, error) {
	scope := func(l api.Login) bool {
		return (req.Dir == "" || l.Dir == req.Dir) && (req.Profile == "" || l.Profile == req.Profile)
	}
	if req.All {
		return scope, nil
	}
	var conn api.ServiceConnector
	var err error
	b.Read(func(c *catalog.Catalog) { conn, err = c.Connectors.Resolve(req.Name, catalog.Exactly) })
	if credential.NoSuchEntity.Is(err) {
		var remotes []api.ServiceConnector
		b.Read(func(c *catalog.Catalog) { remotes = c.Servers.Remotes() })
		if len(remotes) > 0 {
			conn, err = catalog.FindConnector(remotes, catalog.WantedConnector(req.Name, catalog.Exactly))
		}
	}
	if err == nil {
		return func(l api.Login) bool { return l.ConnectorID == conn.ID && scope(l) }, nil
	}
	a, parseErr := address.Parse(req.Name)
	if parseErr != nil || credential.Ambiguous.Is(err) {
		return nil, err
	}
	return func(l api.Login) bool { return l.Address == a.String() && scope(l) }, nil
}
