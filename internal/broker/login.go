package broker

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/catalog"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/credential"
)

// until is when a login that starts now ends: after ttl seconds, or if that is 0 after the configured default; nil: never.
func (b *Broker) until(ttlSeconds int) *time.Time {
	ttl := time.Duration(ttlSeconds) * time.Second
	if ttl == 0 {
		ttl = b.currentSettings().LoginTTL
	}
	if ttl <= 0 {
		return nil
	}
	t := b.now().UTC().Round(0).Add(ttl) // without the monotonic reading, which stands still while a laptop sleeps
	return &t
}

// Login makes a connector answer for its registry. It first proves that a pull will work: the connector mints, and the
// registry accepts what was minted.
func (b *Broker) Login(ctx context.Context, caller Caller, req api.LoginRequest) (api.LoginResult, error) {
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
	b.audit(caller, Subject{Action: ActionLogin, Address: a, Connector: conn.Name}, err, result.Resource.Verification)
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
	b.read(func(c *catalog.Catalog) { conn, ok = c.Connectors.ByID(id) })
	if !ok {
		return b.resolveConnector(id)
	}
	return conn, nil
}

func (b *Broker) login(ctx context.Context, caller Caller, conn api.ServiceConnector, resource string, req api.LoginRequest) (api.LoginResult, address.Address, error) {
	var none address.Address
	kind, err := b.kindOf(conn)
	if err != nil {
		return api.LoginResult{}, none, err
	}
	if _, plain := connector.Unencrypted(conn.Configuration); plain && conn.Server != "" {
		conn.Insecure = conn.Insecure || req.Insecure
	}
	spec, secretID, err := b.specOf(conn)
	if err != nil {
		return api.LoginResult{}, none, err
	}
	if err := checkPlain(conn, spec); err != nil {
		return api.LoginResult{}, none, err
	}
	if spec, err = request(spec, req.ResourceType, resource); err != nil {
		return api.LoginResult{}, none, err
	}
	if spec.ResourceID == "" && conn.Server != "" {
		ids, err := b.resourcesOf(ctx, kind, spec, secretID, conn)
		if err != nil || len(ids) > 1 {
			return api.LoginResult{Connector: conn, Choices: ids}, none, err
		}
		spec.ResourceID = ids[0]
	}
	if spec.ResourceID == "" {
		return api.LoginResult{}, none, credential.NewError(credential.InvalidInput, fmt.Sprintf(
			"the connector is configured to provide access to multiple %s resources. A resource name must be specified when requesting access to a resource.",
			spec.ResourceType), "zen service-connector login "+conn.Name+" --resource-id REGISTRY")
	}
	registry := spec.ResourceID
	if conn.Server != "" { // clients ask for the host, and that is what a server's credentials are good for
		registry = mustParse(registry).Registry().String()
	}
	a, err := loginAddress(registry, req.Path)
	if err != nil {
		return api.LoginResult{}, none, err
	}
	if err := b.allow(ctx, caller, Subject{Action: ActionLogin, Address: a, Connector: conn.Name}); err != nil {
		return api.LoginResult{}, a, err
	}
	if old := b.collides(a, spec.ResourceID, req); old != nil {
		return api.LoginResult{Connector: conn, Login: api.Login{Address: a.String(), ResourceID: spec.ResourceID}, Taken: old}, a, nil
	}
	proof, err := b.prove(ctx, kind, spec, conn, a, req)
	if err != nil {
		return api.LoginResult{}, a, err
	}
	token, err := b.identityToken(ctx, kind, spec, conn, a, req)
	defer token.Secret.Wipe()
	if err != nil {
		return api.LoginResult{}, a, err
	}
	result, err := b.recordLogin(ctx, conn, kind, spec, a, req, token)
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
		return address.Parse(a.Registry().String() + "/" + strings.Trim(path, "/"))
	}
	return address.Parse(resource)
}

// prove mints once and asks the registry. Anything but acceptance is an error: after a login, a pull works.
func (b *Broker) prove(ctx context.Context, kind connector.Kind, spec connector.Spec, conn api.ServiceConnector, a address.Address, req api.LoginRequest) (api.Resource, error) {
	b.engine.Drop(conn.ID)
	cred, err := b.mint(ctx, conn, spec.ResourceID, a)
	if err != nil {
		return api.Resource{}, err
	}
	defer cred.Secret.Wipe()
	if cred.IsIdentityToken() && !req.IdentityToken {
		return api.Resource{}, tokenNotWanted(conn.Name)
	}
	if prover, ok := kind.(connector.Prover); ok {
		return b.proveMinted(ctx, kind, prover, spec, conn, a, cred, req.NoVerify)
	}
	if spec.Secrets, err = b.secrets(ctx, conn.ID); err != nil {
		return api.Resource{}, err
	}
	defer wipeAll(spec.Secrets)
	resources, err := b.check(ctx, kind, spec, conn, req.NoVerify, "")
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

// proveMinted asks the registry about a credential that is there already: minting again would cost the server another one.
func (b *Broker) proveMinted(
	ctx context.Context, kind connector.Kind, prover connector.Prover, spec connector.Spec, conn api.ServiceConnector,
	a address.Address, cred credential.Credential, skip bool,
) (api.Resource, error) {
	r := resource(conn)
	r.ResourceType, r.ResourceIDs, r.Verification = spec.ResourceType, []string{spec.ResourceID}, api.VerificationSkipped
	reg, ok := kind.Match(spec, a)
	if skip || !ok {
		return r, nil
	}
	report, err := prover.Prove(ctx, spec, reg, cred, connector.VerifyOptions{})
	if err != nil {
		return r, err
	}
	resources, err := reported(r, report)
	return proven(resources, err, conn)
}

// resourcesOf are the registries that a server's connector gives access to; none is an error.
func (b *Broker) resourcesOf(
	ctx context.Context, kind connector.Kind, spec connector.Spec, secretID string, conn api.ServiceConnector,
) ([]string, error) {
	var err error
	if spec.Secrets, err = b.secrets(ctx, secretID); err != nil {
		return nil, err
	}
	defer wipeAll(spec.Secrets)
	ids, err := kind.Resources(ctx, spec)
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
	now := b.now()
	b.read(func(c *catalog.Catalog) {
		for _, l := range c.Logins.List() {
			same := l.Address == a.String() && l.Dir == req.Dir && l.Profile == req.Profile && (l.Until == nil || l.Until.After(now))
			if same && l.ConnectorID != "" && l.ResourceID != "" && mustParse(l.ResourceID) != mustParse(resource) {
				taken = &l
			}
		}
	})
	return taken
}

func (b *Broker) recordLogin(
	ctx context.Context, conn api.ServiceConnector, kind connector.Kind, spec connector.Spec, a address.Address, req api.LoginRequest,
	token credential.Credential,
) (api.LoginResult, error) {
	_, plain, _ := connector.RegistryOf(spec, "")
	login := api.Login{
		ID: uuid.NewString(), Address: a.String(), ServerURL: a.ServerURL(), ConnectorID: conn.ID, ConnectorName: conn.Name,
		ResourceID: spec.ResourceID, Source: sourceConnector, Dir: req.Dir, Profile: req.Profile,
		PlainHTTP: plain, IdentityToken: req.IdentityToken, Created: b.now().UTC(), Until: b.until(req.TTLSeconds),
	}
	result := api.LoginResult{Login: login, Connector: conn, TypeName: b.typeName(conn, kind)}
	var replaced *api.Login
	err := b.change(ctx, func(c *catalog.Catalog) (edit, error) {
		var kept catalog.Change
		if conn.Server != "" {
			var err error
			if kept, err = c.Servers.PutRemote(withoutConfiguration(conn)); err != nil {
				return edit{}, err
			}
		}
		change, old, err := c.Logins.Put(login, kept.Put...)
		replaced = old
		return edit{Change: change, secrets: tokenSecret(login.ID, token)}, err
	})
	if err != nil {
		return result, err
	}
	if replaced != nil {
		b.forget([]api.Login{*replaced})
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
func (b *Broker) Logout(ctx context.Context, caller Caller, req api.LogoutRequest) (api.LogoutResult, error) {
	match, err := b.logoutMatch(req)
	if err != nil {
		return api.LogoutResult{}, err
	}
	ended, err := b.end(ctx, match)
	if err == nil && len(ended) == 0 && !req.All {
		err = credential.NewError(credential.NotLoggedIn, fmt.Sprintf("'%s' is not logged in", req.Name), "see who is: zen status")
	}
	for _, l := range ended {
		b.audit(caller, Subject{Action: ActionLogout, Address: mustParse(l.Address), Connector: l.ConnectorName}, nil, "")
		if l.ConnectorID != "" {
			b.engine.Drop(l.ConnectorID)
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
		b.read(func(c *catalog.Catalog) { remotes = c.Servers.Remotes() })
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
