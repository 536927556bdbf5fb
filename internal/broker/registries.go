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
	b.read(func(c *catalog.Catalog) { f.Items = c.Registries.Flavors() })
	return f
}

// RegisterRegistry keeps a container registry and, if a connector is named, connects it in the same change.
func (b *Broker) RegisterRegistry(ctx context.Context, req api.RegisterRegistry) (result api.RegistryResult, err error) {
	conn, err := b.connectorFor(ctx, req.Connector)
	if err != nil {
		return result, err
	}
	compute := func(c *catalog.Catalog) (edit, error) {
		reg, change, err := c.Registries.Register(req, conn, b.now().UTC(), b.owner)
		result.Registry = reg
		if err != nil || conn == nil {
			return edit{Change: change}, err
		}
		return keeping(c, change, *conn)
	}
	if conn != nil {
		// Check the registration before the network is asked.
		b.read(func(c *catalog.Catalog) { _, err = compute(c) })
		if err != nil {
			return result, err
		}
		if result.Resources, err = b.access(ctx, *conn, result.Registry.ConnectorResourceID, req.NoVerify); err != nil {
			return result, err
		}
	}
	result.Connector = conn
	err = b.change(ctx, compute)
	return result, err
}

// connectorFor resolves a connector; an empty ref is none.
func (b *Broker) connectorFor(ctx context.Context, ref string) (*api.ServiceConnector, error) {
	if ref == "" {
		return nil, nil
	}
	conn, err := b.findConnector(ctx, ref, "")
	if err != nil {
		return nil, err
	}
	return &conn, nil
}

// keeping adds to a change what has to be kept of a connector: one of a server is known as long as something uses it.
func keeping(c *catalog.Catalog, change catalog.Change, conn api.ServiceConnector) (edit, error) {
	if conn.Server == "" {
		return edit{Change: change}, nil
	}
	kept, err := c.Servers.PutRemote(withoutConfiguration(conn))
	change.Put = append(kept.Put, change.Put...)
	return edit{Change: change}, err
}

// access asks the registry whether the connector really gives access, and says so in ZenML's words when it does not. resource
// is what a connector for several is wanted for.
func (b *Broker) access(ctx context.Context, conn api.ServiceConnector, resource string, noVerify bool) ([]api.Resource, error) {
	if noVerify {
		return nil, nil
	}
	use := api.UseConnector{}
	if conn.Server != "" && conn.ResourceID == "" {
		use.ResourceID = resource
	}
	resources, err := b.verifyConnector(ctx, conn, use)
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
		reg, change, err := c.Registries.Update(req, b.now().UTC())
		result.Registry = reg
		return edit{Change: change}, err
	})
	return result, b.registryElsewhere(ctx, req.Ref, false, err)
}

// CopyRegistry registers a registry's copy under a new name.
func (b *Broker) CopyRegistry(ctx context.Context, req api.CopyRef) (result api.RegistryResult, err error) {
	err = b.change(ctx, func(c *catalog.Catalog) (edit, error) {
		reg, change, err := c.Registries.Copy(req.Ref, req.Name, b.now().UTC(), b.owner)
		result.Registry = reg
		return edit{Change: change}, err
	})
	return result, b.registryElsewhere(ctx, req.Ref, false, err)
}

// DeleteRegistry removes a registry; it is refused while a stack uses it.
func (b *Broker) DeleteRegistry(ctx context.Context, ref string) (result api.RegistryResult, err error) {
	err = b.change(ctx, func(c *catalog.Catalog) (edit, error) {
		reg, change, err := c.Registries.Delete(ref)
		result.Registry = reg
		return edit{Change: change}, err
	})
	return result, b.registryElsewhere(ctx, ref, false, err)
}

// ConnectRegistry links a registry to a connector after the registry accepted the connector's credential.
func (b *Broker) ConnectRegistry(ctx context.Context, req api.ConnectRegistry) (result api.RegistryResult, err error) {
	if req.Server != "" {
		return b.connectOnServer(ctx, req)
	}
	b.read(func(c *catalog.Catalog) { _, err = c.Registries.Resolve(req.Ref) })
	if err != nil {
		return result, b.registryElsewhere(ctx, req.Ref, true, err)
	}
	conn, err := b.findConnector(ctx, req.Connector, "")
	if err != nil {
		return result, err
	}
	compute := func(c *catalog.Catalog) (edit, error) {
		reg, change, err := c.Registries.Connect(req.Ref, conn, b.now().UTC())
		result.Registry = reg
		if err != nil {
			return edit{}, err
		}
		return keeping(c, change, conn)
	}
	b.read(func(c *catalog.Catalog) { _, err = compute(c) })
	if err != nil {
		return result, err
	}
	if result.Resources, err = b.access(ctx, conn, result.Registry.ConnectorResourceID, req.NoVerify); err != nil {
		return result, err
	}
	result.Connector = &conn
	err = b.change(ctx, compute)
	return result, err
}

// DisconnectRegistry unlinks a registry from its connector.
func (b *Broker) DisconnectRegistry(ctx context.Context, ref api.Ref) (result api.RegistryResult, err error) {
	if ref.Server != "" {
		return b.disconnectOnServer(ctx, ref)
	}
	err = b.change(ctx, func(c *catalog.Catalog) (edit, error) {
		reg, change, err := c.Registries.Disconnect(ref.Name, b.now().UTC())
		result.Registry = reg
		return edit{Change: change}, err
	})
	return result, b.registryElsewhere(ctx, ref.Name, true, err)
}
