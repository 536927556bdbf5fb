package catalog

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

// Types of stack components. Only container registries mean something to zen, all others
// it keeps as given.
const (
	componentRegistry      = "container_registry"
	componentOrchestrator  = "orchestrator"
	componentArtifactStore = "artifact_store"
	componentDeployer      = "deployer"
)

// componentTexts are all texts that get finds in a stack's components.
func componentTexts(s *api.Stack, get func(api.Component) string) []string {
	var out []string
	for _, t := range slices.Sorted(maps.Keys(s.Components)) {
		for _, c := range append([]api.Component{s.Components[t]}, s.Components[t].Further...) {
			if v := get(c); v != "" {
				out = append(out, v)
			}
		}
	}
	return out
}

// knownTypes are ZenML's types of components and what else the stacks have.
func knownTypes(all []api.Stack) []string {
	types := []string{
		"alerter", "annotator", componentArtifactStore, componentRegistry, "data_validator",
		componentDeployer,
		"experiment_tracker", "feature_store", "image_builder", "log_store", "model_deployer",
		"model_registry",
		componentOrchestrator, "sandbox", "step_operator",
	}
	for _, s := range all {
		for t := range s.Components {
			if !slices.Contains(types, t) {
				types = append(types, t)
			}
		}
	}
	slices.Sort(types)
	return types
}

// referenced is a stack as it is stored: its container registry by id only, since name
// and attributes may change.
func referenced(s api.Stack) api.Stack {
	if r, ok := s.Components[componentRegistry]; ok {
		s.Components = maps.Clone(s.Components)
		s.Components[componentRegistry] = api.Component{ID: r.ID}
	}
	return s
}

// setComponent puts the named component of a type into components, and more of it where a
// stack may have several.
func (c Stacks) setComponent(components map[string]api.Component, t, name string, further []string) error {
	t, err := componentType(t)
	if err != nil {
		return err
	}
	if t == componentRegistry {
		if len(further) > 0 {
			return credential.NewError(credential.InvalidInput, "a stack has one container "+
				"registry", "give -c once")
		}
		if name == "" {
			return checkName("stack component", name)
		}
		r, err := Registries(c).Resolve(name, Exactly)
		if err == nil {
			components[t] = api.Component{ID: r.ID}
		}
		return err
	}
	component, err := c.componentNamed(t, name)
	if err != nil {
		return err
	}
	for _, name := range further {
		more, err := c.componentNamed(t, name)
		if err != nil {
			return err
		}
		component.Further = append(component.Further, more)
	}
	components[t] = component
	return nil
}

// componentType is the canonical spelling of a type of components.
func componentType(t string) (string, error) {
	out := strings.ReplaceAll(t, "-", "_")
	if out == "" || strings.Trim(out, "abcdefghijklmnopqrstuvwxyz_") != "" || out[0] == '_' {
		return "", credential.NewError(credential.InvalidInput,
			safetext.Quote(t)+" is not a type of stack components", "")
	}
	return out, nil
}

// componentNamed is a component that zen keeps as given, with the flavor and the
// attributes that another stack knows it by.
func (c Stacks) componentNamed(t, name string) (api.Component, error) {
	if err := checkName("stack component", name); err != nil {
		return api.Component{}, err
	}
	for _, s := range c.allStacks() {
		for _, have := range append([]api.Component{s.Components[t]}, s.Components[t].Further...) {
			if have.Name == name && have.Flavor != "" {
				have.Further = nil
				return have, nil
			}
		}
	}
	return api.Component{Name: name}, nil
}

func (c Stacks) updateComponents(s *api.Stack, req api.UpdateStack) error {
	components := maps.Clone(s.Components)
	if components == nil {
		components = make(map[string]api.Component)
	}
	for _, t := range slices.Sorted(maps.Keys(req.Components)) {
		if name := req.Components[t]; name != nil {
			if err := c.setComponent(components, t, *name, req.Further[t]); err != nil {
				return err
			}
			continue
		}
		t, err := componentType(t)
		if err != nil {
			return err
		}
		if t == componentOrchestrator || t == componentArtifactStore {
			return credential.NewError(credential.InvalidInput, fmt.Sprintf(
				"Stack `%s` needs an %s: it can be replaced, but not removed.",
				s.Name,
				strings.ReplaceAll(t, "_", " "),
			), "")
		}
		delete(components, t)
	}
	s.Components = components
	return nil
}

// exactNumbers replaces what JSON's numbers were read as by int64 where they are whole,
// else by float64.
func exactNumbers(s api.Stack) api.Stack {
	for t, component := range s.Components {
		s.Components[t] = exactComponent(component)
	}
	return s
}

func exactComponent(c api.Component) api.Component {
	if c.Configuration != nil {
		c.Configuration = exact(c.Configuration).(map[string]any)
	}
	for i, more := range c.Further {
		c.Further[i] = exactComponent(more)
	}
	return c
}

func exact(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return n
		}
		f, _ := v.Float64()
		return f
	case map[string]any:
		for k, e := range v {
			v[k] = exact(e)
		}
	case []any:
		for i, e := range v {
			v[i] = exact(e)
		}
	}
	return v
}
