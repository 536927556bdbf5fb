package home

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/broker/door"
	"github.com/zen-agent/zen/internal/broker/state"
	"github.com/zen-agent/zen/internal/catalog"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/credential"
)

// local is this machine as a home.
type local struct{ *Homes }

// Option is nothing: this machine is what is meant anyway.
func (l local) Option() string { return "" }

// Types describes the kinds of this machine.
func (l local) Types(context.Context) ([]api.ConnectorType, error) { return l.State.Types, nil }

// Listed is the connector with what the catalog knows of its use.
func (l local) Listed(_ context.Context, conn api.ServiceConnector) api.ServiceConnector {
	l.Read(func(c *catalog.Catalog) {
		list, err := c.Connectors.Query(api.Query{Filters: map[string][]string{"id": {conn.ID}}}, l.Now())
		if err == nil && len(list.Items) == 1 {
			conn = list.Items[0]
		}
	})
	return conn
}

// Resources are what the connector names.
func (l local) Resources(conn api.ServiceConnector) []api.Resource { return resourcesOf(conn) }

// Choices are for a person to make: this machine asks nobody what there is.
func (l local) Choices(
	_ context.Context,
	_ door.Use,
	g door.Grant,
	conn api.ServiceConnector,
) ([]string, error) {
	return nil, credential.NewError(credential.InvalidInput, fmt.Sprintf(
		"the connector is configured to provide access to multiple %s resources. A resource name must be "+
			"specified when requesting access to a resource.",
		g.Spec.ResourceType), "zen service-connector login "+conn.Name+" --resource-id REGISTRY")
}

// LoginHost is the registry itself.
func (l local) LoginHost(registry string) string { return registry }

// TypeName is what the connector's kind is called.
func (l local) TypeName(conn api.ServiceConnector) string {
	if kind, ok := l.Kinds[conn.Type]; ok {
		return kind.Describe().Name
	}
	return conn.Type
}

// Grant is what a connector's credentials are made of: its sealed record.
func (l local) Grant(conn api.ServiceConnector) (g door.Grant, err error) {
	g = door.Grant{Spec: PublicSpec(conn), Record: conn.ID, Connector: conn.Name}
	g.Spec.Insecure = l.AgreedFor(conn)
	if g.Kind, err = l.kind(conn.Type); err == nil {
		err = l.Expired(conn)
	}
	return g, err
}

// Expired is the error for a connector whose credentials have run out.
func (l local) Expired(conn api.ServiceConnector) error { return l.Lapsed(conn) }

// Reveal opens the connector's sealed record.
func (l local) Reveal(
	ctx context.Context, use door.Use, s access.Subject, conn api.ServiceConnector,
) (map[string]credential.Secret, error) {
	return l.Door.Reveal(ctx, use, s, conn.ID)
}

// Keep has nothing to do: the connector is kept anyway.
func (l local) Keep(*catalog.Catalog, api.ServiceConnector) (catalog.Change, error) {
	return catalog.Change{}, nil
}

func (l local) kind(name string) (connector.Kind, error) {
	if k, ok := l.Kinds[name]; ok {
		return k, nil
	}
	known := slices.Sorted(maps.Keys(l.Kinds))
	return nil, credential.NewError(credential.NoSuchEntity, fmt.Sprintf("Service connector type '%s' "+
		"not found.", name),
		"known types: "+strings.Join(known, ", "))
}

// PublicSpec is a connector's specification without its secrets: enough to match, not to
// mint.
func PublicSpec(c api.ServiceConnector) connector.Spec {
	spec := connector.Spec{
		ID: c.ID, Revision: c.Revision, Type: c.Type, AuthMethod: c.AuthMethod, ResourceID: c.ResourceID,
		Config: maps.Clone(c.Configuration), Insecure: c.Insecure,
	}
	if len(c.ResourceTypes) == 1 {
		spec.ResourceType = c.ResourceTypes[0]
	}
	if c.ExpirationSeconds != nil {
		spec.ExpirationSeconds = *c.ExpirationSeconds
	}
	return spec
}

// Register validates, verifies (unless told not to) and keeps a connector. A registry
// that cannot be reached does not stop a registration, one that refuses the credential
// does.
func (l local) Register(
	ctx context.Context, use door.Use, req api.RegisterConnector, config map[string]credential.Secret,
) (api.ConnectorResult, error) {
	now := l.Now().UTC()
	conn := api.ServiceConnector{
		ID: uuid.NewString(), Name: req.Name, Description: req.Description, Type: req.Type,
		AuthMethod: req.AuthMethod,
		ResourceID: req.ResourceID, ExpiresAt: req.ExpiresAt, ExpiresSkewTolerance: req.ExpiresSkewTolerance,
		ExpirationSeconds: req.ExpirationSeconds, Labels: req.Labels, Owner: l.Owner, Created: now,
		Updated: now, Revision: 1,
	}
	if req.ResourceType != "" {
		conn.ResourceTypes = []string{req.ResourceType}
	}
	if err := l.nameFree(conn); err != nil {
		return api.ConnectorResult{}, err
	}
	conn.Insecure = req.Insecure
	result, err := l.registered(ctx, use, conn, config, req.NoVerify)
	if !req.DryRun {
		l.Audit(use.Caller, access.Subject{Action: access.Register, Connector: conn.Name}, err, conn.Type)
	}
	return result, err
}

func (l local) registered(
	ctx context.Context,
	use door.Use,
	conn api.ServiceConnector,
	config map[string]credential.Secret,
	noVerify bool,
) (api.ConnectorResult, error) {
	kind, err := l.kind(conn.Type)
	if err != nil {
		return api.ConnectorResult{}, err
	}
	spec, warnings, err := validSpec(kind, conn, config)
	if err != nil {
		return api.ConnectorResult{}, err
	}
	result, err := l.keepConnector(ctx, use, kind, conn, api.ServiceConnector{}, spec, noVerify)
	if err == nil {
		result.Warnings = warnings
	}
	return result, err
}

// nameFree fails early on a bad or taken name, before anything asks the network.
func (l local) nameFree(conn api.ServiceConnector) (err error) {
	l.Read(func(c *catalog.Catalog) { _, err = c.Connectors.Put(conn) })
	return err
}

// keepConnector is the common end of register and update: the specification is validated,
// and has its secrets. earlier is the connector as it is kept so far.
func (l local) keepConnector(
	ctx context.Context, use door.Use, kind connector.Kind, conn, earlier api.ServiceConnector,
	spec connector.Spec, noVerify bool,
) (api.ConnectorResult, error) {
	conn, spec, err := agree(fill(conn, spec), earlier, spec, conn.Insecure)
	if err != nil {
		return api.ConnectorResult{}, err
	}
	if err := l.Expired(conn); err != nil {
		if earlier.ID == "" { // nothing is kept that could be updated
			err = credential.NewError(credential.Expired, err.Error(), "leave out --expires-at, or give one "+
				"that is to come")
		}
		return api.ConnectorResult{}, err
	}
	resources, err := l.Check(
		ctx,
		use,
		door.Grant{Kind: kind, Spec: spec, Connector: conn.Name},
		conn,
		noVerify,
		"",
	)
	if err != nil {
		return api.ConnectorResult{}, err
	}
	if len(resources) > 0 {
		conn.Verification = resources[0].Verification
	}
	if !use.DryRun {
		err = l.Change(ctx, func(c *catalog.Catalog) (state.Edit, error) {
			change, err := c.Connectors.Put(conn)
			return state.Edit{
				Change:  change,
				Secrets: map[string]credential.Secret{conn.ID: door.Pack(spec.Secrets)},
			}, err
		})
		l.Engine.Drop(conn.ID)
	}
	return api.ConnectorResult{Connector: conn, Resources: resources}, err
}

// validSpec makes a specification of a whole configuration.
func validSpec(
	kind connector.Kind,
	conn api.ServiceConnector,
	config map[string]credential.Secret,
) (connector.Spec, []string, error) {
	method, err := connector.MethodOf(kind.Describe(), conn.AuthMethod)
	if err != nil {
		return connector.Spec{}, nil, err
	}
	conn.AuthMethod = method.Method
	spec := PublicSpec(conn)
	spec.Config, spec.Secrets = make(map[string]string), make(map[string]credential.Secret)
	warnings := connector.Split(method, config, &spec)
	spec, err = kind.Validate(spec)
	return spec, warnings, err
}

// fill takes over what validation made of the specification.
func fill(conn api.ServiceConnector, spec connector.Spec) api.ServiceConnector {
	conn.AuthMethod, conn.ResourceID = spec.AuthMethod, spec.ResourceID
	conn.ResourceTypes = nil
	if spec.ResourceType != "" {
		conn.ResourceTypes = []string{spec.ResourceType}
	}
	conn.Configuration = spec.Config
	conn.SecretAttributes = slices.Sorted(maps.Keys(spec.Secrets))
	return conn
}

// Update changes a connector and verifies the result before anything is kept; changed
// attributes come in config.
func (l local) Update(
	ctx context.Context, use door.Use, req api.UpdateConnector, config map[string]credential.Secret,
) (api.ConnectorResult, error) {
	conn, err := l.Find(ctx, req.Ref)
	if err != nil {
		return api.ConnectorResult{}, err
	}
	result, err := l.updatedTo(ctx, use, conn, req, config)
	if !req.DryRun {
		l.Audit(use.Caller, access.Subject{Action: access.Update, Connector: conn.Name}, err, "")
	}
	if err == nil {
		result.Shadowed = l.Shadowed(ctx, conn, "")
	}
	return result, err
}

// updatedTo changes a connector to what a request makes of it.
func (l local) updatedTo(
	ctx context.Context,
	use door.Use,
	conn api.ServiceConnector,
	req api.UpdateConnector,
	config map[string]credential.Secret,
) (api.ConnectorResult, error) {
	kind, err := l.kind(conn.Type)
	if err != nil {
		return api.ConnectorResult{}, err
	}
	next := l.updated(conn, req)
	next.Insecure = req.Insecure
	if req.ResourceID == nil && !l.hasInstances(conn) {
		next.ResourceID = "" // follows from the configuration, which may have changed
	}
	var warnings []string
	whole, spec, err := l.Door.Revise(ctx, use, door.Revision{
		Connector: conn.Name, Kind: kind, Record: conn.ID, Before: PublicSpec(conn), Typed: config,
		Remove: req.Remove,
		Validate: func(whole map[string]credential.Secret) (spec connector.Spec, err error) {
			spec, warnings, err = validSpec(kind, next, whole)
			return spec, err
		},
	})
	if err != nil {
		return api.ConnectorResult{}, err
	}
	defer door.WipeAll(whole)
	result, err := l.keepConnector(ctx, use, kind, next, conn, spec, req.NoVerify)
	if err == nil {
		result.Warnings = warnings
	}
	return result, err
}

// hasInstances reports whether the connector's type gives access to more than one
// resource of its kind.
func (l local) hasInstances(conn api.ServiceConnector) bool {
	for _, t := range l.State.Types {
		if t.Type == conn.Type {
			return slices.ContainsFunc(
				t.ResourceTypes,
				func(r api.ResourceType) bool { return r.SupportsInstances },
			)
		}
	}
	return false
}

// Delete removes a connector and ends its logins; it is refused while a container
// registry uses it.
func (l local) Delete(
	ctx context.Context, caller access.Caller, req api.DeleteConnector,
) (conn api.ServiceConnector, ended []api.Login, err error) {
	if _, err := l.Find(ctx, req.Ref); err != nil {
		return conn, nil, err
	}
	err = l.Change(ctx, func(c *catalog.Catalog) (state.Edit, error) {
		gone, change, err := c.Connectors.Delete(req.Ref)
		conn = gone
		ended = slices.DeleteFunc(c.Logins.List(), func(l api.Login) bool { return l.ConnectorID != gone.ID })
		return state.Edit{Change: change}, err
	})
	l.Audit(caller, access.Subject{Action: access.Delete, Connector: conn.Name}, err, "")
	if err == nil {
		l.Engine.Drop(conn.ID)
	}
	return conn, ended, err
}

// Find finds a connector of this machine; if a server has it, the error says so.
func (l local) Find(ctx context.Context, ref string) (api.ServiceConnector, error) {
	conn, err := l.resolveConnector(ref, catalog.Exactly)
	if err != nil {
		return conn, l.elsewhere(ctx, ref, err)
	}
	return conn, nil
}

// Linked finds a connector, which may be one of a server.
func (l local) Linked(_ context.Context, id string) (conn api.ServiceConnector, err error) {
	var ok bool
	l.Read(func(c *catalog.Catalog) { conn, ok = c.Connectors.ByID(id) })
	if !ok {
		return l.resolveConnector(id, catalog.Exactly)
	}
	return conn, nil
}

// Connect links a container registry to a connector, of whatever home.
func (l local) Connect(ctx context.Context, req api.ConnectRegistry) (result api.RegistryResult, err error) {
	l.Read(func(c *catalog.Catalog) { _, err = c.Registries.Resolve(req.Ref, catalog.Exactly) })
	if err != nil {
		return result, l.RegistryElsewhere(ctx, req.Ref, true, err)
	}
	conn, err := l.FindConnector(ctx, req.Connector, "", catalog.Exactly)
	if err != nil {
		return result, err
	}
	compute := func(c *catalog.Catalog) (state.Edit, error) {
		reg, change, err := c.Registries.Connect(req.Ref, conn, l.Now().UTC())
		result.Registry = reg
		if err != nil {
			return state.Edit{}, err
		}
		return l.Keeping(c, change, conn)
	}
	l.Read(func(c *catalog.Catalog) { _, err = compute(c) })
	if err != nil {
		return result, err
	}
	if result.Resources, err = l.Access(ctx, conn, result.Registry.ConnectorResourceID,
		req.NoVerify); err != nil {
		return result, err
	}
	result.Connector = &conn
	err = l.Change(ctx, compute)
	return result, err
}

// Disconnect unlinks a container registry from its connector.
func (l local) Disconnect(ctx context.Context, ref string) (result api.RegistryResult, err error) {
	err = l.Change(ctx, func(c *catalog.Catalog) (state.Edit, error) {
		reg, change, err := c.Registries.Disconnect(ref, l.Now().UTC())
		result.Registry = reg
		return state.Edit{Change: change}, err
	})
	return result, l.RegistryElsewhere(ctx, ref, true, err)
}
