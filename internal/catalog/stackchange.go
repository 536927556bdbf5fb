package catalog

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

// Register makes a stack. Every stack has an orchestrator and an artifact store (ZenML
// demands both on the command line); a stack without one gets the built-in ones, since nothing
// runs here.
func (c Stacks) Register(req api.RegisterStack, now time.Time, owner string) (api.Stack, Change, error) {
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
	return c.add(s, req.Set, now)
}

// add makes a stack of its own out of s.
func (c Stacks) add(s api.Stack, set bool, now time.Time) (api.Stack, Change, error) {
	if err := c.checkName(s.Name); err != nil {
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

func (c Stacks) checkName(name string) error {
	if err := checkName("stack", name); err != nil {
		return err
	}
	if c.named(name) != nil {
		return credential.NewError(credential.Exists,
			fmt.Sprintf("A stack with name `%s` already exists, please use a different "+
				"name.", name), "zen stack describe "+safetext.ShellWord(name))
	}
	return nil
}

func (c Stacks) named(name string) *api.Stack {
	all := c.allStacks()
	if i := slices.IndexFunc(all, func(s *api.Stack) bool { return s.Name == name }); i >= 0 {
		return all[i]
	}
	return nil
}

// Update changes a stack's name, description, components or labels; an empty ref is the
// active one.
func (c Stacks) Update(req api.UpdateStack, now time.Time) (api.Stack, Change, error) {
	found, err := c.find(req.Ref, Exactly)
	if err != nil {
		return api.Stack{}, Change{}, err
	}
	s := *found
	if err := c.rename(&s, req.Name); err != nil {
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
	s.Labels = Merged(s.Labels, req.Labels)
	s.Updated = now
	if s.Created.IsZero() {
		s.Created = now // the built-in one gets its record now
	}
	change, err := put(stackRecord(referenced(s)))
	return c.view(&s), change, err
}

func (c Stacks) rename(s *api.Stack, name *string) error {
	if name == nil || *name == s.Name {
		return nil
	}
	if s.ID == defaultStackID {
		return credential.NewError(credential.InvalidInput, "The default stack cannot be modified.",
			"zen stack copy "+defaultName+" "+safetext.ShellWord(*name))
	}
	if err := checkName("stack", *name); err != nil {
		return err
	}
	if c.named(*name) != nil {
		return credential.NewError(credential.Exists,
			fmt.Sprintf("There are already existing stacks with the name '%s'.", *name), "choose another "+
				"name")
	}
	s.Name = *name
	return nil
}

// Delete removes a stack, and with Recursive its container registry unless another stack
// uses that.
func (c Stacks) Delete(req api.DeleteStack) (api.Stack, Change, error) {
	if req.Ref == "" {
		return api.Stack{}, Change{}, credential.NewError(credential.InvalidInput,
			"A name must be supplied. Please see the command help for more information.", seeStacks)
	}
	s, err := c.Resolve(req.Ref, Exactly)
	if err != nil {
		return s, Change{}, err
	}
	if s.ID == defaultStackID {
		return s, Change{}, credential.NewError(credential.InvalidInput, "The default stack cannot be "+
			"deleted.", "")
	}
	if s.Active {
		return s, Change{}, credential.NewError(credential.InUse, fmt.Sprintf(
			"Unable to deregister active stack '%s'. Make sure to designate a new active stack before "+
				"deleting this one.", s.Name),
			"zen stack set "+defaultName)
	}
	change := Change{Delete: []string{s.ID}}
	registry := s.Components[componentRegistry].ID
	if req.Recursive && registry != "" && len(c.stacksByRegistry()[registry]) == 1 {
		change.Delete = append(change.Delete, registry)
	}
	return s, change, nil
}

// Copy makes a stack with everything that another has.
func (c Stacks) Copy(ref, name string, now time.Time, owner string) (api.Stack, Change, error) {
	found, err := c.find(ref, Exactly)
	if err != nil {
		return api.Stack{}, Change{}, err
	}
	s := *found
	s.Name, s.Owner = name, owner
	return c.add(s, false, now)
}

// Set makes a stack the active one.
func (c Stacks) Set(ref string) (api.Stack, Change, error) {
	s, err := c.Resolve(ref, Exactly)
	if e, ok := errors.AsType[*credential.Error](err); ok && e.Reason == credential.NoSuchEntity {
		err = credential.NewError(credential.NoSuchEntity, fmt.Sprintf(
			"Stack '%s' cannot be activated. Please make sure it is registered and you have the "+
				"necessary permissions to access it.",
			shorten(ref)), e.Hint)
	}
	if err != nil || s.Active {
		return s, Change{}, err
	}
	change, err := put(activeRecord(s.ID))
	s.Active = true
	return s, change, err
}
