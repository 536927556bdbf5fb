package broker

import (
	"context"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/broker/home"
	"github.com/zen-agent/zen/internal/broker/state"
	"github.com/zen-agent/zen/internal/catalog"
)

// Registries answers about container registries.
type Registries struct{ *core }

// Flavors answers registry.flavors.
func (b *Registries) Flavors() (f api.Flavors) {
	b.Read(func(c *catalog.Catalog) { f.Items = c.Registries.Flavors() })
	return f
}

// RegisterRegistry keeps a container registry and, if a connector is named, connects it
// in the same change.
func (b *Registries) RegisterRegistry(
	ctx context.Context,
	req api.RegisterRegistry,
) (result api.RegistryResult, err error) {
	conn, err := b.connectorFor(ctx, req.Connector)
	if err != nil {
		return result, err
	}
	compute := func(c *catalog.Catalog) (state.Edit, error) {
		reg, change, err := c.Registries.Register(req, conn, b.Now().UTC(), b.Owner)
		result.Registry = reg
		if err != nil || conn == nil {
			return state.Edit{Change: change}, err
		}
		return b.homes.Keeping(c, change, *conn)
	}
	if conn != nil {
		// Check the registration before the network is asked.
		b.Read(func(c *catalog.Catalog) { _, err = compute(c) })
		if err != nil {
			return result, err
		}
		if result.Resources, err = b.homes.Access(ctx, *conn, result.Registry.ConnectorResourceID,
			req.NoVerify); err != nil {
			return result, err
		}
	}
	result.Connector = conn
	err = b.Change(ctx, compute)
	return result, err
}

// connectorFor resolves a connector; an empty ref is none.
func (b *Registries) connectorFor(ctx context.Context, ref string) (*api.ServiceConnector, error) {
	if ref == "" {
		return nil, nil
	}
	conn, err := b.homes.FindConnector(ctx, ref, "", catalog.Exactly)
	if err != nil {
		return nil, err
	}
	return &conn, nil
}

// UpdateRegistry changes a registry's name, attributes or labels.
func (b *Registries) UpdateRegistry(
	ctx context.Context,
	req api.UpdateRegistry,
) (result api.RegistryResult, err error) {
	err = b.Change(ctx, func(c *catalog.Catalog) (state.Edit, error) {
		reg, change, err := c.Registries.Update(req, b.Now().UTC())
		result.Registry = reg
		return state.Edit{Change: change}, err
	})
	return result, b.homes.RegistryElsewhere(ctx, req.Ref, false, err)
}

// CopyRegistry registers a registry's copy under a new name.
func (b *Registries) CopyRegistry(
	ctx context.Context,
	req api.CopyRef,
) (result api.RegistryResult, err error) {
	err = b.Change(ctx, func(c *catalog.Catalog) (state.Edit, error) {
		reg, change, err := c.Registries.Copy(req.Ref, req.Name, b.Now().UTC(), b.Owner)
		result.Registry = reg
		return state.Edit{Change: change}, err
	})
	return result, b.homes.RegistryElsewhere(ctx, req.Ref, false, err)
}

// DeleteRegistry removes a registry; it is refused while a stack uses it.
func (b *Registries) DeleteRegistry(ctx context.Context, ref string) (result api.RegistryResult, err error) {
	err = b.Change(ctx, func(c *catalog.Catalog) (state.Edit, error) {
		reg, change, err := c.Registries.Delete(ref)
		result.Registry = reg
		return state.Edit{Change: change}, err
	})
	return result, b.homes.RegistryElsewhere(ctx, ref, false, err)
}

// ConnectRegistry links a registry to a connector after the registry accepted the
// connector's credential.
func (b *Registries) ConnectRegistry(
	ctx context.Context,
	req api.ConnectRegistry,
) (api.RegistryResult, error) {
	h, err := b.homes.Named(req.Server, catalog.Exactly)
	if err != nil {
		return api.RegistryResult{}, err
	}
	return h.Connect(ctx, req)
}

// DisconnectRegistry unlinks a registry from its connector.
func (b *Registries) DisconnectRegistry(ctx context.Context, ref api.Ref) (api.RegistryResult, error) {
	h, err := b.homes.Named(ref.Server, catalog.Exactly)
	if err != nil {
		return api.RegistryResult{}, err
	}
	return h.Disconnect(ctx, ref.Name)
}

// ListRegistries answers registry.list: the container registries of this machine and of
// every server.
func (b *Registries) ListRegistries(ctx context.Context, q api.Query) (list api.RegistryList, err error) {
	remote, warnings := home.Together(b.homes.Registries(ctx, home.Patience(q), b.only(q)))
	if err := b.largeIfAll(ctx, q); err != nil {
		return list, err
	}
	b.Read(func(c *catalog.Catalog) { list, err = c.Registries.Query(q, remote...) })
	list.Warnings = warnings
	return list, err
}

// Registry answers registry.get; an empty ref is the active stack's.
func (b *Registries) Registry(ctx context.Context, ref api.Ref) (result api.RegistryResult, err error) {
	result.Registry, err = b.homes.FindRegistry(ctx, ref.Name, ref.Server, how(ref.Exact))
	if err != nil || result.Registry.Server != "" {
		return result, err
	}
	b.Read(func(c *catalog.Catalog) {
		if conn, ok := c.Connectors.ByID(result.Registry.ConnectorID); ok {
			result.Connector = &conn
		}
	})
	return result, nil
}
