package broker

import (
	"context"
	"fmt"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/catalog"
	"github.com/zen-agent/zen/internal/credential"
)

// Flavors answers registry.flavors.
func (b *Broker) Flavors() (f api.Flavors) {
	b.read(func(c *catalog.Catalog) { f.Items = c.Flavors() })
	return f
}

// QueryRegistries answers registry.list.
func (b *Broker) QueryRegistries(q api.Query) (list api.RegistryList, err error) {
	b.read(func(c *catalog.Catalog) { list, err = c.QueryRegistries(q) })
	return list, err
}

// Registry answers registry.get; an empty ref is the active stack's.
func (b *Broker) Registry(ref string) (result api.RegistryResult, err error) {
	b.read(func(c *catalog.Catalog) {
		result.Registry, err = c.ResolveRegistry(ref)
		if conn, ok := c.ConnectorByID(result.Registry.ConnectorID); ok && err == nil {
			result.Connector = &conn
		}
	})
	return result, err
}

// RegisterRegistry keeps a container registry and, if a connector is named, connects it in the same change.
func (b *Broker) RegisterRegistry(ctx context.Context, req api.RegisterRegistry) (result api.RegistryResult, err error) {
	conn, err := b.connectorFor(req.Connector)
	if err != nil {
		return result, err
	}
	compute := func(c *catalog.Catalog) (edit, error) {
		reg, change, err := c.RegisterRegistry(req, conn, b.now().UTC(), b.owner)
		result.Registry = reg
		return edit{Change: change}, err
	}
	if conn != nil {
		// Check the registration before the network is asked.
		b.read(func(c *catalog.Catalog) { _, err = compute(c) })
		if err != nil {
			return result, err
		}
		if result.Resources, err = b.access(ctx, *conn, req.NoVerify); err != nil {
			return result, err
		}
	}
	result.Connector = conn
	err = b.change(ctx, compute)
	return result, err
}

// connectorFor resolves a connector; an empty ref is none.
func (b *Broker) connectorFor(ref string) (*api.ServiceConnector, error) {
	if ref == "" {
		return nil, nil
	}
	conn, err := b.resolveConnector(ref)
	if err != nil {
		return nil, err
	}
	return &conn, nil
}

// access asks the registry whether the connector really gives access, and says so in ZenML's words when it does not.
func (b *Broker) access(ctx context.Context, conn api.ServiceConnector, noVerify bool) ([]api.Resource, error) {
	if noVerify {
		return nil, nil
	}
	resources, err := b.verifyConnector(ctx, conn, api.UseConnector{})
	if e, ok := asError(err); ok {
		c := *e
		c.Message = fmt.Sprintf("Access to the resource could not be verified: %s", e.Message)
		if c.Reason == credential.Rejected {
			c.Hint = "zen service-connector update " + conn.Name + " with credentials that work"
		}
		return nil, &c
	}
	return resources, err
}

// UpdateRegistry changes a registry's name, attributes or labels.
func (b *Broker) UpdateRegistry(ctx context.Context, req api.UpdateRegistry) (result api.RegistryResult, err error) {
	err = b.change(ctx, func(c *catalog.Catalog) (edit, error) {
		reg, change, err := c.UpdateRegistry(req, b.now().UTC())
		result.Registry = reg
		return edit{Change: change}, err
	})
	return result, err
}

// CopyRegistry registers a registry's copy under a new name.
func (b *Broker) CopyRegistry(ctx context.Context, req api.CopyRef) (result api.RegistryResult, err error) {
	err = b.change(ctx, func(c *catalog.Catalog) (edit, error) {
		reg, change, err := c.CopyRegistry(req.Ref, req.Name, b.now().UTC(), b.owner)
		result.Registry = reg
		return edit{Change: change}, err
	})
	return result, err
}

// DeleteRegistry removes a registry; it is refused while a stack uses it.
func (b *Broker) DeleteRegistry(ctx context.Context, ref string) (result api.RegistryResult, err error) {
	err = b.change(ctx, func(c *catalog.Catalog) (edit, error) {
		reg, change, err := c.DeleteRegistry(ref)
		result.Registry = reg
		return edit{Change: change}, err
	})
	return result, err
}

// ConnectRegistry links a registry to a connector after the registry accepted the connector's credential.
func (b *Broker) ConnectRegistry(ctx context.Context, req api.ConnectRegistry) (result api.RegistryResult, err error) {
	conn, err := b.resolveConnector(req.Connector)
	if err != nil {
		return result, err
	}
	compute := func(c *catalog.Catalog) (edit, error) {
		reg, change, err := c.ConnectRegistry(req.Ref, conn, b.now().UTC())
		result.Registry = reg
		return edit{Change: change}, err
	}
	b.read(func(c *catalog.Catalog) { _, err = compute(c) })
	if err != nil {
		return result, err
	}
	if result.Resources, err = b.access(ctx, conn, req.NoVerify); err != nil {
		return result, err
	}
	result.Connector = &conn
	err = b.change(ctx, compute)
	return result, err
}

// DisconnectRegistry unlinks a registry from its connector.
func (b *Broker) DisconnectRegistry(ctx context.Context, ref string) (result api.RegistryResult, err error) {
	err = b.change(ctx, func(c *catalog.Catalog) (edit, error) {
		reg, change, err := c.DisconnectRegistry(ref, b.now().UTC())
		result.Registry = reg
		return edit{Change: change}, err
	})
	return result, err
}
