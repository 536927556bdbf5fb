package home

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/broker/door"
	"github.com/zen-agent/zen/internal/broker/state"
	"github.com/zen-agent/zen/internal/catalog"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/credential"
)

// server is the home of the connectors of a ZenML server.
type server struct {
	*Homes
	api   api.Server
	there bool // false: it was disconnected
}

func (z server) key() ServerKey { return z.ServerKey(z.api) }

// Option is what a command needs to mean the server.
func (z server) Option() string { return " --server " + z.api.Name }

// Types describes the types of connectors that the server has.
func (z server) Types(ctx context.Context) ([]api.ConnectorType, error) {
	return z.Client.Types(ctx, z.api, z.key())
}

// Find finds a connector of the server.
func (z server) Find(ctx context.Context, ref string) (api.ServiceConnector, error) {
	return z.FindConnector(ctx, ref, z.api.Name, catalog.Exactly)
}

// Linked is Find.
func (z server) Linked(ctx context.Context, id string) (api.ServiceConnector, error) {
	return z.Find(ctx, id)
}

// Listed is the connector as the server lists it, and which secrets it must have: a
// server tells no names of secrets that it does not tell.
func (z server) Listed(ctx context.Context, conn api.ServiceConnector) api.ServiceConnector {
	t, err := z.typeNamed(ctx, conn.Type)
	if err != nil {
		return conn
	}
	method, err := connector.MethodOf(t, conn.AuthMethod)
	if err != nil {
		return conn
	}
	conn.SecretAttributes = slices.Clone(conn.SecretAttributes)
	for _, a := range method.Attributes {
		if a.Secret && a.Required && !slices.Contains(conn.SecretAttributes, a.Name) {
			conn.SecretAttributes = append(conn.SecretAttributes, a.Name)
		}
	}
	slices.Sort(conn.SecretAttributes)
	return conn
}

// Resources are what the connector names; of one for all that it can reach, container
// registries are what counts here.
func (z server) Resources(conn api.ServiceConnector) []api.Resource {
	list := resourcesOf(conn)
	for i := range list {
		if ForRegistries(conn) {
			list[i].ResourceType = ResourceTypeRegistry
		}
	}
	return list
}

// LoginHost is the host: clients ask for that, and it is what a server's credentials are
// good for.
func (z server) LoginHost(registry string) string { return Canonical(registry).Registry().String() }

// TypeName is what the connector's type is called: as this machine's kind of that name
// is, or by ZenML's rule.
func (z server) TypeName(conn api.ServiceConnector) string {
	if own, ok := z.Kinds[conn.Type]; ok {
		return own.Describe().Name
	}
	if len(conn.Type) <= 3 { // an acronym
		return strings.ToUpper(conn.Type) + " Service Connector"
	}
	return strings.ToUpper(conn.Type[:1]) + conn.Type[1:] + " Service Connector"
}

// Expired knows what was deleted. The server may have got new credentials for the others
// since they were listed.
func (z server) Expired(conn api.ServiceConnector) error {
	if conn.Deleted {
		return deleted(conn)
	}
	return nil
}

// Reveal asks the server for the connector's configuration, and keeps back what is shown
// anyway.
func (z server) Reveal(
	ctx context.Context, use door.Use, s access.Subject, conn api.ServiceConnector,
) (map[string]credential.Secret, error) {
	if z.Client == nil {
		return nil, ErrNoServers
	}
	return z.Door.RevealFrom(ctx, use, s, func(ctx context.Context) (map[string]credential.Secret, error) {
		secrets, err := z.Client.Configuration(ctx, z.api, z.key(), conn.ID)
		for name := range conn.Configuration {
			if secret, ok := secrets[name]; ok {
				secret.Wipe()
				delete(secrets, name)
			}
		}
		return secrets, err
	})
}

// Keep keeps enough to ask for a credential again.
func (z server) Keep(c *catalog.Catalog, conn api.ServiceConnector) (catalog.Change, error) {
	return c.Servers.PutRemote(withoutConfiguration(conn))
}

// typeNamed finds one of a server's types.
func (z server) typeNamed(ctx context.Context, name string) (api.ConnectorType, error) {
	types, err := z.Types(ctx)
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
	return api.ConnectorType{}, credential.NewError(credential.NoSuchEntity, fmt.Sprintf("Service "+
		"connector type '%s' not found.", name),
		"known types of server '"+z.api.Name+"': "+strings.Join(known, ", "))
}

// Register registers a connector on the server. What can be checked here is checked here
// first: a server does not ask the registry about a password.
func (z server) Register(
	ctx context.Context, use door.Use, req api.RegisterConnector, config map[string]credential.Secret,
) (api.ConnectorResult, error) {
	t, err := z.typeNamed(ctx, req.Type)
	if err != nil {
		return api.ConnectorResult{}, err
	}
	d := Draft{Connector: api.ServiceConnector{
		Name: req.Name, Description: req.Description, Type: req.Type, AuthMethod: req.AuthMethod,
		ResourceID: req.ResourceID,
		ExpiresAt:  req.ExpiresAt, ExpiresSkewTolerance: req.ExpiresSkewTolerance,
		ExpirationSeconds: req.ExpirationSeconds,
		Labels:            req.Labels, Server: z.api.Name, Revision: 1, Insecure: req.Insecure,
	}}
	if req.ResourceType != "" {
		d.Connector.ResourceTypes = []string{req.ResourceType}
	}
	spec, warnings, err := z.draftSpec(t, &d, config)
	if err != nil {
		return api.ConnectorResult{}, err
	}
	if d.Connector, spec, err = agree(d.Connector, api.ServiceConnector{}, spec, req.Insecure); err != nil {
		return api.ConnectorResult{}, err
	}
	d.Config = wholeConfig(spec)
	result, err := z.checkedDraft(ctx, use, t, &d, spec, req.NoVerify)
	result.Warnings = warnings
	if err != nil || req.DryRun {
		return result, err
	}
	var conn api.ServiceConnector
	err = z.toServer(ctx, use, d, func(ctx context.Context) (err error) {
		conn, err = z.Client.RegisterConnector(ctx, z.api, z.key(), d)
		return err
	})
	z.Audit(
		use.Caller,
		access.Subject{Action: access.Register, Connector: req.Name},
		err,
		"on server "+z.api.Name,
	)
	if _, taken := z.resolveConnector(conn.Name, catalog.Exactly); err == nil && taken == nil {
		result.Warnings = append(result.Warnings, fmt.Sprintf(
			"this machine has a service connector '%s' too, which is the one that is meant without "+
				"--server %s", conn.Name, z.api.Name))
	}
	return z.written(result, conn), err
}

// written is a result about a connector that a server has written.
func (z server) written(result api.ConnectorResult, conn api.ServiceConnector) api.ConnectorResult {
	conn.Server, conn.Revision = z.api.Name, 1
	result.Connector = conn
	for i := range result.Resources {
		result.Resources[i].ConnectorID, result.Resources[i].ConnectorName = conn.ID, conn.Name
	}
	return result
}

// toServer lets a draft's secrets out to the server that is to keep or to check them.
func (z server) toServer(ctx context.Context, use door.Use, d Draft, f func(context.Context) error) error {
	subject := access.Subject{
		Action:    use.For,
		Connector: d.Connector.Name,
		To:        access.Destination{Place: access.Server, Name: z.api.URL},
	}
	return z.Door.Pass(ctx, use, subject, func(ctx context.Context) (string, error) { return "", f(ctx) })
}

// draftSpec completes a draft, which is checked against the type's description, and by
// the kind if this machine knows it.
func (z server) draftSpec(
	t api.ConnectorType, d *Draft, config map[string]credential.Secret,
) (spec connector.Spec, warnings []string, err error) {
	method, err := connector.MethodOf(t, d.Connector.AuthMethod)
	if err != nil {
		return spec, nil, err
	}
	spec = PublicSpec(d.Connector)
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
	if kind := z.draftKind(t, spec, *d); kind != nil {
		if spec, err = kind.Validate(spec); err != nil {
			return spec, warnings, err
		}
		d.Connector.ResourceID = spec.ResourceID
	}
	return spec, warnings, nil
}

// draftKind is the kind of this machine that can ask the registry about a draft; nil if
// only the server can.
func (z server) draftKind(t api.ConnectorType, spec connector.Spec, d Draft) connector.Kind {
	if spec.ResourceType != ResourceTypeRegistry || d.Instances {
		return nil
	}
	return z.Kinds[t.Type]
}

// checkedDraft finds out what a completed draft gives access to: at the registry if this
// machine knows the type, else by the server.
func (z server) checkedDraft(
	ctx context.Context, use door.Use, t api.ConnectorType, d *Draft, spec connector.Spec, noVerify bool,
) (result api.ConnectorResult, err error) {
	if kind := z.draftKind(t, spec, *d); kind != nil {
		result.Resources, err = z.Check(
			ctx,
			use,
			door.Grant{Kind: kind, Spec: spec, Connector: d.Connector.Name},
			d.Connector,
			noVerify,
			"",
		)
	} else {
		result.Resources, err = z.checkedByServer(ctx, use, *d, noVerify)
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

func (z server) checkedByServer(
	ctx context.Context,
	use door.Use,
	d Draft,
	noVerify bool,
) ([]api.Resource, error) {
	r := ResourceOf(d.Connector)
	r.Verification = api.VerificationSkipped
	if noVerify {
		return []api.Resource{r}, nil
	}
	r.ResourceType = ResourceTypeRegistry
	err := z.toServer(ctx, use, d, func(ctx context.Context) (err error) {
		r.ResourceIDs, err = z.Client.CheckConnector(ctx, z.api, z.key(), d)
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

// Update changes a connector of the server.
func (z server) Update(
	ctx context.Context, use door.Use, req api.UpdateConnector, config map[string]credential.Secret,
) (api.ConnectorResult, error) {
	conn, err := z.Find(ctx, req.Ref)
	if err != nil {
		return api.ConnectorResult{}, err
	}
	if i := slices.IndexFunc(req.Remove,
		func(name string) bool { return name == "expires_at" || name == "expires_skew_tolerance" }); i >= 0 {
		return api.ConnectorResult{}, credential.NewError(credential.InvalidInput,
			"a ZenML server does not take "+req.Remove[i]+" away from a service "+
				"connector", "set another value, or delete it and register it anew")
	}
	d, result, err := z.updatedDraft(ctx, use, conn, req, config)
	defer door.WipeAll(d.Config)
	if err != nil || req.DryRun {
		return result, err
	}
	var written api.ServiceConnector
	err = z.toServer(ctx, use, d, func(ctx context.Context) (err error) {
		written, err = z.Client.UpdateConnector(ctx, z.api, z.key(), d)
		return err
	})
	z.Audit(
		use.Caller,
		access.Subject{Action: access.Update, Connector: conn.Name},
		err,
		"on server "+z.api.Name,
	)
	if err != nil {
		return result, err
	}
	z.Engine.Drop(conn.ID)
	return z.written(result, written), z.remember(ctx, written)
}

// updatedDraft is what an update makes of a connector. The configuration is read from the
// server only if it changes: nobody else shall see it.
func (z server) updatedDraft(
	ctx context.Context, use door.Use, conn api.ServiceConnector, req api.UpdateConnector,
	config map[string]credential.Secret,
) (Draft, api.ConnectorResult, error) {
	next := z.updated(conn, req)
	next.Insecure = req.Insecure
	if req.ResourceID == nil && !slices.Contains(req.Remove, "resource_id") {
		next.ResourceID = conn.ResourceID
	}
	d := Draft{Connector: next, Instances: conn.ResourceID == ""}
	attrs := slices.DeleteFunc(slices.Clone(req.Remove), func(name string) bool {
		return slices.Contains([]string{"resource_id", "resource_type", "expiration_seconds"}, name)
	})
	if len(config) == 0 && len(attrs) == 0 && req.AuthMethod == nil {
		return d, api.ConnectorResult{Connector: next, Resources: z.Resources(next)}, nil
	}
	t, err := z.typeNamed(ctx, conn.Type)
	if err != nil {
		return d, api.ConnectorResult{}, err
	}
	if req.ResourceID == nil && len(next.ResourceTypes) == 1 && !instancesOf(t, next.ResourceTypes[0]) {
		d.Connector.ResourceID = "" // follows from the configuration, which changes
	}
	var result api.ConnectorResult
	var warnings []string
	whole, spec, err := z.Door.Revise(ctx, use, door.Revision{
		Connector: conn.Name, Kind: z.Kinds[t.Type], Typed: config, Remove: attrs,
		Stored: func(ctx context.Context) (map[string]credential.Secret, connector.Spec, error) {
			whole, err := z.Client.Configuration(ctx, z.api, z.key(), conn.ID)
			if err != nil {
				return nil, connector.Spec{}, err
			}
			spec, _, err := z.draftSpec(t, &Draft{Connector: conn}, whole)
			if err != nil { // then it is for nobody
				spec = connector.Spec{}
			}
			return whole, spec, nil
		},
		Validate: func(whole map[string]credential.Secret) (spec connector.Spec, err error) {
			spec, warnings, err = z.draftSpec(t, &d, whole)
			return spec, err
		},
	})
	if err != nil {
		return d, result, err
	}
	defer door.WipeAll(whole)
	var earlier api.ServiceConnector
	if z.AgreedFor(conn) {
		earlier = conn
	}
	if d.Connector, spec, err = agree(d.Connector, earlier, spec, req.Insecure); err != nil {
		return d, result, err
	}
	d.Config = cloned(wholeConfig(spec)) // what it shares is wiped here
	result, err = z.checkedDraft(ctx, use, t, &d, spec, req.NoVerify)
	result.Warnings = warnings
	return d, result, err
}

func instancesOf(t api.ConnectorType, resourceType string) bool {
	return slices.ContainsFunc(
		t.ResourceTypes,
		func(r api.ResourceType) bool { return r.Type == resourceType && r.SupportsInstances },
	)
}

func cloned(config map[string]credential.Secret) map[string]credential.Secret {
	out := make(map[string]credential.Secret, len(config))
	for name, value := range config {
		out[name] = value.Clone()
	}
	return out
}

// remember keeps what a server made of a connector, if a login uses it.
func (z server) remember(ctx context.Context, conn api.ServiceConnector) error {
	return z.Change(ctx, func(c *catalog.Catalog) (state.Edit, error) {
		kept := placed([]api.ServiceConnector{conn}, z.api, c.Servers.Remotes())
		old := slices.ContainsFunc(
			c.Servers.Remotes(),
			func(r api.ServiceConnector) bool { return r.ID == conn.ID && r.Server == z.api.Name },
		)
		if len(kept) == 0 || !old {
			return state.Edit{}, nil
		}
		change, err := c.Servers.PutRemote(withoutConfiguration(kept[0]))
		return state.Edit{Change: change}, err
	})
}

// Delete deletes a connector of the server, and ends the logins through it.
func (z server) Delete(
	ctx context.Context, caller access.Caller, req api.DeleteConnector,
) (conn api.ServiceConnector, ended []api.Login, err error) {
	if conn, err = z.Find(ctx, req.Ref); err != nil {
		return conn, nil, err
	}
	var users []string
	z.Read(func(c *catalog.Catalog) { users = c.Registries.UsersOf(conn.ID) })
	if len(users) > 0 {
		return conn, nil, credential.NewError(credential.InUse, fmt.Sprintf(
			"Service connector '%s' is used by the container registry '%s' of this "+
				"machine.", conn.Name, users[0]),
			"zen container-registry disconnect "+users[0])
	}
	err = z.Client.DeleteConnector(ctx, z.api, z.key(), conn.ID)
	z.Audit(caller, access.Subject{Action: access.Delete, Connector: conn.Name}, err, "on server "+z.api.Name)
	if err != nil {
		return conn, nil, err
	}
	z.Engine.Drop(conn.ID)
	err = z.Change(ctx, func(c *catalog.Catalog) (state.Edit, error) {
		var change catalog.Change
		ended, change = c.Logins.End(func(l api.Login) bool { return l.ConnectorID == conn.ID })
		return state.Edit{Change: change}, nil
	})
	return conn, ended, err
}

// withoutConfiguration is what is kept of a server's connector: enough to ask for a
// credential again.
func withoutConfiguration(conn api.ServiceConnector) api.ServiceConnector {
	config := map[string]string{}
	if registry := conn.Configuration[connector.AttrRegistry]; registry != "" {
		config[connector.AttrRegistry] = registry
	}
	conn.Configuration, conn.SecretAttributes, conn.Labels = config, nil, nil
	return conn
}

// Connect links a container registry of the server to a connector of the same server,
// after the registry accepted what that mints.
func (z server) Connect(ctx context.Context, req api.ConnectRegistry) (result api.RegistryResult, err error) {
	reg, err := z.FindRegistry(ctx, req.Ref, z.api.Name, catalog.Exactly)
	if err != nil {
		return result, err
	}
	conn, err := z.Find(ctx, req.Connector)
	if err != nil {
		return result, err
	}
	z.Read(func(c *catalog.Catalog) { reg, err = c.Registries.Linked(reg, conn) })
	if err != nil {
		return result, err
	}
	if result.Resources, err = z.Access(ctx, conn, reg.ConnectorResourceID, req.NoVerify); err != nil {
		return result, err
	}
	result.Connector = &conn
	reg.ConnectorName, reg.ConnectorType = conn.Name, conn.Type
	result.Registry = reg
	return result, z.Client.LinkRegistry(ctx, z.api, z.key(), reg.ID, conn.ID, reg.ConnectorResourceID)
}

// Disconnect unlinks a container registry of the server from its connector.
func (z server) Disconnect(ctx context.Context, ref string) (result api.RegistryResult, err error) {
	if result.Registry, err = z.FindRegistry(ctx, ref, z.api.Name, catalog.Exactly); err != nil ||
		result.Registry.ConnectorID == "" {
		return result, err
	}
	reg := &result.Registry
	reg.ConnectorID, reg.ConnectorName, reg.ConnectorType, reg.ConnectorResourceID = "", "", "", ""
	return result, z.Client.LinkRegistry(ctx, z.api, z.key(), reg.ID, "", "")
}

// Grant is what a connector's credentials are made of: the server's key opens them.
func (z server) Grant(conn api.ServiceConnector) (g door.Grant, err error) {
	switch {
	case z.ServerKind == nil:
		return g, ErrNoServers
	case !z.there:
		return g, credential.NewError(
			credential.NoSuchEntity,
			fmt.Sprintf(
				"the server '%s' of service connector '%s' is gone",
				conn.Server,
				conn.Name,
			),
			"zen server connect URL",
		)
	case !ForRegistries(conn):
		return g, credential.NewError(credential.InvalidInput,
			fmt.Sprintf("service connector '%s' on server '%s' gives access to no container "+
				"registry", conn.Name, conn.Server), "zen service-connector list")
	}
	spec, s := PublicSpec(conn), z.api
	spec.Insecure = z.AgreedFor(conn)
	spec.ResourceType = ResourceTypeRegistry
	spec.Config = connector.Server{
		ID: s.ID, Revision: s.Updated.Format(time.RFC3339Nano), URL: s.URL, Auth: s.Auth,
		Username: s.Username, CACert: s.CACert, Insecure: s.Insecure,
	}.Attributes(spec.Config)
	return door.Grant{Kind: z.ServerKind, Spec: spec, Record: s.ID, Connector: conn.Name}, nil
}

// Choices are the registries that a connector gives access to; none is an error.
func (z server) Choices(
	ctx context.Context,
	use door.Use,
	g door.Grant,
	conn api.ServiceConnector,
) ([]string, error) {
	ids, err := z.Door.Resources(ctx, use, g)
	if err == nil && len(ids) == 0 {
		err = credential.NewError(credential.InvalidInput,
			fmt.Sprintf("service connector '%s' on server '%s' gives access to no container "+
				"registry", conn.Name, conn.Server), "")
	}
	return ids, err
}
