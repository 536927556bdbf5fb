package broker

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/broker/door"
	"github.com/zen-agent/zen/internal/broker/state"
	"github.com/zen-agent/zen/internal/catalog"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/credential"
)

// until is when a login that starts now ends: after ttl seconds, or if that is 0 after the configured default; nil: never.
func (b *Broker) until(ttlSeconds int) *time.Time {
	ttl := time.Duration(ttlSeconds) * time.Second
	if ttl == 0 {
		ttl = b.Settings().LoginTTL
	}
	if ttl <= 0 {
		return nil
	}
	t := b.Now().UTC().Round(0).Add(ttl) // without the monotonic reading, which stands still while a laptop sleeps
	return &t
}

// Login makes a connector answer for its registry. It first proves that a pull will work: the connector mints, and the
// registry accepts what was minted.
func (b *Broker) Login(ctx context.Context, caller access.Caller, req api.LoginRequest) (api.LoginResult, error) {
	conn, wanted, stack, err := b.loginConnector(ctx, req)
	if err != nil {
		return api.LoginResult{}, err
	}
	result, a, err := b.login(ctx, caller, conn, wanted, req)
	result.Stack = stack
	if err == nil && req.Name != "" {
		result.Shadowed = b.shadowed(ctx, conn, req.Server)
	}
	if err == nil && (result.Taken != nil || len(result.Choices) > 0) {
		return result, nil
	}
	b.Audit(caller, access.Subject{Action: access.Login, Address: a, Connector: conn.Name}, err, result.Resource.Verification)
	return result, err
}

// loginConnector finds the connector to log in with, and the resource it is wanted for ("": the connector's own). stack is
// that of the zenml command, if it decided.
func (b *Broker) loginConnector(ctx context.Context, req api.LoginRequest) (conn api.ServiceConnector, resource, stack string, err error) {
	if req.Name != "" {
		conn, err = b.findConnector(ctx, req.Name, req.Server)
		return conn, req.ResourceID, "", err
	}
	reg, err := b.findRegistry(ctx, req.Registry, req.Server)
	if req.Registry == "" && req.ZenML != nil && credential.NoSuchEntity.Is(err) {
		var chosen api.Stack
		reg, chosen, err = b.registryOfZenML(ctx, *req.ZenML)
		stack = chosen.Name
	}
	if err != nil {
		return conn, "", "", err
	}
	if reg.ConnectorID == "" {
		where := ""
		if reg.Server != "" {
			where = " --server " + reg.Server
		}
		return conn, "", "", credential.NewError(credential.InvalidInput,
			fmt.Sprintf("container registry '%s' is not connected to a service connector", reg.Name),
			fmt.Sprintf("zen container-registry connect %s --connector NAME%s", reg.Name, where))
	}
	if reg.Server != "" {
		conn, err = b.findConnector(ctx, reg.ConnectorID, reg.Server)
	} else {
		conn, err = b.connectorByID(reg.ConnectorID)
	}
	return conn, orURI(reg), stack, err
}

// orURI is the resource of its connector that a container registry is.
func orURI(reg api.ContainerRegistry) string {
	if reg.ConnectorResourceID != "" {
		return reg.ConnectorResourceID
	}
	return reg.URI()
}

func (b *Broker) connectorByID(id string) (conn api.ServiceConnector, err error) {
	var ok bool
	b.Read(func(c *catalog.Catalog) { conn, ok = c.ConnectorByID(id) })
	if !ok {
		return b.resolveConnector(id)
	}
	return conn, nil
}

func (b *Broker) login(
	ctx context.Context, caller access.Caller, conn api.ServiceConnector, resource string, req api.LoginRequest,
) (result api.LoginResult, a address.Address, err error) {
	use := door.Use{Caller: caller, For: access.Login}
	g, err := b.grant(conn)
	if err != nil {
		return result, a, err
	}
	if g.Spec, err = request(g.Spec, req.ResourceType, resource); err != nil {
		return result, a, err
	}
	if g.Spec.ResourceID == "" && conn.Server != "" {
		ids, err := b.resourcesOf(ctx, use, g, conn)
		if err != nil || len(ids) > 1 {
			return api.LoginResult{Connector: conn, Choices: ids}, a, err
		}
		g.Spec.ResourceID = ids[0]
	}
	if g.Spec.ResourceID == "" {
		return result, a, credential.NewError(credential.InvalidInput, fmt.Sprintf(
			"the connector is configured to provide access to multiple %s resources. A resource name must be specified when requesting access to a resource.",
			g.Spec.ResourceType), "zen service-connector login "+conn.Name+" --resource-id REGISTRY")
	}
	registry := g.Spec.ResourceID
	if conn.Server != "" { // clients ask for the host, and that is what a server's credentials are good for
		registry = mustParse(registry).Host()
	}
	if a, err = loginAddress(registry, req.Path); err != nil {
		return result, a, err
	}
	if old := b.collides(a, g.Spec.ResourceID, req); old != nil {
		return api.LoginResult{Connector: conn, Login: api.Login{Address: a.String(), ResourceID: g.Spec.ResourceID}, Taken: old}, a, nil
	}
	proof, err := b.prove(ctx, use, g, conn, a, req)
	if err != nil {
		return result, a, err
	}
	var token credential.Secret
	if req.IdentityToken {
		token, err = b.Door.IdentityToken(ctx, use, g, a)
	}
	if err != nil {
		return result, a, err
	}
	result, err = b.recordLogin(ctx, conn, g, a, req, token)
	result.Resource = proof
	return result, a, err
}

// loginAddress is the address a login answers for: the registry, or a repository path on it.
func loginAddress(resource, path string) (address.Address, error) {
	if path != "" {
		a, err := address.Parse(resource)
		if err != nil {
			return a, err
		}
		return address.Parse(a.Host() + "/" + strings.Trim(path, "/"))
	}
	return address.Parse(resource)
}

// prove mints once and asks the registry. Anything but acceptance is an error: after a login, a pull works.
func (b *Broker) prove(
	ctx context.Context, use door.Use, g door.Grant, conn api.ServiceConnector, a address.Address, req api.LoginRequest,
) (api.Resource, error) {
	r := resource(conn)
	r.ResourceType = g.Spec.ResourceType
	ids, report, err := b.Door.Prove(ctx, use, door.Proof{Grant: g, Address: a, Token: req.IdentityToken, NoVerify: req.NoVerify})
	if err != nil && report.Verification != api.VerificationRejected {
		return api.Resource{}, err // minting failed: the registry was not asked
	}
	r.ResourceIDs = ids
	resources, err := reported(r, report, err)
	return proven(resources, err, conn)
}

// proven is the resource that a registry was asked about; one that cannot be reached proves nothing.
func proven(resources []api.Resource, err error, conn api.ServiceConnector) (api.Resource, error) {
	if err != nil || len(resources) == 0 {
		return api.Resource{}, acceptedBefore(conn, err)
	}
	if r := resources[0]; r.Verification == api.VerificationUnreachable {
		return r, credential.NewError(credential.Unreachable, r.Error,
			fmt.Sprintf("check the address and your network, or: zen login %s --no-verify", conn.Name))
	}
	return resources[0], nil
}

// resourcesOf are the registries that a server's connector gives access to; none is an error.
func (b *Broker) resourcesOf(ctx context.Context, use door.Use, g door.Grant, conn api.ServiceConnector) ([]string, error) {
	ids, err := b.Door.Resources(ctx, use, g)
	if err == nil && len(ids) == 0 {
		err = credential.NewError(credential.InvalidInput,
			fmt.Sprintf("service connector '%s' on server '%s' gives access to no container registry", conn.Name, conn.Server), "")
	}
	return ids, err
}

// collides is the login that would be replaced although it is for another part of the same host: whoever logs in to the second
// one may not know that clients ask for the host, and that one login answers for it.
func (b *Broker) collides(a address.Address, resource string, req api.LoginRequest) (taken *api.Login) {
	if req.Replace {
		return nil
	}
	now := b.Now()
	b.Read(func(c *catalog.Catalog) {
		for _, l := range c.Logins() {
			same := l.Address == a.String() && l.Dir == req.Dir && l.Profile == req.Profile && (l.Until == nil || l.Until.After(now))
			if same && l.ConnectorID != "" && l.ResourceID != "" && mustParse(l.ResourceID) != mustParse(resource) {
				taken = &l
			}
		}
	})
	return taken
}

func (b *Broker) recordLogin(
	ctx context.Context, conn api.ServiceConnector, g door.Grant, a address.Address, req api.LoginRequest, token credential.Secret,
) (api.LoginResult, error) {
	_, plain, _ := connector.RegistryOf(g.Spec.Config, "")
	login := api.Login{
		ID: uuid.NewString(), Address: a.String(), ServerURL: a.ServerURL(), ConnectorID: conn.ID, ConnectorName: conn.Name,
		ResourceID: g.Spec.ResourceID, Source: sourceConnector, Dir: req.Dir, Profile: req.Profile,
		PlainHTTP: plain, IdentityToken: req.IdentityToken, Created: b.Now().UTC(), Until: b.until(req.TTLSeconds),
	}
	result := api.LoginResult{Login: login, Connector: conn, TypeName: b.typeName(conn, g.Kind)}
	var replaced *api.Login
	err := b.Change(ctx, func(c *catalog.Catalog) (state.Edit, error) {
		var kept catalog.Change
		if conn.Server != "" {
			var err error
			if kept, err = c.PutRemote(withoutConfiguration(conn)); err != nil {
				return state.Edit{}, err
			}
		}
		change, old, err := c.PutLogin(login, kept.Put...)
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
		if replaced.ConnectorID != conn.ID || replaced.ResourceID != login.ResourceID {
			result.Replaced = source(*replaced)
		}
	}
	return result, nil
}

// typeName is what the connector's type is called.
func (b *Broker) typeName(conn api.ServiceConnector, kind connector.Kind) string {
	if own, err := b.kind(conn.Type); err == nil {
		return own.Describe().Name
	}
	if len(conn.Type) <= 3 { // aws, gcp
		return strings.ToUpper(conn.Type) + " Service Connector"
	}
	if conn.Type == "azure" {
		return "Azure Service Connector"
	}
	return kind.Describe().Name
}

// withoutConfiguration is what is kept of a server's connector: enough to ask for a credential again.
func withoutConfiguration(conn api.ServiceConnector) api.ServiceConnector {
	config := map[string]string{}
	if registry := conn.Configuration[connector.AttrRegistry]; registry != "" {
		config[connector.AttrRegistry] = registry
	}
	conn.Configuration, conn.SecretAttributes, conn.Labels = config, nil, nil
	return conn
}

// Logout ends the logins of a connector or of a registry address, or all. A stored credential goes with its login.
func (b *Broker) Logout(ctx context.Context, caller access.Caller, req api.LogoutRequest) (api.LogoutResult, error) {
	match, err := b.logoutMatch(req)
	if err != nil {
		return api.LogoutResult{}, err
	}
	ended, err := b.end(ctx, match)
	if err == nil && len(ended) == 0 && !req.All {
		err = credential.NewError(credential.NotLoggedIn, fmt.Sprintf("'%s' is not logged in", req.Name), "see who is: zen status")
	}
	for _, l := range ended {
		b.Audit(caller, access.Subject{Action: access.Logout, Address: mustParse(l.Address), Connector: l.ConnectorName}, nil, "")
		if l.ConnectorID != "" {
			b.Engine.Drop(l.ConnectorID)
		}
	}
	return api.LogoutResult{Ended: ended}, err
}

func (b *Broker) logoutMatch(req api.LogoutRequest) (func(api.Login) bool, error) {
	scope := func(l api.Login) bool {
		return (req.Dir == "" || l.Dir == req.Dir) && (req.Profile == "" || l.Profile == req.Profile)
	}
	if req.All {
		return scope, nil
	}
	conn, err := b.resolveConnector(req.Name)
	if credential.NoSuchEntity.Is(err) {
		var remotes []api.ServiceConnector
		b.Read(func(c *catalog.Catalog) { remotes = c.Remotes() })
		if len(remotes) > 0 {
			conn, err = catalog.ResolveIn(remotes, req.Name)
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
