package broker

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/broker/door"
	"github.com/zen-agent/zen/internal/broker/home"
	"github.com/zen-agent/zen/internal/catalog"
	"github.com/zen-agent/zen/internal/credential"
)

// Connectors answers about service connectors, of every home.
type Connectors struct{ *core }

// ConnectorTypes answers the descriptions that fit the query: of this machine's kinds, or
// of a server's.
func (b *Connectors) ConnectorTypes(
	ctx context.Context,
	q api.ConnectorTypesQuery,
) (api.ConnectorTypes, error) {
	list := api.ConnectorTypes{Items: []api.ConnectorType{}}
	h, err := b.homes.Named(q.Server, catalog.ByPrefix)
	if err != nil {
		return list, err
	}
	types, err := h.Types(ctx)
	if err != nil {
		return list, err
	}
	for _, t := range types {
		if (q.Type == "" || q.Type == t.Type) && hasResourceType(t, q.ResourceType) &&
			hasAuthMethod(t, q.AuthMethod) {
			list.Items = append(list.Items, t)
		}
	}
	return list, nil
}

// how is how much of a name a request has to give.
func how(exact bool) catalog.Match {
	if exact {
		return catalog.Exactly
	}
	return catalog.ByPrefix
}

func hasResourceType(t api.ConnectorType, want string) bool {
	return want == "" ||
		slices.ContainsFunc(t.ResourceTypes, func(r api.ResourceType) bool { return r.Type == want })
}

func hasAuthMethod(t api.ConnectorType, want string) bool {
	return want == "" ||
		slices.ContainsFunc(t.AuthMethods, func(m api.AuthMethod) bool { return m.Method == want })
}

// QueryConnectors answers connector.list.
func (b *Connectors) QueryConnectors(q api.Query) (list api.ConnectorList, err error) {
	b.Read(func(c *catalog.Catalog) { list, err = c.Connectors.Query(q, b.Now()) })
	return list, err
}

// Connector answers connector.get: the connector as list shows it, and what it gives
// access to.
func (b *Connectors) Connector(ctx context.Context, use api.UseConnector) (api.ConnectorResult, error) {
	conn, err := b.homes.FindConnector(ctx, use.Ref, use.Server, how(use.Exact))
	if err != nil {
		return api.ConnectorResult{}, err
	}
	h := b.homes.Of(conn)
	conn = h.Listed(ctx, conn)
	return api.ConnectorResult{
		Connector: conn,
		Resources: h.Resources(conn),
		Shadowed:  b.homes.Shadowed(ctx, conn, use.Server),
	}, nil
}

// RegisterConnector registers a connector where the request says. The configuration's
// secrets are the caller's to wipe.
func (b *Connectors) RegisterConnector(
	ctx context.Context, caller access.Caller, req api.RegisterConnector, config map[string]credential.Secret,
) (api.ConnectorResult, error) {
	h, err := b.homes.Named(req.Server, catalog.Exactly)
	if err != nil {
		return api.ConnectorResult{}, err
	}
	return h.Register(ctx, door.Use{Caller: caller, For: access.Register, DryRun: req.DryRun}, req, config)
}

// UpdateConnector changes a connector where it lives; changed attributes come in config.
func (b *Connectors) UpdateConnector(
	ctx context.Context, caller access.Caller, req api.UpdateConnector, config map[string]credential.Secret,
) (api.ConnectorResult, error) {
	for i, name := range req.Remove { // people type attributes as options too, with dashes
		req.Remove[i] = strings.ReplaceAll(name, "-", "_")
	}
	h, err := b.homes.Named(req.Server, catalog.Exactly)
	if err != nil {
		return api.ConnectorResult{}, err
	}
	return h.Update(ctx, door.Use{Caller: caller, For: access.Update, DryRun: req.DryRun}, req, config)
}

// DeleteConnector removes a connector from where it lives, and ends its logins.
func (b *Connectors) DeleteConnector(
	ctx context.Context,
	caller access.Caller,
	req api.DeleteConnector,
) (api.ConnectorResult, error) {
	h, err := b.homes.Named(req.Server, catalog.Exactly)
	if err != nil {
		return api.ConnectorResult{}, err
	}
	conn, ended, err := h.Delete(ctx, caller, req)
	if err != nil {
		return api.ConnectorResult{}, err
	}
	b.usage.forget(ended)
	return api.ConnectorResult{
		Connector: conn,
		Ended:     len(ended),
		Shadowed:  b.homes.Shadowed(ctx, conn, req.Server),
	}, nil
}

// RevealConnector returns a connector's secret attributes, for a person who asked to see
// them; always audited. The caller wipes them.
func (b *Connectors) RevealConnector(
	ctx context.Context,
	caller access.Caller,
	use api.UseConnector,
) (api.ServiceConnector, map[string]credential.Secret, error) {
	conn, err := b.homes.FindConnector(ctx, use.Ref, use.Server, catalog.ByPrefix)
	if err != nil {
		return conn, nil, err
	}
	subject := access.Subject{Address: home.Canonical(conn.ResourceID), Connector: conn.Name}
	attrs, err := b.homes.Of(conn).Reveal(ctx, door.Use{Caller: caller, For: access.Reveal}, subject, conn)
	return conn, attrs, err
}

// VerifyConnector asks the registry whether the connector's credential works.
func (b *Connectors) VerifyConnector(
	ctx context.Context,
	caller access.Caller,
	use api.UseConnector,
) (api.ConnectorResult, error) {
	conn, err := b.homes.FindConnector(ctx, use.Ref, use.Server, catalog.ByPrefix)
	if err != nil {
		return api.ConnectorResult{}, err
	}
	resources, err := b.homes.Verify(ctx, door.Use{Caller: caller, For: access.Verify}, conn, use)
	if err != nil {
		return api.ConnectorResult{}, err
	}
	return api.ConnectorResult{
		Connector: conn,
		Resources: resources,
		Shadowed:  b.homes.Shadowed(ctx, conn, use.Server),
	}, nil
}

// Resources answers connector.resources: every connector of the type that gives access to
// the resource, bounded in time by ctx when the registries are to be asked too.
func (b *Connectors) Resources(ctx context.Context, q api.ResourcesQuery) (api.ResourceList, error) {
	list := api.ResourceList{Items: []api.Resource{}}
	conns, warnings, err := b.homes.Remote(ctx, q.Server, home.ListTime)
	if err != nil {
		return list, err
	}
	if q.Server == "" {
		b.Read(func(c *catalog.Catalog) { conns = append(c.Connectors.List(), conns...) })
	}
	list.Warnings = warnings
	conns = slices.DeleteFunc(conns, func(conn api.ServiceConnector) bool {
		return q.ConnectorType != "" && q.ConnectorType != conn.Type || !home.ForRegistries(conn)
	})
	for _, found := range b.eachResources(ctx, conns, q) {
		list.Items = append(list.Items, found...)
	}
	return list, nil
}

// eachTime is for asking about every connector, behind each of which can be a cloud.
const eachTime = 2 * time.Minute

// eachResources asks about several connectors at a time: behind each can be a cloud, or a
// registry that does not answer.
func (b *Connectors) eachResources(
	ctx context.Context,
	conns []api.ServiceConnector,
	q api.ResourcesQuery,
) [][]api.Resource {
	ctx, cancel := context.WithTimeout(ctx, eachTime)
	defer cancel()
	const atOnce = 8
	found := make([][]api.Resource, len(conns))
	turns := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i, conn := range conns {
		turns <- struct{}{}
		all.Go(func() {
			found[i] = b.connectorResources(ctx, conn, q)
			<-turns
		})
	}
	all.Wait()
	return found
}

func (b *Connectors) connectorResources(
	ctx context.Context,
	conn api.ServiceConnector,
	q api.ResourcesQuery,
) []api.Resource {
	var out []api.Resource
	for _, r := range b.homes.Of(conn).Resources(conn) {
		if q.ResourceType != "" && q.ResourceType != r.ResourceType {
			continue
		}
		if conn.ResourceID == "" {
			b.askChoices(ctx, conn, &r)
		}
		if !offers(r, q.ResourceID) {
			continue
		}
		if err := b.homes.Lapsed(conn); err != nil {
			r.Error = err.Error()
		} else if q.Verify && r.Error == "" {
			checked, err := b.homes.Verify(ctx, home.Asking(ctx, access.Verify), conn, api.UseConnector{})
			if err != nil {
				r.Error = err.Error()
			} else if len(checked) == 1 {
				r = checked[0]
			}
		}
		out = append(out, r)
	}
	return out
}

// askChoices asks which registries a connector without one of its own gives access to.
func (b *Connectors) askChoices(ctx context.Context, conn api.ServiceConnector, r *api.Resource) {
	g, err := b.homes.Grant(conn)
	if err == nil {
		r.ResourceIDs, err = b.homes.Of(conn).Choices(ctx, home.Asking(ctx, access.List), g, conn)
	}
	if err != nil {
		r.Error = err.Error()
	}
}

func offers(r api.Resource, want string) bool {
	if want == "" {
		return true
	}
	a, err := address.Parse(want)
	return err == nil &&
		slices.ContainsFunc(
			r.ResourceIDs,
			func(id string) bool { return home.Canonical(id).Host() == a.Host() },
		)
}

// ListConnectors answers connector.list: the connectors of this machine and of every
// server.
func (b *Connectors) ListConnectors(ctx context.Context, q api.Query) (list api.ConnectorList, err error) {
	remote, warnings, err := b.homes.Remote(ctx, b.only(q), home.Patience(q))
	if err == nil {
		err = b.largeIfAll(ctx, q)
	}
	if err != nil {
		return list, err
	}
	b.Read(func(c *catalog.Catalog) { list, err = c.Connectors.Query(q, b.Now(), remote...) })
	list.Warnings = warnings
	return list, err
}

// only is the server that a list is for, "" if it is not for just one.
func (b *core) only(q api.Query) (name string) {
	if names := q.Filters["server"]; len(names) == 1 && q.Operator != "or" {
		b.Read(func(c *catalog.Catalog) {
			if s, ok := c.Servers.Named(strings.TrimPrefix(names[0], "equals:")); ok {
				name = s.Name
			}
		})
	}
	return name
}

// PlainNotices name the connectors whose registry is asked over plain http and was so
// before zend asked for agreement.
func (b *Connectors) PlainNotices() []api.Notice { return b.homes.PlainNotices() }
