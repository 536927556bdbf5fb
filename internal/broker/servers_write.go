package broker

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/broker/door"
	"github.com/zen-agent/zen/internal/broker/state"
	"github.com/zen-agent/zen/internal/catalog"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/credential"
)

// server finds a connected server by name, id, prefix or URL.
func (b *Broker) server(ref string) (s api.Server, err error) {
	if b.servers == nil {
		return s, errNoServers
	}
	b.Read(func(c *catalog.Catalog) { s, err = c.ResolveServer(ref) })
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
	ctx context.Context, caller access.Caller, req api.RegisterConnector, config map[string]credential.Secret,
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
		Labels: req.Labels, Server: s.Name, Revision: 1,
	}}
	if req.ResourceType != "" {
		d.Connector.ResourceTypes = []string{req.ResourceType}
	}
	use := door.Use{Caller: caller, For: access.Register, DryRun: req.DryRun}
	spec, warnings, err := b.draftSpec(t, &d, config)
	if err != nil {
		return api.ConnectorResult{}, err
	}
	d.Config = wholeConfig(spec)
	result, err := b.checkedDraft(ctx, use, s, t, &d, spec, req.NoVerify)
	result.Warnings = warnings
	if err != nil || req.DryRun {
		return result, err
	}
	var conn api.ServiceConnector
	err = b.toServer(ctx, use, s, d, func(ctx context.Context) (err error) {
		conn, err = b.servers.RegisterConnector(ctx, s, b.serverKey(s), d)
		return err
	})
	b.Audit(caller, access.Subject{Action: access.Register, Connector: req.Name}, err, "on server "+s.Name)
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

// toServer lets a draft's secrets out to the server that is to keep or to check them.
func (b *Broker) toServer(ctx context.Context, use door.Use, s api.Server, d Draft, f func(context.Context) error) error {
	subject := access.Subject{Action: use.For, Connector: d.Connector.Name, To: access.Destination{Place: access.Server, Name: s.URL}}
	return b.Door.Pass(ctx, use, subject, func(ctx context.Context) (string, error) { return "", f(ctx) })
}

// draftSpec completes a draft, which is checked against the type's description, and by the kind if this machine knows it.
func (b *Broker) draftSpec(
	t api.ConnectorType, d *Draft, config map[string]credential.Secret,
) (spec connector.Spec, warnings []string, err error) {
	method, err := connector.MethodOf(t, d.Connector.AuthMethod)
	if err != nil {
		return spec, nil, err
	}
	spec = publicSpec(d.Connector)
	warnings = connector.Split(method, config, &spec)
	if spec, err = connector.Complete(t, spec); err != nil {
		return spec, warnings, err
	}
	d.Method, d.Connector.AuthMethod = method, method.Method
	if spec.ResourceType != "" {
		d.Connector.ResourceTypes = []string{spec.ResourceType}
	}
	d.Instances = slices.ContainsFunc(t.ResourceTypes, func(r api.ResourceType) bool {
		return r.SupportsInstances && (spec.ResourceType == "" || spec.ResourceType == r.Type)
	})
	if kind := b.draftKind(t, spec, *d); kind != nil {
		if spec, err = kind.Validate(spec); err != nil {
			return spec, warnings, err
		}
		d.Connector.ResourceID = spec.ResourceID
	}
	return spec, warnings, nil
}

// draftKind is the kind of this machine that can ask the registry about a draft; nil if only the server can.
func (b *Broker) draftKind(t api.ConnectorType, spec connector.Spec, d Draft) connector.Kind {
	if spec.ResourceType != resourceTypeRegistry || d.Instances {
		return nil
	}
	return b.Kinds[t.Type]
}

// checkedDraft finds out what a completed draft gives access to: at the registry if this machine knows the type, else by the
// server.
func (b *Broker) checkedDraft(
	ctx context.Context, use door.Use, s api.Server, t api.ConnectorType, d *Draft, spec connector.Spec, noVerify bool,
) (result api.ConnectorResult, err error) {
	if kind := b.draftKind(t, spec, *d); kind != nil {
		result.Resources, err = b.check(ctx, use, door.Grant{Kind: kind, Spec: spec, Connector: d.Connector.Name}, d.Connector, noVerify, "")
	} else {
		result.Resources, err = b.checkedByServer(ctx, use, s, *d, noVerify)
	}
	if err != nil {
		return result, err
	}
	if ids := result.Resources[0].ResourceIDs; len(ids) == 1 && !d.Instances {
		d.Connector.ResourceID = ids[0]
	}
	result.Connector = d.Connector
	return result, nil
}

func (b *Broker) checkedByServer(ctx context.Context, use door.Use, s api.Server, d Draft, noVerify bool) ([]api.Resource, error) {
	r := resource(d.Connector)
	r.Verification = api.VerificationSkipped
	if noVerify {
		return []api.Resource{r}, nil
	}
	r.ResourceType = resourceTypeRegistry
	err := b.toServer(ctx, use, s, d, func(ctx context.Context) (err error) {
		r.ResourceIDs, err = b.servers.CheckConnector(ctx, s, b.serverKey(s), d)
		return err
	})
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
	ctx context.Context, caller access.Caller, req api.UpdateConnector, config map[string]credential.Secret,
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
	use := door.Use{Caller: caller, For: access.Update, DryRun: req.DryRun}
	d, result, err := b.updatedDraft(ctx, use, s, conn, req, config)
	defer door.WipeAll(d.Config)
	if err != nil || req.DryRun {
		return result, err
	}
	var written api.ServiceConnector
	err = b.toServer(ctx, use, s, d, func(ctx context.Context) (err error) {
		written, err = b.servers.UpdateConnector(ctx, s, b.serverKey(s), d)
		return err
	})
	b.Audit(caller, access.Subject{Action: access.Update, Connector: conn.Name}, err, "on server "+s.Name)
	if err != nil {
		return result, err
	}
	b.Engine.Drop(conn.ID)
	return onServer(result, written, s), b.remember(ctx, written, s)
}

// updatedDraft is what an update makes of a connector. The configuration is read from the server only if it changes: nobody
// else shall see it.
func (b *Broker) updatedDraft(
	ctx context.Context, use door.Use, s api.Server, conn api.ServiceConnector, req api.UpdateConnector,
	config map[string]credential.Secret,
) (Draft, api.ConnectorResult, error) {
	next := b.updated(conn, req)
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
	if req.ResourceID == nil && len(next.ResourceTypes) == 1 && !instancesOf(t, next.ResourceTypes[0]) {
		d.Connector.ResourceID = "" // follows from the configuration, which changes
	}
	var result api.ConnectorResult
	var warnings []string
	whole, spec, err := b.Door.Revise(ctx, use, door.Revision{
		Connector: conn.Name, Kind: b.Kinds[t.Type], Typed: config, Remove: attrs,
		Stored: func(ctx context.Context) (map[string]credential.Secret, connector.Spec, error) {
			whole, err := b.servers.Configuration(ctx, s, b.serverKey(s), conn.ID)
			if err != nil {
				return nil, connector.Spec{}, err
			}
			spec, _, err := b.draftSpec(t, &Draft{Connector: conn}, whole)
			if err != nil { // then it is for nobody
				spec = connector.Spec{}
			}
			return whole, spec, nil
		},
		Validate: func(whole map[string]credential.Secret) (spec connector.Spec, err error) {
			spec, warnings, err = b.draftSpec(t, &d, whole)
			return spec, err
		},
	})
	if err != nil {
		return d, result, err
	}
	defer door.WipeAll(whole)
	d.Config = cloned(wholeConfig(spec)) // what it shares is wiped here
	result, err = b.checkedDraft(ctx, use, s, t, &d, spec, req.NoVerify)
	result.Warnings = warnings
	return d, result, err
}

func instancesOf(t api.ConnectorType, resourceType string) bool {
	return slices.ContainsFunc(t.ResourceTypes, func(r api.ResourceType) bool { return r.Type == resourceType && r.SupportsInstances })
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
	return b.Change(ctx, func(c *catalog.Catalog) (state.Edit, error) {
		kept := placed([]api.ServiceConnector{conn}, s, c.Remotes())
		old := slices.ContainsFunc(c.Remotes(), func(r api.ServiceConnector) bool { return r.ID == conn.ID && r.Server == s.Name })
		if len(kept) == 0 || !old {
			return state.Edit{}, nil
		}
		change, err := c.PutRemote(withoutConfiguration(kept[0]))
		return state.Edit{Change: change}, err
	})
}

// deleteOnServer deletes a connector of a server, and ends the logins through it.
func (b *Broker) deleteOnServer(ctx context.Context, caller access.Caller, req api.DeleteConnector) (api.ConnectorResult, error) {
	s, err := b.server(req.Server)
	if err != nil {
		return api.ConnectorResult{}, err
	}
	conn, err := b.findConnector(ctx, req.Ref, s.Name)
	if err != nil {
		return api.ConnectorResult{}, err
	}
	var users []string
	b.Read(func(c *catalog.Catalog) { users = c.UsersOf(conn.ID) })
	if len(users) > 0 {
		return api.ConnectorResult{}, credential.NewError(credential.InUse, fmt.Sprintf(
			"Service connector '%s' is used by the container registry '%s' of this machine.", conn.Name, users[0]),
			"zen container-registry disconnect "+users[0])
	}
	err = b.servers.DeleteConnector(ctx, s, b.serverKey(s), conn.ID)
	b.Audit(caller, access.Subject{Action: access.Delete, Connector: conn.Name}, err, "on server "+s.Name)
	if err != nil {
		return api.ConnectorResult{}, err
	}
	b.Engine.Drop(conn.ID)
	ended, err := b.end(ctx, func(l api.Login) bool { return l.ConnectorID == conn.ID })
	return api.ConnectorResult{Connector: conn, Ended: len(ended)}, err
}
