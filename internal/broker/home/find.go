package home

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/catalog"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

// FindConnector finds a connector: on this machine, else on the active server, else on one
// of the others; with a server's name on that one only.
func (h *Homes) FindConnector(
	ctx context.Context, ref, server string, how catalog.Match,
) (api.ServiceConnector, error) {
	want := catalog.WantedConnector(ref, how)
	var conn api.ServiceConnector
	var err error
	if server == "" {
		if conn, err = h.resolveConnector(ref, how); !credential.NoSuchEntity.Is(err) || !h.hasServers() {
			return conn, err
		}
	} else {
		var s api.Server
		h.Read(func(c *catalog.Catalog) { s, err = c.Servers.Resolve(server, how) })
		if err != nil {
			return conn, err
		}
		server = s.Name
		want.See += " --server " + safetext.ShellWord(server)
	}
	// the active one's counts anyway, and others may not answer
	if servers := h.all(); server == "" && len(servers) > 0 {
		conn, missing := choose(h.Connectors(ctx, ListTime, servers[0].Name), want, err)
		if missing == nil || len(servers) == 1 {
			return conn, missing
		}
	}
	return choose(h.Connectors(ctx, ListTime, server), want, err)
}

// choose picks the wanted connector among those of several servers; missing is the error
// when there is none.
func choose(
	lists []Listed[api.ServiceConnector], want catalog.Wanted, missing error,
) (api.ServiceConnector, error) {
	var found []api.ServiceConnector
	var silent []string
	for _, from := range lists {
		conn, err := catalog.FindConnector(from.Items, want)
		switch {
		case err == nil && from.Server.Active:
			return conn, nil
		case err == nil:
			found = append(found, conn)
		case from.Err != nil && len(lists) == 1:
			return conn, from.Err
		case from.Err != nil:
			silent = append(silent, unheard(from.Server, from.Err))
		case !credential.NoSuchEntity.Is(err):
			return conn, err
		case missing == nil:
			missing = err
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		var names []string
		for _, conn := range found {
			names = append(names, conn.Server)
		}
		return api.ServiceConnector{}, credential.NewError(
			credential.Ambiguous,
			fmt.Sprintf(
				"several servers have a service connector '%s': %s",
				want.Ref,
				strings.Join(names, ", "),
			),
			"add --server "+names[0],
		)
	case len(silent) > 0:
		return api.ServiceConnector{}, credential.NewError(
			credential.Unreachable,
			fmt.Sprintf(
				"no service connector '%s' was found; %s",
				want.Ref,
				strings.Join(silent, "; "),
			),
			"zen server list",
		)
	case missing == nil:
		missing = credential.NewError(
			credential.NoSuchEntity,
			"no service connector '"+want.Ref+"' was found",
			"zen service-connector list",
		)
	}
	return api.ServiceConnector{}, missing
}

// Shadowed names the servers that have a connector of the same name as one that was
// chosen because it is this machine's, and not by naming a server.
func (h *Homes) Shadowed(ctx context.Context, conn api.ServiceConnector, server string) (names []string) {
	if conn.Server != "" || server != "" || !h.hasServers() {
		return nil
	}
	for _, from := range h.Connectors(ctx, noticeTime, "") {
		if slices.ContainsFunc(from.Items, func(o api.ServiceConnector) bool { return o.Name == conn.Name }) {
			names = append(names, from.Server.Name)
		}
	}
	return names
}

// Remote are the connectors of every server, or of one, and which servers did not answer.
func (h *Homes) Remote(
	ctx context.Context,
	server string,
	limit time.Duration,
) (conns []api.ServiceConnector, warnings []string, err error) {
	if server != "" {
		var s api.Server
		h.Read(func(c *catalog.Catalog) { s, err = c.Servers.Resolve(server, catalog.ByPrefix) })
		if err != nil {
			return nil, nil, err
		}
		server = s.Name
	}
	if !h.hasServers() {
		return nil, nil, nil
	}
	for _, from := range h.Connectors(ctx, limit, server) {
		conns = append(conns, from.Items...)
		if from.Err != nil {
			warnings = append(warnings, unheard(from.Server, from.Err))
		}
	}
	return conns, warnings, nil
}

// findOn finds what is wanted among what servers list: the active server's, else the only
// one. missing is the error when there is none.
func findOn[T any](
	lists []Listed[T],
	want catalog.Wanted,
	name func(T) (id, name string),
	missing error,
) (found T, err error) {
	var none T
	var on, quiet []string
	for _, from := range lists {
		item, err := catalog.Find(from.Items, want, name)
		switch {
		case err == nil && from.Server.Active:
			return item, nil
		case err == nil:
			found = item
			on = append(on, from.Server.Name)
		case from.Err != nil && len(lists) == 1:
			return none, from.Err
		case from.Err != nil:
			quiet = append(quiet, unheard(from.Server, from.Err))
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
			fmt.Sprintf("several servers have '%s': %s", want.Ref, strings.Join(on, ", ")),
			"add --server "+on[0])
	case len(quiet) > 0 && missing != nil:
		return none, credential.NewError(
			credential.Unreachable,
			missing.Error()+"; "+strings.Join(quiet, "; "),
			"zen server list",
		)
	case missing == nil:
		missing = credential.NewError(credential.NoSuchEntity, "'"+want.Ref+"' was not found",
			"zen server list")
	}
	return none, missing
}

func registryName(r api.ContainerRegistry) (id, name string) { return r.ID, r.Name }

func stackName(s api.Stack) (id, name string) { return s.ID, s.Name }

// FindRegistry finds a container registry: on this machine, else on a server; with a
// server's name on that one only. An empty ref is the one of the active stack of this
// machine.
func (h *Homes) FindRegistry(
	ctx context.Context, ref, server string, how catalog.Match,
) (reg api.ContainerRegistry, err error) {
	server, err = h.serverName(server, how)
	if err != nil {
		return reg, err
	}
	if server == "" {
		h.Read(func(c *catalog.Catalog) { reg, err = c.Registries.Resolve(ref, how) })
		if ref == "" || !credential.NoSuchEntity.Is(err) || !h.hasServers() {
			return reg, err
		}
	}
	want := catalog.WantedRegistry(ref, how)
	return findOn(h.Registries(ctx, ListTime, server), want, registryName, err)
}

// FindStack finds a stack in the same way.
func (h *Homes) FindStack(
	ctx context.Context, ref, server string, how catalog.Match,
) (s api.Stack, err error) {
	server, err = h.serverName(server, how)
	if err != nil {
		return s, err
	}
	if server == "" {
		h.Read(func(c *catalog.Catalog) { s, err = c.Stacks.Resolve(ref, how) })
		if ref == "" || !credential.NoSuchEntity.Is(err) || !h.hasServers() {
			return s, err
		}
	}
	return findOn(h.Stacks(ctx, ListTime, server), catalog.WantedStack(ref, how), stackName, err)
}

// RegistryElsewhere completes the error about a container registry that this machine does
// not have: changing a server's has to be asked for, or is for ZenML's own command.
func (h *Homes) RegistryElsewhere(ctx context.Context, ref string, linking bool, err error) error {
	if !credential.NoSuchEntity.Is(err) || !h.hasServers() || ref == "" {
		return err
	}
	reg, other := findOn(h.Registries(ctx, ListTime, ""), catalog.WantedRegistry(ref, catalog.Exactly),
		registryName, err)
	if other != nil {
		return err
	}
	hint := "change it there: zenml container-registry --help"
	if linking {
		hint = "add --server " + reg.Server
	}
	return credential.NewError(credential.NoSuchEntity,
		fmt.Sprintf("container registry '%s' is not local; it belongs to server "+
			"'%s'", reg.Name, reg.Server), hint)
}

// StackElsewhere does the same for a stack.
func (h *Homes) StackElsewhere(ctx context.Context, ref string, err error) error {
	if !credential.NoSuchEntity.Is(err) || !h.hasServers() || ref == "" {
		return err
	}
	s, other := findOn(h.Stacks(ctx, ListTime, ""), catalog.WantedStack(ref, catalog.Exactly), stackName, err)
	if other != nil {
		return err
	}
	return credential.NewError(
		credential.NoSuchEntity,
		fmt.Sprintf(
			"stack '%s' is not local; it belongs to server '%s'",
			s.Name,
			s.Server,
		),
		"choose or change it there: zenml stack --help",
	)
}

// elsewhere completes the error about a connector that this machine does not have:
// changing a server's has to be asked for.
func (h *Homes) elsewhere(ctx context.Context, ref string, err error) error {
	if !credential.NoSuchEntity.Is(err) || !h.hasServers() {
		return err
	}
	conn, other := choose(h.Connectors(ctx, ListTime, ""), catalog.WantedConnector(ref, catalog.Exactly), err)
	if other != nil || conn.Server == "" {
		return err
	}
	return credential.NewError(credential.NoSuchEntity,
		fmt.Sprintf("service connector '%s' is not local; it belongs to server "+
			"'%s'", conn.Name, conn.Server), "add --server "+conn.Server)
}

// RegistryOfZenML is the container registry of the stack that the zenml command has
// chosen.
func (h *Homes) RegistryOfZenML(
	ctx context.Context,
	active api.ZenMLStack,
) (reg api.ContainerRegistry, stack api.Stack, err error) {
	var s api.Server
	h.Read(func(c *catalog.Catalog) { s, err = c.Servers.At(active.URL) })
	if err != nil {
		return reg, stack, err
	}
	if stack, err = h.FindStack(ctx, active.ID, s.Name, catalog.Exactly); err != nil {
		return reg, stack, err
	}
	id := stack.Components[componentRegistry].ID
	if id == "" {
		return reg, stack, credential.NewError(credential.NoSuchEntity,
			fmt.Sprintf("zenml's active stack '%s' on server '%s' has no container "+
				"registry", stack.Name, s.Name),
			"zenml stack update "+stack.Name+" -c NAME")
	}
	reg, err = h.FindRegistry(ctx, id, s.Name, catalog.Exactly)
	return reg, stack, err
}

const componentRegistry = "container_registry"

func (h *Homes) resolveConnector(ref string, how catalog.Match) (conn api.ServiceConnector, err error) {
	h.Read(func(c *catalog.Catalog) { conn, err = c.Connectors.Resolve(ref, how) })
	return conn, err
}
