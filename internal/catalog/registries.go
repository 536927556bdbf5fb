package catalog

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

// Registries are the container registries.
type Registries struct{ *state }

func registryKey(r *api.ContainerRegistry) (time.Time, string, string) {
	return r.Created, r.Name, r.ID
}

// List returns all container registries, oldest first.
func (c Registries) List() []api.ContainerRegistry {
	out := make([]api.ContainerRegistry, 0, len(c.registries))
	for _, r := range sorted(c.registries, registryKey) {
		out = append(out, c.view(*r))
	}
	return out
}

// view fills in what is computed.
func (c Registries) view(r api.ContainerRegistry) api.ContainerRegistry {
	r.Active = r.ID == c.inUse.registry
	r.ConnectorName, r.ConnectorType = "", ""
	if s := c.connectorByID(r.ConnectorID); s != nil {
		r.ConnectorName, r.ConnectorType = s.Name, s.Type
	}
	return r
}

// Resolve finds a container registry; an empty ref is the active stack's.
func (c Registries) Resolve(ref string, how Match) (api.ContainerRegistry, error) {
	if ref == "" {
		if r := c.registries[c.inUse.registry]; r != nil {
			return c.view(*r), nil
		}
		return api.ContainerRegistry{}, credential.NewError(credential.NoSuchEntity,
			fmt.Sprintf("No container registry is set for the active stack '%s'.", c.activeStack().Name),
			"zen stack update -c NAME")
	}
	all := make([]entity, 0, len(c.registries))
	for id, r := range c.registries {
		all = append(all, entity{id, r.Name})
	}
	id, err := resolve("stack_components", seeRegistries, ref, all, how)
	if err != nil {
		return api.ContainerRegistry{}, err
	}
	return c.view(*c.registries[id]), nil
}

// Query answers container-registry list: this machine's and then those of servers.
func (c Registries) Query(q api.Query, remote ...api.ContainerRegistry) (api.RegistryList, error) {
	items, page, err := run(q, c.schema(), append(c.List(), remote...))
	return api.RegistryList{Items: items, Page: page}, err
}

func (c Registries) schema() schema[api.ContainerRegistry] {
	type r = api.ContainerRegistry
	stacks := c.stacksByRegistry()
	s := schema[r]{
		fields: []field[r]{
			textField("id", func(r *r) string { return r.ID }),
			textField("name", func(r *r) string { return r.Name }),
			textField("flavor", func(r *r) string { return r.Flavor }, "flavor_name"),
			textField("type", func(*r) string { return componentRegistry }),
			textField("user", func(r *r) string { return r.Owner }, "owner", "user_id"),
			textField("connector_id", func(r *r) string { return r.ConnectorID }),
			textField("connector", func(r *r) string { return r.ConnectorName }, "connector_name"),
			textField("connector_type", func(r *r) string { return r.ConnectorType }),
			textField(
				"connector_resource_id",
				func(r *r) string { return r.ConnectorResourceID },
				"resource_id",
			),
			listField("stack_id", func(r *r) []string { return stacks[r.ID] }),
			timeField("created", func(r *r) *time.Time { return &r.Created }),
			timeField("updated", func(r *r) *time.Time { return &r.Updated }),
			boolField("active", func(r *r) bool { return r.Active }),
			textField("server", func(r *r) string { return r.Server }),
		},
		labels: func(r *r) map[string]string { return r.Labels }, active: func(r *r) bool { return r.Active },
		newestFirst: true,
	}
	for _, name := range allAttributes() {
		s.fields = append(s.fields, textField(name, func(r *r) string { return r.Configuration[name] }))
	}
	return s
}

// allAttributes are the names of the attributes that any flavor has.
func allAttributes() []string {
	seen := make(map[string]bool)
	for _, f := range flavors() {
		for _, a := range f.attributes() {
			seen[a.Name] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// Register makes a container registry, and connects it if a connector is given.
func (c Registries) Register(
	req api.RegisterRegistry, conn *api.ServiceConnector, now time.Time, owner string,
) (api.ContainerRegistry, Change, error) {
	f := inferFlavor(req.Configuration[attributeURI])
	if req.Flavor != "" {
		var err error
		if f, err = flavorNamed(req.Flavor); err != nil {
			return api.ContainerRegistry{}, Change{}, err
		}
	}
	configuration, err := f.configure(req.Configuration)
	if err != nil {
		return api.ContainerRegistry{}, Change{}, err
	}
	r := api.ContainerRegistry{
		Name: req.Name, Flavor: f.name, Configuration: configuration, Labels: maps.Clone(req.Labels),
		Owner: owner,
	}
	if conn != nil {
		if r, err = c.connected(r, *conn); err != nil {
			return r, Change{}, err
		}
	}
	return c.add(r, now)
}

// add makes a registry of its own out of r.
func (c Registries) add(r api.ContainerRegistry, now time.Time) (api.ContainerRegistry, Change, error) {
	if err := checkName("container registry", r.Name); err != nil {
		return r, Change{}, err
	}
	if err := checkLabels(r.Labels); err != nil {
		return r, Change{}, err
	}
	if c.named(r.Name) != nil {
		return r, Change{}, credential.NewError(credential.Exists, fmt.Sprintf(
			"Unable to register 'container_registry' component with name '%s': Found an existing "+
				"component with the same name "+
				"and type.", r.Name), "choose another name, or: zen container-registry "+
			"update "+safetext.ShellWord(r.Name))
	}
	r.ID, r.Created, r.Updated = c.newID(KindRegistry, r.Name, now), now, now
	return c.put(r)
}

func (c Registries) named(name string) *api.ContainerRegistry {
	for _, r := range c.registries {
		if r.Name == name {
			return r
		}
	}
	return nil
}

func (c Registries) put(r api.ContainerRegistry) (api.ContainerRegistry, Change, error) {
	change, err := put(registryRecord(r))
	return c.view(r), change, err
}

// connected returns a registry linked to a connector that gives access to it. The
// resource is the registry's own uri, whatever else is asked for (ZenML:
// resource_id_attr), as the connector names it if it names one.
func (c Registries) connected(
	r api.ContainerRegistry,
	conn api.ServiceConnector,
) (api.ContainerRegistry, error) {
	s, ok := Connectors(c).ByID(conn.ID)
	if conn.Server != "" { // what is kept of it may be old, or not there yet
		s, ok = conn, true
	}
	if !ok {
		return r, credential.NewError(credential.NoSuchEntity,
			fmt.Sprintf("Service connector '%s' was deleted meanwhile.", conn.Name), seeConnectors)
	}
	f, err := flavorNamed(r.Flavor)
	if err != nil {
		return r, err
	}
	if err := f.checkConnector(r, s); err != nil {
		return r, err
	}
	r.ConnectorID, r.ConnectorResourceID = s.ID, s.ResourceID
	if s.ResourceID == "" {
		a, err := address.Parse(r.URI())
		if err != nil {
			return r, err
		}
		r.ConnectorResourceID = a.String()
	}
	return r, nil
}

// Linked returns a server's container registry linked to a connector of that server that
// gives access to it.
func (c Registries) Linked(
	r api.ContainerRegistry,
	conn api.ServiceConnector,
) (api.ContainerRegistry, error) {
	own := r.Flavor
	if _, err := flavorNamed(own); err != nil {
		r.Flavor = defaultFlavor // somebody's own flavor takes any connector, as far as is known here
	}
	r, err := c.connected(r, conn)
	r.Flavor = own
	return r, err
}

// UsersOf are the names of the container registries that are connected to a connector.
func (c Registries) UsersOf(connectorID string) []string {
	var names []string
	for _, r := range c.connectedTo(connectorID) {
		names = append(names, r.Name)
	}
	return names
}

// Update changes a container registry's name, attributes or labels. A uri that the linked
// connector cannot reach is refused.
func (c Registries) Update(req api.UpdateRegistry, now time.Time) (api.ContainerRegistry, Change, error) {
	r, err := c.Resolve(req.Ref, Exactly)
	if err != nil {
		return r, Change{}, err
	}
	if req.Name != nil && *req.Name != r.Name {
		if err := c.checkRename(*req.Name); err != nil {
			return r, Change{}, err
		}
		r.Name = *req.Name
	}
	if r, err = c.reconfigured(r, req.Configuration); err != nil {
		return r, Change{}, err
	}
	if err := checkLabels(req.Labels); err != nil {
		return r, Change{}, err
	}
	r.Labels = Merged(r.Labels, req.Labels)
	r.Updated = now
	return c.put(r)
}

func (c Registries) checkRename(name string) error {
	if err := checkName("container registry", name); err != nil {
		return err
	}
	if c.named(name) != nil {
		return credential.NewError(credential.Exists,
			fmt.Sprintf("There are already existing components with the name '%s'.", name), "choose "+
				"another name")
	}
	return nil
}

func (c Registries) reconfigured(
	r api.ContainerRegistry,
	attributes map[string]*string,
) (api.ContainerRegistry, error) {
	if len(attributes) == 0 {
		return r, nil
	}
	f, err := flavorNamed(r.Flavor)
	if err != nil {
		return r, err
	}
	if err := f.checkKeys(maps.Keys(attributes)); err != nil {
		return r, err
	}
	before := r.URI()
	if r.Configuration, err = f.configure(Merged(r.Configuration, attributes)); err != nil {
		return r, err
	}
	conn, linked := Connectors(c).ByID(r.ConnectorID)
	if !linked || r.URI() == before {
		return r, nil
	}
	moved, err := c.connected(r, conn)
	if e, ok := errors.AsType[*credential.Error](err); ok {
		return r, credential.NewError(e.Reason, e.Message, fmt.Sprintf(
			"zen container-registry disconnect %s first, then update it and connect it to a connector "+
				"for the new uri", safetext.ShellWord(r.Name)))
	}
	return moved, err
}

// Merged returns have with changes; a nil value removes.
func Merged(have map[string]string, changes map[string]*string) map[string]string {
	out := maps.Clone(have)
	for k, v := range changes {
		switch {
		case v == nil:
			delete(out, k)
		case out == nil:
			out = map[string]string{k: *v}
		default:
			out[k] = *v
		}
	}
	return out
}

// Copy makes a container registry with everything that another has, its connector
// included.
func (c Registries) Copy(
	ref, name string,
	now time.Time,
	owner string,
) (api.ContainerRegistry, Change, error) {
	r, err := c.Resolve(ref, Exactly)
	if err != nil {
		return r, Change{}, err
	}
	r.Name, r.Owner = name, owner
	return c.add(r, now)
}

// Delete removes a container registry. It is refused while a stack uses it.
func (c Registries) Delete(ref string) (api.ContainerRegistry, Change, error) {
	r, err := c.Resolve(ref, Exactly)
	if err != nil {
		return r, Change{}, err
	}
	var users []string
	for _, s := range c.allStacks() {
		if s.Components[componentRegistry].ID == r.ID {
			users = append(users, s.Name)
		}
	}
	if len(users) > 0 {
		return r, Change{}, credential.NewError(credential.InUse, fmt.Sprintf(
			"Stack Component `%s` of type `container_registry` cannot be deleted as it is part of %d "+
				"stacks: %s. "+
				"Before deleting this stack component, make sure to remove it from all "+
				"stacks.", r.Name, len(users), quoted(users)),
			fmt.Sprintf("zen stack remove-component %s -c", safetext.ShellWord(users[0])))
	}
	return r, Change{Delete: []string{r.ID}}, nil
}

// Connect links a container registry to a connector. What is to be accessed the
// registry's uri says.
func (c Registries) Connect(
	ref string,
	conn api.ServiceConnector,
	now time.Time,
) (api.ContainerRegistry, Change, error) {
	r, err := c.Resolve(ref, Exactly)
	if err != nil {
		return r, Change{}, err
	}
	if r, err = c.connected(r, conn); err != nil {
		return r, Change{}, err
	}
	r.Updated = now
	return c.put(r)
}

// Disconnect unlinks a container registry from its connector; one that has none stays as
// it is.
func (c Registries) Disconnect(ref string, now time.Time) (api.ContainerRegistry, Change, error) {
	r, err := c.Resolve(ref, Exactly)
	if err != nil || r.ConnectorID == "" {
		return r, Change{}, err
	}
	r.ConnectorID, r.ConnectorResourceID, r.Updated = "", "", now
	return c.put(r)
}
