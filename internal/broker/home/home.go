package home

import (
	"context"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/broker/door"
	"github.com/zen-agent/zen/internal/broker/state"
	"github.com/zen-agent/zen/internal/catalog"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/credential"
)

// Home is where service connectors live. Connectors that it is given are its own.
type Home interface {
	// Option is what a command needs to mean this home: " --server NAME", or nothing.
	Option() string

	// Types describes the types of connectors that can be registered here.
	Types(ctx context.Context) ([]api.ConnectorType, error)

	// Find finds a connector that is to be changed, here only.
	Find(ctx context.Context, ref string) (api.ServiceConnector, error)

	// Linked finds the connector that a container registry of this home is connected to.
	Linked(ctx context.Context, id string) (api.ServiceConnector, error)

	// Listed is a connector as lists show it.
	Listed(ctx context.Context, conn api.ServiceConnector) api.ServiceConnector

	// Resources are what a connector gives access to, as far as it says so itself.
	Resources(conn api.ServiceConnector) []api.Resource

	// Choices are the registries that a connector which names none gives access to.
	Choices(ctx context.Context, use door.Use, g door.Grant, conn api.ServiceConnector) ([]string, error)

	// LoginHost is what a login for one of a connector's registries answers for.
	LoginHost(registry string) string

	// TypeName is what a connector's type is called.
	TypeName(conn api.ServiceConnector) string

	// Grant is what a connector's credentials are made of. It is an error if there can be
	// none.
	Grant(conn api.ServiceConnector) (door.Grant, error)

	// Expired is the error for a connector whose own credentials are known to have run
	// out.
	Expired(conn api.ServiceConnector) error

	// Reveal returns a connector's secret attributes for a person's eyes; the caller wipes
	// them.
	Reveal(
		ctx context.Context,
		use door.Use,
		s access.Subject,
		conn api.ServiceConnector,
	) (map[string]credential.Secret, error)

	// Keep is what has to be kept here of a connector that a login or a container
	// registry uses.
	Keep(c *catalog.Catalog, conn api.ServiceConnector) (catalog.Change, error)

	// Register, Update and Delete change connectors, and record that. Delete returns the
	// logins that it ended.
	Register(
		ctx context.Context,
		use door.Use,
		req api.RegisterConnector,
		config map[string]credential.Secret,
	) (api.ConnectorResult, error)
	Update(
		ctx context.Context,
		use door.Use,
		req api.UpdateConnector,
		config map[string]credential.Secret,
	) (api.ConnectorResult, error)
	Delete(
		ctx context.Context,
		caller access.Caller,
		req api.DeleteConnector,
	) (api.ServiceConnector, []api.Login, error)

	// Connect links a container registry to a connector, after the registry accepted the
	// credential; Disconnect unlinks it.
	Connect(ctx context.Context, req api.ConnectRegistry) (api.RegistryResult, error)
	Disconnect(ctx context.Context, ref string) (api.RegistryResult, error)
}

// Homes are all homes. It is safe for concurrent use.
type Homes struct {
	*state.State

	Client     Servers        // nil: there are no servers
	ServerKind connector.Kind // of the connectors that live there

	looked looked
}

// Of is the home of a connector.
func (h *Homes) Of(conn api.ServiceConnector) Home { return h.At(conn.Server) }

// At is the home of what names its server; "" is this machine.
func (h *Homes) At(name string) Home {
	if name == "" {
		return local{h}
	}
	z := server{Homes: h}
	h.Read(func(c *catalog.Catalog) { z.api, z.there = c.Servers.Named(name) })
	z.api.Name = name
	return z
}

// Named is the home that a person names; "" is this machine.
func (h *Homes) Named(ref string, how catalog.Match) (Home, error) {
	if ref == "" {
		return local{h}, nil
	}
	s, err := h.server(ref, how)
	return server{h, s, true}, err
}

// Grant is what a connector's credentials are made of.
func (h *Homes) Grant(conn api.ServiceConnector) (door.Grant, error) { return h.Of(conn).Grant(conn) }

// Keeping adds to a change what has to be kept of a connector.
func (h *Homes) Keeping(
	c *catalog.Catalog,
	change catalog.Change,
	conn api.ServiceConnector,
) (state.Edit, error) {
	kept, err := h.Of(conn).Keep(c, conn)
	change.Put = append(kept.Put, change.Put...)
	return state.Edit{Change: change}, err
}
