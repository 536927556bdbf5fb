package broker

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/catalog"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/credential"
)

// server finds a connected server by name, id, prefix or URL.
func (b *Broker) server(ref string) (s api.Server, err error) {
	if b.servers == nil {
		return s, errNoServers
	}
	b.read(func(c *catalog.Catalog) { s, err = c.Servers.Resolve(ref) })
	return s, err
}

func (b *Broker) serverTypes(ctx context.Context, ref string) ([]api.ConnectorType, error) {
	s, err := b.server(ref)
	if err != nil {
		return nil, err
	}
	return b.servers.Types(ctx, s, b.serverKey(s))
}

// serverType finds one of a server's types.
func (b *Broker) serverType(ctx context.Context, s api.Server, name string) (api.ConnectorType, error) {
	types, err := b.servers.Types(ctx, s, b.serverKey(s))
	if err != nil {
		return api.ConnectorType{}, err
	}
	var known []string
	for _, t := range types {
		if t.Type == name {
			return t, nil
		}
		known = append(known, t.Type)
	}
	return api.ConnectorType{}, credential.NewError(credential.NoSuchEntity, fmt.Sprintf("Service connector type '%s' not found.", name),
		"known types of server '"+s.Name+"': "+strings.Join(known, ", "))
}

// elsewhere completes the error about a connector that this machine does not have: changing a server's has to be asked for.
func (b *Broker) elsewhere(ctx context.Context, ref string, err error) error {
	if !credential.NoSuchEntity.Is(err) || !b.hasServers() {
		return err
	}
	conn, other := choose(b.askServers(ctx, listTime, ""), ref, err)
	if other != nil || conn.Server == "" {
		return err
	}
	return credential.NewError(credential.NoSuchEntity,
		fmt.Sprintf("service connector '%s' is not one of this machine; it lives on server '%s'", conn.Name, conn.Server), "add --server "+conn.Server)
}

// registerOnServer registers a connector on a server. What can be checked here is checked here first: a server does not ask
// the registry about a password.
func (b *Broker) registerOnServer(
	ctx context.Context, caller Caller, req api.RegisterConnector, config map[string]credential.Secret,
) (api.ConnectorResult, error) {
	s, err := b.server(req.Server)
	if err != nil {
		return api.ConnectorResult{}, err
	}
	t, err := b.serverType(ctx, s, req.Type)
	if err != nil {
		return api.ConnectorResult{}, err
	}
	d := Draft{Connector: api.ServiceConnector{
		Name: req.Name, Description: req.Description, Type: req.Type, AuthMethod: req.AuthMethod, ResourceID: req.ResourceID,
		ExpiresAt: req.ExpiresAt, ExpiresSkewTolerance: req.ExpiresSkewTolerance, ExpirationSeconds: req.ExpirationSeconds,
		Labels: req.Labels, Server: s.Name, Revision: 1, Insecure: req.Insecure,
	}}
	if req.ResourceType != "" {
		d.Connector.ResourceTypes = []string{req.ResourceType}
	}
	d, result, err := b.checkedDraft(ctx, s, t, d, api.ServiceConnector{}, config, req.NoVerify)
	if err != nil || req.DryRun {
		return result, err
	}
	conn, err := b.servers.RegisterConnector(ctx, s, b.serverKey(s), d)
	b.audit(caller, Subject{Action: ActionRegister, Connector: req.Name}, err, "on server "+s.Name)
	if _, taken := b.resolveConnector(conn.Name); err == nil && taken == nil {
		result.Warnings = append(result.Warnings, fmt.Sprintf(
			"this machine has a service connector '%s' too, which is the one that is meant without --server %s", conn.Name, s.Name))
	}
	return onServer(result, conn, s), err
}

// onServer is a result about a connector that a server has written.
func onServer(result api.ConnectorResult, conn api.ServiceConnector, s api.Server) api.ConnectorResult {
	conn.Server, conn.Revision = s.Name, 1
	result.Connector = conn
	for i := range result.Resources {
		result.Resources[i].ConnectorID, result.Resources[i].ConnectorName = conn.ID, conn.Name
	}
	return result
}

// checkedDraft completes a draft with its configuration and checks it: against the type's
// description, then at the registry if this machine knows the type, else by the server.
// earlier is the connector so far, as far as it was agreed to: see agree.
func (b *Broker) checkedDraft(
	ctx context.Context, s api.Server, t api.ConnectorType, d Draft, earlier api.ServiceConnector,
	config map[string]credential.Secret, noVerify bool,
) (Draft, api.ConnectorResult, error) {
	var result api.ConnectorResult
	method, err := connector.MethodOf(t, d.Connector.AuthMethod)
	if err != nil {
		return d, result, err
	}
	spec := publicSpec(d.Connector)
	result.Warnings = connector.Split(method, config, &spec)
	if spec, err = connector.Complete(t, spec); err != nil {
		return d, result, err
	}
	d.Method, d.Connector.AuthMethod = method, method.Method
	if spec.ResourceType != "" {
		d.Connector.ResourceTypes = []string{spec.ResourceType}
	}
	d.Instances = slices.ContainsFunc(t.ResourceTypes, func(r api.ResourceType) bool {
		return r.SupportsInstances && (spec.ResourceType == "" || spec.ResourceType == r.Type)
	})
	kind, known := b.kinds[t.Type]
	if known && spec.ResourceType == resourceTypeRegistry && !d.Instances {
		if spec, err = kind.Validate(spec); err != nil {
			return d, result, err
		}
		d.Connector.ResourceID = spec.ResourceID
	}
	if d.Connector, spec, err = agree(d.Connector, earlier, spec, d.Connector.Insecure); err != nil {
		return d, result, err
	}
	d.Config = wholeConfig(spec)
	if result.Resources, err = b.checkDraft(ctx, s, kind, spec, d, noVerify); err != nil {
		return d, result, err
	}
	if ids := result.Resources[0].ResourceIDs; len(ids) == 1 && !d.Instances {
		d.Connector.ResourceID = ids[0]
	}
	result.Connector = d.Connector
	return d, result, nil
}

// checkDraft finds out what a draft gives access to.
func (b *Broker) checkDraft(ctx context.Context, s api.Server, kind connector.Kind, spec connector.Spec, d Draft, noVerify bool) ([]api.Resource, error) {
	if kind != nil && spec.ResourceType == resourceTypeRegistry && !d.Instances {
		return b.check(ctx, kind, spec, d.Connector, noVerify, "")
	}
	r := resource(d.Connector)
	r.Verification = api.VerificationSkipped
	if noVerify {
		return []api.Resource{r}, nil
	}
	r.ResourceType = resourceTypeRegistry
	var err error
	r.ResourceIDs, err = b.servers.CheckConnector(ctx, s, b.serverKey(s), d)
	return []api.Resource{r}, err
}

// wholeConfig joins what Split took apart. The secrets share their bytes.
func wholeConfig(spec connector.Spec) map[string]credential.Secret {
	whole := maps.Clone(spec.Secrets)
	if whole == nil {
		whole = make(map[string]credential.Secret)
	}
	for name, value := range spec.Config {
		whole[name] = credential.SecretString(value)
	}
	return whole
}

// updateOnServer changes a connector of a server.
func (b *Broker) updateOnServer(
	ctx context.Context, caller Caller, req api.UpdateConnector, config map[string]credential.Secret,
) (api.ConnectorResult, error) {
	s, err := b.server(req.Server)
	if err != nil {
		return api.ConnectorResult{}, err
	}
	conn, err := b.findConnector(ctx, req.Ref, s.Name)
	if err != nil {
		return api.ConnectorResult{}, err
	}
	if i := slices.IndexFunc(req.Remove, func(name string) bool { return name == "expires_at" || name == "expires_skew_tolerance" }); i >= 0 {
		return api.ConnectorResult{}, credential.NewError(credential.InvalidInput,
			"a ZenML server does not take "+req.Remove[i]+" away from a service connector", "set another value, or delete it and register it anew")
	}
	d, result, err := b.updatedDraft(ctx, s, conn, req, config)
	defer wipeAll(d.Config)
	if err != nil || req.DryRun {
		return result, err
	}
	written, err := b.servers.UpdateConnector(ctx, s, b.serverKey(s), d)
	b.audit(caller, Subject{Action: ActionUpdate, Connector: conn.Name}, err, "on server "+s.Name)
	if err != nil {
		return result, err
	}
	b.engine.Drop(conn.ID)
	return onServer(result, written, s), b.remember(ctx, written, s)
}

// updatedDraft is what an update makes of a connector. The configuration is read from the server only if it changes: nobody
// else shall see it.
func (b *Broker) updatedDraft(
	ctx context.Context, s api.Server, conn api.ServiceConnector, req api.UpdateConnector, config map[string]credential.Secret,
) (Draft, api.ConnectorResult, error) {
	next := b.updated(conn, req)
	next.Insecure = req.Insecure
	if req.ResourceID == nil && !slices.Contains(req.Remove, "resource_id") {
		next.ResourceID = conn.ResourceID
	}
	d := Draft{Connector: next, Instances: conn.ResourceID == ""}
	attrs := slices.DeleteFunc(slices.Clone(req.Remove), func(name string) bool {
		return slices.Contains([]string{"resource_id", "resource_type", "expiration_seconds"}, name)
	})
	if len(config) == 0 && len(attrs) == 0 && req.AuthMethod == nil {
		return d, api.ConnectorResult{Connector: next, Resources: b.plainResources(next)}, nil
	}
	t, err := b.serverType(ctx, s, conn.Type)
	if err != nil {
		return d, api.ConnectorResult{}, err
	}
	whole, err := b.servers.Configuration(ctx, s, b.serverKey(s), conn.ID)
	if err != nil {
		return d, api.ConnectorResult{}, err
	}
	defer wipeAll(whole)
	overlay(whole, config, attrs)
	if req.ResourceID == nil && len(next.ResourceTypes) == 1 && !instancesOf(t, next.ResourceTypes[0]) {
		d.Connector.ResourceID = "" // follows from the configuration, which changes
	}
	var earlier api.ServiceConnector
	if b.agreedFor(conn) {
		earlier = conn
	}
	d, result, err := b.checkedDraft(ctx, s, t, d, earlier, whole, req.NoVerify)
	d.Config = cloned(d.Config) // what it shares is wiped here
	return d, result, err
}

func instancesOf(t api.ConnectorType, resourceType string) bool {
	return slices.ContainsFunc(t.ResourceTypes, func(r api.ResourceType) bool { return r.Type == resourceType && r.SupportsInstances })
}

// overlay changes and removes attributes of a configuration.
func overlay(whole, changes map[string]credential.Secret, remove []string) {
	for name, value := range changes {
		whole[name].Wipe()
		whole[name] = value.Clone()
	}
	for _, name := range remove {
		whole[name].Wipe()
		delete(whole, name)
	}
}

func cloned(config map[string]credential.Secret) map[string]credential.Secret {
	out := make(map[string]credential.Secret, len(config))
	for name, value := range config {
		out[name] = value.Clone()
	}
	return out
}

// remember keeps what a server made of a connector, if a login uses it.
func (b *Broker) remember(ctx context.Context, conn api.ServiceConnector, s api.Server) error {
	return b.change(ctx, func(c *catalog.Catalog) (edit, error) {
		kept := placed([]api.ServiceConnector{conn}, s, c.Servers.Remotes())
		old := slices.ContainsFunc(c.Servers.Remotes(), func(r api.ServiceConnector) bool { return r.ID == conn.ID && r.Server == s.Name })
		if len(kept) == 0 || !old {
			return edit{}, nil
		}
		change, err := c.Servers.PutRemote(withoutConfiguration(kept[0]))
		return edit{Change: change}, err
	})
}

// deleteOnServer deletes a connector of a server, and ends the logins through it.
func (b *Broker) deleteOnServer(ctx context.Context, caller Caller, req api.DeleteConnector) (api.ConnectorResult, error) {
	s, err := b.server(req.Server)
	if err != nil {
		return api.ConnectorResult{}, err
	}
	conn, err := b.findConnector(ctx, req.Ref, s.Name)
	if err != nil {
		return api.ConnectorResult{}, err
	}
	var users []string
	b.read(func(c *catalog.Catalog) { users = c.Registries.UsersOf(conn.ID) })
	if len(users) > 0 {
		return api.ConnectorResult{}, credential.NewError(credential.InUse, fmt.Sprintf(
			"Service connector '%s' is used by the container registry '%s' of this machine.", conn.Name, users[0]),
			"zen container-registry disconnect "+users[0])
	}
	err = b.servers.DeleteConnector(ctx, s, b.serverKey(s), conn.ID)
	b.audit(caller, Subject{Action: ActionDelete, Connector: conn.Name}, err, "on server "+s.Name)
	if err != nil {
		return api.ConnectorResult{}, err
	}
	b.engine.Drop(conn.ID)
	ended, err := b.end(ctx, func(l api.Login) bool { return l.ConnectorID == conn.ID })
	return api.ConnectorResult{Connector: conn, Ended: len(ended)}, err
}
