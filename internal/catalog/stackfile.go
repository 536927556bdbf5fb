package catalog

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

// fileVersion is the ZenML whose export format zen writes; that ZenML imports it without
// a complaint. Any version is read.
const fileVersion = "0.98.0"

// Export returns a stack in ZenML's export format; an empty ref is the active one.
func (c Stacks) Export(ref string) (api.StackFile, error) {
	s, err := c.Resolve(ref, ByPrefix)
	if err != nil {
		return api.StackFile{}, err
	}
	file := api.StackFile{
		ZenMLVersion: fileVersion,
		StackName:    s.Name,
		Components:   make(map[string]api.FileComponents),
	}
	for t, component := range s.Components {
		for _, one := range append([]api.Component{component}, component.Further...) {
			file.Components[t] = append(file.Components[t], exported(t, one))
		}
	}
	if r := c.registries[s.Components[componentRegistry].ID]; r != nil && len(r.Labels) > 0 {
		labels := make(map[string]any, len(r.Labels))
		for k, v := range r.Labels {
			labels[k] = v
		}
		file.Components[componentRegistry][0].Labels = labels
	}
	return file, nil
}

func exported(t string, component api.Component) api.FileComponent {
	out := api.FileComponent{
		Name:          component.Name,
		Type:          t,
		Flavor:        component.Flavor,
		Configuration: make(map[string]any),
	}
	maps.Copy(out.Configuration, component.Configuration)
	return out
}

// Import makes a stack, and its container registry unless an equal one is there, out of
// ZenML's export format. Importing what is there already changes nothing.
func (c Stacks) Import(req api.ImportStack, now time.Time, owner string) (api.Stack, Change, error) {
	name := req.Name
	if name == "" {
		name = req.File.StackName
	}
	if have := c.named(name); have != nil {
		return c.importAgain(have, req.File)
	}
	s := api.Stack{Name: name, Owner: owner, Components: make(map[string]api.Component)}
	var registry Change
	for _, t := range slices.Sorted(maps.Keys(req.File.Components)) {
		kind, err := componentType(t)
		if err != nil {
			return s, Change{}, err
		}
		list := req.File.Components[t]
		switch {
		case len(list) == 0:
		case kind != componentRegistry:
			s.Components[kind], err = imported(list)
		case len(list) > 1:
			err = credential.NewError(credential.InvalidInput, "a stack has one container "+
				"registry", "leave one in the file")
		default:
			s.Components[kind], registry, err = c.importRegistry(list[0], now, owner)
		}
		if err != nil {
			return s, Change{}, err
		}
	}
	for _, t := range []string{componentArtifactStore, componentOrchestrator} {
		if _, ok := s.Components[t]; !ok {
			s.Components[t] = defaultStack().Components[t]
		}
	}
	s, change, err := c.add(s, false, now)
	if err != nil {
		return s, Change{}, err
	}
	change.Put = append(registry.Put, change.Put...)
	after, err := c.after(change)
	if err != nil {
		return s, Change{}, err
	}
	s, err = after.Stacks.Resolve(s.ID, Exactly)
	return s, change, err
}

// importAgain answers an import under a name that is taken: by the very same stack, or by
// another.
func (c Stacks) importAgain(have *api.Stack, file api.StackFile) (api.Stack, Change, error) {
	mine, err := c.Export(have.ID)
	if err != nil {
		return c.view(have), Change{}, err
	}
	if !sameComponents(mine, file) {
		return c.view(have), Change{}, credential.NewError(credential.Exists,
			fmt.Sprintf("A stack with name `%s` already exists, please use a different name.", have.Name),
			"zen stack import NEW_NAME -f FILE")
	}
	return c.view(have), Change{}, nil
}

// imported is a component that zen keeps as given.
func imported(list api.FileComponents) (api.Component, error) {
	var all []api.Component
	for _, f := range list {
		if err := checkName("stack component", f.Name); err != nil {
			return api.Component{}, err
		}
		all = append(all, api.Component{Name: f.Name, Flavor: f.Flavor, Configuration: f.Configuration})
	}
	first := all[0]
	first.Further = all[1:]
	return first, nil
}

func (c Stacks) importRegistry(
	f api.FileComponent,
	now time.Time,
	owner string,
) (api.Component, Change, error) {
	configuration, err := plainAttributes(f.Configuration)
	if err != nil {
		return api.Component{}, Change{}, err
	}
	delete(configuration, retired)
	labels, err := plainAttributes(f.Labels)
	if err != nil {
		return api.Component{}, Change{}, err
	}
	req := api.RegisterRegistry{Name: f.Name, Flavor: f.Flavor, Configuration: configuration, Labels: labels}
	if have := Registries(c).named(f.Name); have != nil {
		flavor, err := flavorNamed(f.Flavor)
		if err == nil {
			configuration, err = flavor.configure(configuration)
		}
		if err == nil && have.Flavor == f.Flavor && maps.Equal(have.Configuration, configuration) {
			return api.Component{ID: have.ID}, Change{}, nil
		}
		return api.Component{}, Change{}, credential.NewError(credential.Exists, fmt.Sprintf(
			"There is already a container registry with the name '%s', and it is not the one of the "+
				"file.", f.Name),
			fmt.Sprintf("zen container-registry rename %s NEW_NAME, or change the name in the "+
				"file", safetext.ShellWord(f.Name)))
	}
	r, change, err := Registries(c).Register(req, nil, now, owner)
	return api.Component{ID: r.ID}, change, err
}

// plainAttributes brings a file's values into the text that a registry's attributes are
// kept as; null is left out.
func plainAttributes(m map[string]any) (map[string]string, error) {
	out := make(map[string]string, len(m))
	for k, v := range m {
		switch v := v.(type) {
		case nil:
		case string:
			out[k] = v
		default:
			b, err := json.Marshal(v)
			if err != nil {
				return nil, credential.NewError(credential.InvalidInput, fmt.Sprintf("attribute '%s' "+
					"cannot be kept: %s", k, err), "")
			}
			out[k] = string(b)
		}
	}
	return out, nil
}

// sameComponents reports whether two files have the same components. Numbers are compared
// as JSON's, which is what they may be after their way over the wire.
func sameComponents(a, b api.StackFile) bool {
	x, errX := plainJSON(essential(a))
	y, errY := plainJSON(essential(b))
	return errX == nil && errY == nil && reflect.DeepEqual(x, y)
}

func plainJSON(v any) (out any, err error) {
	text, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	return out, err
}

// essential is what of a file's components makes them what they are.
func essential(f api.StackFile) map[string]api.FileComponents {
	out := make(map[string]api.FileComponents, len(f.Components))
	for t, list := range f.Components {
		for _, one := range list {
			kept := api.FileComponent{Name: one.Name, Flavor: one.Flavor, Configuration: make(map[string]any)}
			for k, v := range one.Configuration {
				if v != nil {
					kept.Configuration[k] = v
				}
			}
			out[t] = append(out[t], kept)
		}
	}
	return out
}

// after is a catalog as it will be when a change is applied; c stays as it is.
func (c *state) after(change Change) (*Catalog, error) {
	next := newCatalog(&state{
		connectors: maps.Clone(c.connectors), remotes: maps.Clone(c.remotes), servers: maps.Clone(c.servers),
		registries: maps.Clone(c.registries), stacks: maps.Clone(c.stacks),
		logins: maps.Clone(c.logins), byAddress: maps.Clone(c.byAddress), active: c.active,
	})
	return next, next.Apply(change)
}
