package broker

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/catalog"
	"github.com/zen-agent/zen/internal/credential"
)

// listed is what one server lists, or why it does not.
type listed[T any] struct {
	server api.Server
	items  []T
	err    error
}

// everyServer asks every server, or the named one, all at the same time.
func everyServer[T any](
	ctx context.Context, b *Broker, limit time.Duration, only string, list func(context.Context, api.Server) ([]T, error),
) []listed[T] {
	if b.servers == nil {
		return nil
	}
	var servers []api.Server
	b.read(func(c *catalog.Catalog) { servers = c.Servers.List() })
	servers = slices.DeleteFunc(servers, func(s api.Server) bool { return only != "" && s.Name != only })
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	out := make([]listed[T], len(servers))
	var all sync.WaitGroup
	for i, s := range servers {
		out[i].server = s
		all.Go(func() { out[i].items, out[i].err = list(ctx, s) })
	}
	all.Wait()
	return out
}

func (b *Broker) askRegistries(ctx context.Context, limit time.Duration, only string) []listed[api.ContainerRegistry] {
	return everyServer(ctx, b, limit, only, func(ctx context.Context, s api.Server) ([]api.ContainerRegistry, error) {
		items, err := b.servers.Registries(ctx, s, b.serverKey(s))
		items = slices.DeleteFunc(items, func(r api.ContainerRegistry) bool { return r.ID == "" || r.Name == "" })
		for i := range items {
			items[i].Server = s.Name
		}
		return items, err
	})
}

func (b *Broker) askStacks(ctx context.Context, limit time.Duration, only string) []listed[api.Stack] {
	return everyServer(ctx, b, limit, only, func(ctx context.Context, s api.Server) ([]api.Stack, error) {
		items, err := b.servers.Stacks(ctx, s, b.serverKey(s))
		items = slices.DeleteFunc(items, func(r api.Stack) bool { return r.ID == "" || r.Name == "" })
		for i := range items {
			items[i].Server = s.Name
		}
		return items, err
	})
}

// together joins what servers list, and says of those that do not answer why.
func together[T any](lists []listed[T]) (items []T, warnings []string) {
	for _, from := range lists {
		items = append(items, from.items...)
		if from.err != nil {
			warnings = append(warnings, unheard(from.server, from.err))
		}
	}
	return items, warnings
}

// ListRegistries answers registry.list: the container registries of this machine and of every server.
func (b *Broker) ListRegistries(ctx context.Context, q api.Query) (list api.RegistryList, err error) {
	remote, warnings := together(b.askRegistries(ctx, patience(q), ""))
	if err := b.largeIfAll(ctx, q); err != nil {
		return list, err
	}
	b.read(func(c *catalog.Catalog) { list, err = c.Registries.Query(q, remote...) })
	list.Warnings = warnings
	return list, err
}

// ListStacks answers stack.list: the stacks of this machine and of every server.
func (b *Broker) ListStacks(ctx context.Context, q api.Query) (list api.StackList, err error) {
	remote, warnings := together(b.askStacks(ctx, patience(q), ""))
	if err := b.largeIfAll(ctx, q); err != nil {
		return list, err
	}
	b.read(func(c *catalog.Catalog) { list, err = c.Stacks.Query(q, remote...) })
	list.Warnings = warnings
	return list, err
}

// findOn finds what ref means among what servers list: the active server's, else the only one. missing is the error when
// there is none.
func findOn[T any](lists []listed[T], what, ref string, name func(T) (id, name string), missing error) (found T, err error) {
	var none T
	var on, quiet []string
	for _, from := range lists {
		item, err := catalog.Find(from.items, what, ref, name)
		switch {
		case err == nil && from.server.Active:
			return item, nil
		case err == nil:
			found = item
			on = append(on, from.server.Name)
		case from.err != nil && len(lists) == 1:
			return none, from.err
		case from.err != nil:
			quiet = append(quiet, unheard(from.server, from.err))
		case !credential.NoSuchEntity.Is(err):
			return none, err
		case missing == nil:
			missing = err
		}
	}
	switch {
	case len(on) == 1:
		return found, nil
	case len(on) > 1:
		return none, credential.NewError(credential.Ambiguous,
			fmt.Sprintf("several servers have '%s': %s", ref, strings.Join(on, ", ")), "add --server "+on[0])
	case len(quiet) > 0 && missing != nil:
		return none, credential.NewError(credential.Unreachable, missing.Error()+"; "+strings.Join(quiet, "; "), "zen server list")
	case missing == nil:
		missing = credential.NewError(credential.NoSuchEntity, "'"+ref+"' was not found", "zen server list")
	}
	return none, missing
}

func registryName(r api.ContainerRegistry) (id, name string) { return r.ID, r.Name }
func stackName(s api.Stack) (id, name string)                { return s.ID, s.Name }

// serverName is the name of the server that ref means; "" stays so.
func (b *Broker) serverName(ref string) (string, error) {
	if ref == "" {
		return "", nil
	}
	s, err := b.server(ref)
	return s.Name, err
}

// findRegistry finds a container registry: on this machine, else on a server; with a server's name on that one only. An empty
// ref is the one of the active stack of this machine.
func (b *Broker) findRegistry(ctx context.Context, ref, server string) (reg api.ContainerRegistry, err error) {
	server, err = b.serverName(server)
	if err != nil {
		return reg, err
	}
	if server == "" {
		b.read(func(c *catalog.Catalog) { reg, err = c.Registries.Resolve(ref) })
		if ref == "" || !credential.NoSuchEntity.Is(err) || !b.hasServers() {
			return reg, err
		}
	}
	return findOn(b.askRegistries(ctx, listTime, server), "stack_components", ref, registryName, err)
}

// findStack finds a stack in the same way.
func (b *Broker) findStack(ctx context.Context, ref, server string) (s api.Stack, err error) {
	server, err = b.serverName(server)
	if err != nil {
		return s, err
	}
	if server == "" {
		b.read(func(c *catalog.Catalog) { s, err = c.Stacks.Resolve(ref) })
		if ref == "" || !credential.NoSuchEntity.Is(err) || !b.hasServers() {
			return s, err
		}
	}
	return findOn(b.askStacks(ctx, listTime, server), "stacks", ref, stackName, err)
}

// Registry answers registry.get; an empty ref is the active stack's.
func (b *Broker) Registry(ctx context.Context, ref api.Ref) (result api.RegistryResult, err error) {
	result.Registry, err = b.findRegistry(ctx, ref.Name, ref.Server)
	if err != nil || result.Registry.Server != "" {
		return result, err
	}
	b.read(func(c *catalog.Catalog) {
		if conn, ok := c.Connectors.ByID(result.Registry.ConnectorID); ok {
			result.Connector = &conn
		}
	})
	return result, nil
}

// Stack answers stack.get; an empty ref is the active stack.
func (b *Broker) Stack(ctx context.Context, ref api.Ref) (result api.StackResult, err error) {
	result.Stack, err = b.findStack(ctx, ref.Name, ref.Server)
	return result, err
}

// registryElsewhere completes the error about a container registry that this machine does not have: changing a server's has
// to be asked for, or is for ZenML's own command.
func (b *Broker) registryElsewhere(ctx context.Context, ref string, linking bool, err error) error {
	if !credential.NoSuchEntity.Is(err) || !b.hasServers() || ref == "" {
		return err
	}
	reg, other := findOn(b.askRegistries(ctx, listTime, ""), "stack_components", ref, registryName, err)
	if other != nil {
		return err
	}
	hint := "change it there: zenml container-registry --help"
	if linking {
		hint = "add --server " + reg.Server
	}
	return credential.NewError(credential.NoSuchEntity,
		fmt.Sprintf("container registry '%s' is not one of this machine; it lives on server '%s'", reg.Name, reg.Server), hint)
}

// stackElsewhere does the same for a stack.
func (b *Broker) stackElsewhere(ctx context.Context, ref string, err error) error {
	if !credential.NoSuchEntity.Is(err) || !b.hasServers() || ref == "" {
		return err
	}
	s, other := findOn(b.askStacks(ctx, listTime, ""), "stacks", ref, stackName, err)
	if other != nil {
		return err
	}
	return credential.NewError(credential.NoSuchEntity,
		fmt.Sprintf("stack '%s' is not one of this machine; it lives on server '%s'", s.Name, s.Server), "choose or change it there: zenml stack --help")
}

// connectOnServer links a container registry of a server to a connector of the same server, after the registry accepted what
// that mints.
func (b *Broker) connectOnServer(ctx context.Context, req api.ConnectRegistry) (result api.RegistryResult, err error) {
	s, err := b.server(req.Server)
	if err != nil {
		return result, err
	}
	reg, err := b.findRegistry(ctx, req.Ref, s.Name)
	if err != nil {
		return result, err
	}
	conn, err := b.findConnector(ctx, req.Connector, s.Name)
	if err != nil {
		return result, err
	}
	b.read(func(c *catalog.Catalog) { reg, err = c.Registries.Linked(reg, conn) })
	if err != nil {
		return result, err
	}
	if result.Resources, err = b.access(ctx, conn, reg.ConnectorResourceID, req.NoVerify); err != nil {
		return result, err
	}
	result.Connector = &conn
	reg.ConnectorName, reg.ConnectorType = conn.Name, conn.Type
	result.Registry = reg
	return result, b.servers.LinkRegistry(ctx, s, b.serverKey(s), reg.ID, conn.ID, reg.ConnectorResourceID)
}

// disconnectOnServer unlinks a container registry of a server from its connector.
func (b *Broker) disconnectOnServer(ctx context.Context, ref api.Ref) (result api.RegistryResult, err error) {
	s, err := b.server(ref.Server)
	if err != nil {
		return result, err
	}
	if result.Registry, err = b.findRegistry(ctx, ref.Name, s.Name); err != nil || result.Registry.ConnectorID == "" {
		return result, err
	}
	reg := &result.Registry
	reg.ConnectorID, reg.ConnectorName, reg.ConnectorType, reg.ConnectorResourceID = "", "", "", ""
	return result, b.servers.LinkRegistry(ctx, s, b.serverKey(s), reg.ID, "", "")
}

// registryOfZenML is the container registry of the stack that the zenml command has chosen.
func (b *Broker) registryOfZenML(ctx context.Context, active api.ZenMLStack) (reg api.ContainerRegistry, stack api.Stack, err error) {
	var s api.Server
	b.read(func(c *catalog.Catalog) { s, err = c.Servers.At(active.URL) })
	if err != nil {
		return reg, stack, err
	}
	if stack, err = b.findStack(ctx, active.ID, s.Name); err != nil {
		return reg, stack, err
	}
	id := stack.Components[componentRegistry].ID
	if id == "" {
		return reg, stack, credential.NewError(credential.NoSuchEntity,
			fmt.Sprintf("zenml's active stack '%s' on server '%s' has no container registry", stack.Name, s.Name),
			"zenml stack update "+stack.Name+" -c NAME")
	}
	reg, err = b.findRegistry(ctx, id, s.Name)
	return reg, stack, err
}

const componentRegistry = "container_registry"
