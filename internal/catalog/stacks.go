package catalog

import (
	"maps"
	"slices"
	"time"

	"github.com/zen-agent/zen/internal/api"
)

// defaultName is what ZenML calls its built-in stack and the components of it
// (DEFAULT_STACK_AND_COMPONENT_NAME).
const defaultName = "default"

// localFlavor is the flavor of the components of the built-in stack.
const localFlavor = "local"

// defaultStackID is the id of the built-in stack on every machine: the UUID (version 5,
// OID) of "zen default stack".
const defaultStackID = "db9c6885-7cf8-5686-9fd9-94424aca3ee9"

// defaultStack is the stack that ZenML has from the start, and that is active until
// another is set: without it, "stack update -c NAME" of ZenML's documentation would have
// nothing to update. It has no record until it is changed.
func defaultStack() *api.Stack {
	local := api.Component{Name: defaultName, Flavor: localFlavor}
	return &api.Stack{ID: defaultStackID, Name: defaultName, Components: map[string]api.Component{
		componentArtifactStore: local, componentDeployer: local, componentOrchestrator: local,
	}}
}

// Stacks are the stacks, the built-in one included.
type Stacks struct{ *state }

func stackKey(s *api.Stack) (time.Time, string, string) { return s.Created, s.Name, s.ID }

// allStacks are the stacks as they are stored, the built-in one included, oldest first.
func (c *state) allStacks() []*api.Stack {
	list := sorted(c.stacks, stackKey)
	if c.stacks[defaultStackID] == nil {
		list = slices.Insert(list, 0, defaultStack())
	}
	return list
}

// activeStack is the stack as stored that was set last, else the built-in one.
func (c *state) activeStack() *api.Stack {
	for _, id := range []string{c.active, defaultStackID} {
		if s := c.stacks[id]; s != nil {
			return s
		}
	}
	return defaultStack()
}

// stacksByRegistry are the ids of the stacks that use a container registry, by its id.
func (c *state) stacksByRegistry() map[string][]string {
	out := make(map[string][]string)
	for _, s := range c.allStacks() {
		if id := s.Components[componentRegistry].ID; id != "" {
			out[id] = append(out[id], s.ID)
		}
	}
	return out
}

// view fills in what is computed: the container registry's present name and attributes,
// and whether the stack is active.
func (c Stacks) view(s *api.Stack) api.Stack {
	out := *s
	out.Active = s.ID == c.inUse.stack
	out.Components = maps.Clone(s.Components)
	if out.Components == nil {
		out.Components = make(map[string]api.Component)
	}
	reference, ok := s.Components[componentRegistry]
	if !ok {
		return out
	}
	r := c.registries[reference.ID]
	if r == nil {
		delete(out.Components, componentRegistry)
		return out
	}
	configuration := make(map[string]any, len(r.Configuration))
	for k, v := range r.Configuration {
		configuration[k] = v
	}
	out.Components[componentRegistry] = api.Component{
		ID:            r.ID,
		Name:          r.Name,
		Flavor:        r.Flavor,
		Configuration: configuration,
	}
	return out
}

// List returns all stacks, oldest first.
func (c Stacks) List() []api.Stack {
	all := c.allStacks()
	out := make([]api.Stack, len(all))
	for i, s := range all {
		out[i] = c.view(s)
	}
	return out
}

// Resolve finds a stack; an empty ref is the active one.
func (c Stacks) Resolve(ref string, how Match) (api.Stack, error) {
	s, err := c.find(ref, how)
	if err != nil {
		return api.Stack{}, err
	}
	return c.view(s), nil
}

func (c Stacks) find(ref string, how Match) (*api.Stack, error) {
	if ref == "" {
		return c.activeStack(), nil
	}
	stacks := c.allStacks()
	all := make([]entity, len(stacks))
	for i, s := range stacks {
		all[i] = entity{s.ID, s.Name}
	}
	id, err := resolve("stacks", seeStacks, ref, all, how)
	if err != nil {
		return nil, err
	}
	return stacks[slices.IndexFunc(stacks, func(s *api.Stack) bool { return s.ID == id })], nil
}

// Query answers stack list: this machine's and then those of servers. A stack can be
// filtered by its components too: by name under their type.
func (c Stacks) Query(q api.Query, remote ...api.Stack) (api.StackList, error) {
	all := append(c.List(), remote...)
	items, page, err := run(q, stackSchema(all), all)
	return api.StackList{Items: items, Page: page}, err
}

func stackSchema(all []api.Stack) schema[api.Stack] {
	type s = api.Stack
	out := schema[s]{
		fields: []field[s]{
			textField("id", func(s *s) string { return s.ID }),
			textField("name", func(s *s) string { return s.Name }),
			textField("description", func(s *s) string { return s.Description }),
			textField("user", func(s *s) string { return s.Owner }, "owner", "user_id"),
			listField(
				"component_id",
				func(s *s) []string {
					return componentTexts(s,
						func(c api.Component) string { return c.ID })
				},
			),
			listField(
				"component",
				func(s *s) []string {
					return componentTexts(s,
						func(c api.Component) string { return c.Name })
				},
			),
			timeField("created", func(s *s) *time.Time { return &s.Created }),
			timeField("updated", func(s *s) *time.Time { return &s.Updated }),
			boolField("active", func(s *s) bool { return s.Active }),
			textField("server", func(s *s) string { return s.Server }),
		},
		labels: func(s *s) map[string]string { return s.Labels }, active: func(s *s) bool { return s.Active },
		newestFirst: true,
	}
	for _, t := range knownTypes(all) {
		out.fields = append(out.fields, listField(t, func(s *s) []string {
			return componentTexts(&api.Stack{Components: map[string]api.Component{t: s.Components[t]}},
				func(c api.Component) string { return c.Name })
		}))
	}
	return out
}
