package catalog

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
)

// Types of stack components. Only container registries mean something to zen, all others it keeps as given.
const (
	componentRegistry      = "container_registry"
	componentOrchestrator  = "orchestrator"
	componentArtifactStore = "artifact_store"
	componentDeployer      = "deployer"
)

// defaultName is what ZenML calls its built-in stack and the components of it (DEFAULT_STACK_AND_COMPONENT_NAME).
const defaultName = "default"

// localFlavor is the flavor of the components of the built-in stack.
const localFlavor = "local"

// defaultStackID is the id of the built-in stack, on every machine.
func defaultStackID() string {
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte("zen default stack")).String()
}

// defaultStack is the stack that ZenML has from the start, and that is active until another is set: without it, "stack update
// -c NAME" of ZenML's documentation would have nothing to update. It has no record until it is changed.
func defaultStack() *api.Stack {
	local := api.Component{Name: defaultName, Flavor: localFlavor}
	return &api.Stack{ID: defaultStackID(), Name: defaultName, Components: map[string]api.Component{
		componentArtifactStore: local, componentDeployer: local, componentOrchestrator: local,
	}}
}

func stackKey(s *api.Stack) (time.Time, string, string) { return s.Created, s.Name, s.ID }

// allStacks are the stacks as they are stored, the built-in one included, oldest first.
func (c *Catalog) allStacks() []*api.Stack {
	list := sorted(c.stacks, stackKey)
	if c.stacks[defaultStackID()] == nil {
		list = slices.Insert(list, 0, defaultStack())
	}
	return list
}

// activeStack is the stack as stored that was set last, else the built-in one.
func (c *Catalog) activeStack() *api.Stack {
	for _, id := range []string{c.active, defaultStackID()} {
		if s := c.stacks[id]; s != nil {
			return s
		}
	}
	return defaultStack()
}

// activeRegistry is the id of the active stack's container registry, "" if it has none.
func (c *Catalog) activeRegistry() string { return c.activeStack().Components[componentRegistry].ID }

// stacksByRegistry are the ids of the stacks that use a container registry, by its id.
func (c *Catalog) stacksByRegistry() map[string][]string {
	out := make(map[string][]string)
	for _, s := range c.allStacks() {
		if id := s.Components[componentRegistry].ID; id != "" {
			out[id] = append(out[id], s.ID)
		}
	}
	return out
}

// view fills in what is computed: the container registry's present name and attributes, and whether the stack is active.
func (c *Catalog) view(s *api.Stack) api.Stack {
	out := *s
	out.Active = s.ID == c.activeStack().ID
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
	out.Components[componentRegistry] = api.Component{ID: r.ID, Name: r.Name, Flavor: r.Flavor, Configuration: configuration}
	return out
}

// Stacks returns all stacks, oldest first.
func (c *Catalog) Stacks() []api.Stack {
	all := c.allStacks()
	out := make([]api.Stack, len(all))
	for i, s := range all {
		out[i] = c.view(s)
	}
	return out
}

// ResolveStack finds a stack by name, id, or a prefix of either; an empty ref is the active one.
func (c *Catalog) ResolveStack(ref string) (api.Stack, error) {
	s, err := c.findStack(ref)
	if err != nil {
		return api.Stack{}, err
	}
	return c.view(s), nil
}

func (c *Catalog) findStack(ref string) (*api.Stack, error) {
	if ref == "" {
		return c.activeStack(), nil
	}
	stacks := c.allStacks()
	all := make([]entity, len(stacks))
	for i, s := range stacks {
		all[i] = entity{s.ID, s.Name}
	}
	id, err := resolve("stacks", seeStacks, ref, all)
	if err != nil {
		return nil, err
	}
	return stacks[slices.IndexFunc(stacks, func(s *api.Stack) bool { return s.ID == id })], nil
}

// QueryStacks answers stack list. A stack can be filtered by its components too: by name under their type.
func (c *Catalog) QueryStacks(q api.Query) (api.StackList, error) {
	all := c.Stacks()
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
			listField("component_id", func(s *s) []string { return componentTexts(s, func(c api.Component) string { return c.ID }) }),
			listField("component", func(s *s) []string { return componentTexts(s, func(c api.Component) string { return c.Name }) }),
			timeField("created", func(s *s) *time.Time { return &s.Created }),
			timeField("updated", func(s *s) *time.Time { return &s.Updated }),
			boolField("active", func(s *s) bool { return s.Active }),
			textField("server", func(s *s) string { return s.Server }),
		},
		labels: func(s *s) map[string]string { return s.Labels }, active: func(s *s) bool { return s.Active }, newestFirst: true,
	}
	for _, t := range knownTypes(all) {
		out.fields = append(out.fields, listField(t, func(s *s) []string {
			return componentTexts(&api.Stack{Components: map[string]api.Component{t: s.Components[t]}},
				func(c api.Component) string { return c.Name })
		}))
	}
	return out
}

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
		"alerter", "annotator", componentArtifactStore, componentRegistry, "data_validator", componentDeployer,
		"experiment_tracker", "feature_store", "image_builder", "log_store", "model_deployer", "model_registry",
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

// RegisterStack makes a stack. Every stack has an orchestrator and an artifact store (ZenML demands both on the command line);
// who names none gets the built-in ones, since nothing runs here.
func (c *Catalog) RegisterStack(req api.RegisterStack, now time.Time, owner string) (api.Stack, Change, error) {
	s := api.Stack{
		Name: req.Name, Description: req.Description, Labels: maps.Clone(req.Labels), Owner: owner,
		Components: map[string]api.Component{
			componentArtifactStore: defaultStack().Components[componentArtifactStore],
			componentOrchestrator:  defaultStack().Components[componentOrchestrator],
		},
	}
	for _, t := range slices.Sorted(maps.Keys(req.Components)) {
		if err := c.setComponent(s.Components, t, req.Components[t], req.Further[t]); err != nil {
			return s, Change{}, err
		}
	}
	return c.addStack(s, req.Set, now)
}

// addStack makes a stack of its own out of s.
func (c *Catalog) addStack(s api.Stack, set bool, now time.Time) (api.Stack, Change, error) {
	if err := c.checkStackName(s.Name); err != nil {
		return s, Change{}, err
	}
	if err := checkLabels(s.Labels); err != nil {
		return s, Change{}, err
	}
	s.ID, s.Created, s.Updated = c.newID(KindStack, s.Name, now), now, now
	change, err := put(stackRecord(referenced(s)))
	if err != nil {
		return s, Change{}, err
	}
	if set {
		active, err := activeRecord(s.ID)
		if err != nil {
			return s, Change{}, err
		}
		change.Put = append(change.Put, active)
	}
	view := c.view(&s)
	view.Active = set
	return view, change, nil
}

func (c *Catalog) checkStackName(name string) error {
	if err := checkName("stack", name); err != nil {
		return err
	}
	if c.stackNamed(name) != nil {
		return credential.NewError(credential.Exists,
			fmt.Sprintf("A stack with name `%s` already exists, please use a different name.", name), "zen stack describe "+name)
	}
	return nil
}

func (c *Catalog) stackNamed(name string) *api.Stack {
	all := c.allStacks()
	if i := slices.IndexFunc(all, func(s *api.Stack) bool { return s.Name == name }); i >= 0 {
		return all[i]
	}
	return nil
}

// referenced is a stack as it is stored: its container registry by id only, since name and attributes may change.
func referenced(s api.Stack) api.Stack {
	if r, ok := s.Components[componentRegistry]; ok {
		s.Components = maps.Clone(s.Components)
		s.Components[componentRegistry] = api.Component{ID: r.ID}
	}
	return s
}

// setComponent puts the named component of a type into components, and more of it where a stack may have several.
func (c *Catalog) setComponent(components map[string]api.Component, t, name string, further []string) error {
	t, err := componentType(t)
	if err != nil {
		return err
	}
	if t == componentRegistry {
		if len(further) > 0 {
			return credential.NewError(credential.InvalidInput, "a stack has one container registry", "give -c once")
		}
		if name == "" {
			return checkName("stack component", name)
		}
		r, err := c.ResolveRegistry(name)
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
		return "", credential.NewError(credential.InvalidInput, fmt.Sprintf("%q is not a type of stack components", shorten(t)), "")
	}
	return out, nil
}

// componentNamed is a component that zen keeps as given, with the flavor and the attributes that another stack knows it by.
func (c *Catalog) componentNamed(t, name string) (api.Component, error) {
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

// UpdateStack changes a stack's name, description, components or labels; an empty ref is the active one.
func (c *Catalog) UpdateStack(req api.UpdateStack, now time.Time) (api.Stack, Change, error) {
	found, err := c.findStack(req.Ref)
	if err != nil {
		return api.Stack{}, Change{}, err
	}
	s := *found
	if err := c.renameStack(&s, req.Name); err != nil {
		return c.view(found), Change{}, err
	}
	if req.Description != nil {
		s.Description = *req.Description
	}
	if err := c.updateComponents(&s, req); err != nil {
		return c.view(found), Change{}, err
	}
	if err := checkLabels(req.Labels); err != nil {
		return c.view(found), Change{}, err
	}
	s.Labels = merged(s.Labels, req.Labels)
	s.Updated = now
	if s.Created.IsZero() {
		s.Created = now // the built-in one gets its record now
	}
	change, err := put(stackRecord(referenced(s)))
	return c.view(&s), change, err
}

func (c *Catalog) renameStack(s *api.Stack, name *string) error {
	if name == nil || *name == s.Name {
		return nil
	}
	if s.ID == defaultStackID() {
		return credential.NewError(credential.InvalidInput, "The default stack cannot be renamed.", "zen stack copy default "+*name)
	}
	if err := checkName("stack", *name); err != nil {
		return err
	}
	if c.stackNamed(*name) != nil {
		return credential.NewError(credential.Exists,
			fmt.Sprintf("There are already existing stacks with the name '%s'.", *name), "choose another name")
	}
	s.Name = *name
	return nil
}

func (c *Catalog) updateComponents(s *api.Stack, req api.UpdateStack) error {
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
				"Stack `%s` needs an %s: it can be replaced, but not removed.", s.Name, strings.ReplaceAll(t, "_", " ")), "")
		}
		delete(components, t)
	}
	s.Components = components
	return nil
}

// DeleteStack removes a stack, and with Recursive its container registry unless another stack uses that.
func (c *Catalog) DeleteStack(req api.DeleteStack) (api.Stack, Change, error) {
	if req.Ref == "" {
		return api.Stack{}, Change{}, credential.NewError(credential.InvalidInput,
			"A name must be supplied. Please see the command help for more information.", seeStacks)
	}
	s, err := c.ResolveStack(req.Ref)
	if err != nil {
		return s, Change{}, err
	}
	if s.ID == defaultStackID() {
		return s, Change{}, credential.NewError(credential.InvalidInput, "The default stack cannot be deleted.", "")
	}
	if s.Active {
		return s, Change{}, credential.NewError(credential.InUse, fmt.Sprintf(
			"Unable to deregister active stack '%s'. Make sure to designate a new active stack before deleting this one.", s.Name),
			"zen stack set "+defaultName)
	}
	change := Change{Delete: []string{s.ID}}
	registry := s.Components[componentRegistry].ID
	if req.Recursive && registry != "" && len(c.stacksByRegistry()[registry]) == 1 {
		change.Delete = append(change.Delete, registry)
	}
	return s, change, nil
}

// CopyStack makes a stack with everything that another has.
func (c *Catalog) CopyStack(ref, name string, now time.Time, owner string) (api.Stack, Change, error) {
	found, err := c.findStack(ref)
	if err != nil {
		return api.Stack{}, Change{}, err
	}
	s := *found
	s.Name, s.Owner = name, owner
	return c.addStack(s, false, now)
}

// SetStack makes a stack the active one.
func (c *Catalog) SetStack(ref string) (api.Stack, Change, error) {
	s, err := c.ResolveStack(ref)
	if credential.NoSuchEntity.Is(err) {
		err = credential.NewError(credential.NoSuchEntity, fmt.Sprintf(
			"Stack '%s' cannot be activated. Please make sure it is registered and you have the necessary permissions to access it.",
			shorten(ref)), seeStacks)
	}
	if err != nil || s.Active {
		return s, Change{}, err
	}
	change, err := put(activeRecord(s.ID))
	s.Active = true
	return s, change, err
}

// exactNumbers replaces what JSON's numbers were read as by int64 where they are whole, else by float64.
func exactNumbers(s *api.Stack) *api.Stack {
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
