package home

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/catalog"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/credential"
)

// ServerKey gives the secret of a server to whoever logs in there, and the caller wipes it.
type ServerKey = func(ctx context.Context) (credential.Secret, error)

// Servers talks to ZenML servers. Errors are made for a person.
type Servers interface {
	// Greet asks a server who it is, without a login, and returns it with its canonical
	// URL, id and version. A server that lets everybody in gets api.ServerAuthNone; it is
	// an error for one that does not.
	Greet(ctx context.Context, s api.Server) (api.Server, error)

	// Login proves that the server accepts the key, and returns who it says we are.
	Login(ctx context.Context, s api.Server, key ServerKey) (user string, err error)

	// StartDevice begins a login in a browser; clientID is a UUID that stays the same on
	// one machine.
	StartDevice(ctx context.Context, s api.Server, clientID string) (api.ServerDevice, error)

	// WaitDevice waits until the login was allowed, or as long as ctx; not ok means not
	// yet. The token's end is in the server.
	WaitDevice(ctx context.Context, device string) (s api.Server, token credential.Secret, ok bool, err error)

	// Connectors, Registries and Stacks list what is on a server.
	Connectors(ctx context.Context, s api.Server, key ServerKey) ([]api.ServiceConnector, error)
	Registries(ctx context.Context, s api.Server, key ServerKey) ([]api.ContainerRegistry, error)
	Stacks(ctx context.Context, s api.Server, key ServerKey) ([]api.Stack, error)

	// Types lists the types of service connectors that a server has.
	Types(ctx context.Context, s api.Server, key ServerKey) ([]api.ConnectorType, error)

	// CheckConnector asks a server to check a connector that is not registered, and what
	// it gives access to.
	CheckConnector(ctx context.Context, s api.Server, key ServerKey, d Draft) (resources []string, err error)

	// RegisterConnector and UpdateConnector make a connector on a server, and make one
	// what the draft says.
	RegisterConnector(ctx context.Context, s api.Server, key ServerKey, d Draft) (api.ServiceConnector, error)
	UpdateConnector(ctx context.Context, s api.Server, key ServerKey, d Draft) (api.ServiceConnector, error)

	// DeleteConnector removes a connector from a server.
	DeleteConnector(ctx context.Context, s api.Server, key ServerKey, id string) error

	// Configuration reads a connector's whole configuration, with its secrets, which the
	// caller wipes.
	Configuration(
		ctx context.Context,
		s api.Server,
		key ServerKey,
		id string,
	) (map[string]credential.Secret, error)

	// LinkRegistry links a container registry on a server to a connector there, for one
	// of its resources; without ids it unlinks it.
	LinkRegistry(ctx context.Context, s api.Server, key ServerKey, registry, connector, resource string) error

	// Forget wipes all access tokens.
	Forget()
}

// Bounds of what is asked of servers.
const (
	ListTime   = 15 * time.Second // for the lists of all servers
	quickTime  = time.Second / 2  // for the same, when a shell completes a name
	noticeTime = time.Second      // to find out whether a server has a connector of the same name
)

// Draft is a connector as it is to be on a server.
type Draft struct {
	Connector api.ServiceConnector // without its configuration
	Instances bool                 // its resource type has several instances
	Method    api.AuthMethod
	// the whole configuration; nil leaves it as it is. Secrets are the broker's to wipe
	Config map[string]credential.Secret
}

// ErrNoServers is the error where one is needed.
var ErrNoServers = credential.NewError(credential.Unavailable, "this zend talks to no ZenML servers", "")

// ServerKey opens a server's secret for just as long as it is needed.
func (h *Homes) ServerKey(s api.Server) ServerKey { return h.Door.Key(s.ID, connector.AttrKey, s.URL) }

// server finds a connected server.
func (h *Homes) server(ref string, how catalog.Match) (s api.Server, err error) {
	if h.Client == nil {
		return s, ErrNoServers
	}
	h.Read(func(c *catalog.Catalog) { s, err = c.Servers.Resolve(ref, how) })
	return s, err
}

// serverName is the name of the server that ref means; "" stays so.
func (h *Homes) serverName(ref string, how catalog.Match) (string, error) {
	if ref == "" {
		return "", nil
	}
	s, err := h.server(ref, how)
	return s.Name, err
}

// Listed is what one server lists, or why it does not.
type Listed[T any] struct {
	Server api.Server
	Items  []T
	Err    error
}

// everyServer asks every server, or the named one, all at the same time.
func everyServer[T any](
	ctx context.Context,
	h *Homes,
	limit time.Duration,
	only string,
	list func(context.Context, api.Server) ([]T, error),
) []Listed[T] {
	if h.Client == nil {
		return nil
	}
	servers := slices.DeleteFunc(h.all(), func(s api.Server) bool { return only != "" && s.Name != only })
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	out := make([]Listed[T], len(servers))
	var all sync.WaitGroup
	for i, s := range servers {
		out[i].Server = s
		all.Go(func() { out[i].Items, out[i].Err = list(ctx, s) })
	}
	all.Wait()
	return out
}

// Together joins what servers list, and says of those that do not answer why.
func Together[T any](lists []Listed[T]) (items []T, warnings []string) {
	for _, from := range lists {
		items = append(items, from.Items...)
		if from.Err != nil {
			warnings = append(warnings, unheard(from.Server, from.Err))
		}
	}
	return items, warnings
}

func unheard(s api.Server, err error) string {
	return fmt.Sprintf("server '%s' was not asked successfully: %v", s.Name, err)
}

// Connectors lists the connectors of every server, or of the named one. A server that
// does not answer has those that logins use.
func (h *Homes) Connectors(
	ctx context.Context,
	limit time.Duration,
	only string,
) []Listed[api.ServiceConnector] {
	var remotes []api.ServiceConnector
	h.Read(func(c *catalog.Catalog) { remotes = c.Servers.Remotes() })
	out := everyServer(
		ctx,
		h,
		limit,
		only,
		func(ctx context.Context, s api.Server) ([]api.ServiceConnector, error) {
			items, err := h.Client.Connectors(ctx, s, h.ServerKey(s))
			if err != nil {
				return nil, err
			}
			ids := make([]string, len(items))
			for i, conn := range items {
				ids[i] = conn.ID
			}
			items = placed(items, s, remotes)
			h.notice(ctx, s, ids, items)
			return items, nil
		},
	)
	for i := range out {
		if out[i].Err != nil {
			out[i].Items = slices.DeleteFunc(
				slices.Clone(remotes),
				func(r api.ServiceConnector) bool { return r.Server != out[i].Server.Name },
			)
		}
	}
	return out
}

// placed says of connectors where they live, and which revision of what is kept of them
// they are.
func placed(
	items []api.ServiceConnector,
	s api.Server,
	remotes []api.ServiceConnector,
) []api.ServiceConnector {
	out := make([]api.ServiceConnector, 0, len(items))
	for _, conn := range items {
		if conn.ID == "" || conn.Name == "" {
			continue // without permission to read it there is nothing to say of it
		}
		conn.Server, conn.Revision = s.Name, 1
		for _, r := range remotes {
			if r.ID != conn.ID || r.Server != s.Name {
				continue
			}
			conn.Revision, conn.Verification = r.Revision, r.Verification
			agreed, _ := connector.Unencrypted(r.Configuration)
			now, plain := connector.Unencrypted(conn.Configuration)
			conn.Insecure = r.Insecure && plain && now == agreed
			if !r.Updated.Equal(conn.Updated) {
				conn.Revision++
			}
		}
		out = append(out, conn)
	}
	return out
}

// ForRegistries reports whether a connector gives access to container registries.
func ForRegistries(conn api.ServiceConnector) bool {
	return len(conn.ResourceTypes) == 0 || slices.Contains(conn.ResourceTypes, ResourceTypeRegistry)
}

// ResourceTypeRegistry is ZenML's name of what this is all about.
const ResourceTypeRegistry = "docker-registry"

func (h *Homes) all() (servers []api.Server) {
	h.Read(func(c *catalog.Catalog) { servers = c.Servers.List() })
	return servers
}

func (h *Homes) hasServers() bool { return len(h.all()) > 0 }

// Patience is how long a list waits for servers.
func Patience(q api.Query) time.Duration {
	if q.Quick {
		return quickTime
	}
	return ListTime
}

// Registries lists the container registries of every server, or of the named one.
func (h *Homes) Registries(
	ctx context.Context,
	limit time.Duration,
	only string,
) []Listed[api.ContainerRegistry] {
	return everyServer(
		ctx,
		h,
		limit,
		only,
		func(ctx context.Context, s api.Server) ([]api.ContainerRegistry, error) {
			items, err := h.Client.Registries(ctx, s, h.ServerKey(s))
			items = slices.DeleteFunc(
				items,
				func(r api.ContainerRegistry) bool { return r.ID == "" || r.Name == "" },
			)
			for i := range items {
				items[i].Server = s.Name
			}
			return items, err
		},
	)
}

// Stacks lists the stacks of every server, or of the named one.
func (h *Homes) Stacks(ctx context.Context, limit time.Duration, only string) []Listed[api.Stack] {
	return everyServer(ctx, h, limit, only, func(ctx context.Context, s api.Server) ([]api.Stack, error) {
		items, err := h.Client.Stacks(ctx, s, h.ServerKey(s))
		items = slices.DeleteFunc(items, func(r api.Stack) bool { return r.ID == "" || r.Name == "" })
		for i := range items {
			items[i].Server = s.Name
		}
		return items, err
	})
}
