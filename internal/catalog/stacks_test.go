package catalog

import (
	"testing"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
)

// components are a stack's components as type=name[/name...], in order of type.
func components(s api.Stack) []string {
	out := []string{}
	for _, t := range knownTypes([]api.Stack{s}) {
		c, ok := s.Components[t]
		if !ok {
			continue
		}
		text := t + "=" + c.Name
		for _, more := range c.Further {
			text += "/" + more.Name
		}
		out = append(out, text)
	}
	return out
}

// ZenML has a stack from the start; its documentation begins with "stack update -c NAME".
func TestDefaultStack(t *testing.T) {
	w := newWorld(t)
	s, err := w.Stacks.Resolve("", ByPrefix)
	if err != nil {
		t.Fatal(err)
	}
	wantSame(t, "components", components(s), []string{
		"artifact_store=default", "deployer=default", "orchestrator=default",
	})
	if !s.Active || s.Name != "default" || s.Owner != "" || s.Components["orchestrator"].Flavor != "local" {
		t.Errorf("default stack is %+v", s)
	}
	w.registry("hub", "", "docker.io/me")
	updated := done[api.Stack](w)(w.Stacks.Update(api.UpdateStack{
		Components: map[string]*string{"container_registry": new("hub")},
	}, w.tick()))
	if updated.ID != s.ID || updated.Owner != "" || !updated.Created.Equal(w.now) ||
		updated.Components["container_registry"].Name != "hub" {
		t.Errorf("updated stack is %+v", updated)
	}
	if r, err := w.Registries.Resolve("", ByPrefix); err != nil || r.Name != "hub" || !r.Active ||
		len(w.Stacks.List()) != 1 {
		t.Errorf("active registry is %+v, %v", r, err)
	}
	_, _, err = w.Registries.Delete("hub")
	wantError(t, err, credential.InUse, "'default'")
	for _, set := range []bool{false, true} {
		w.stack(map[bool]string{false: "a", true: "b"}[set], "", set)
		_, _, err = w.Stacks.Delete(api.DeleteStack{Ref: "default"})
		wantError(t, err, credential.InvalidInput, "The default stack cannot be deleted.")
	}
	_, _, err = w.Stacks.Update(api.UpdateStack{Ref: "default", Name: new("mine")}, w.now)
	wantError(t, err, credential.InvalidInput, "The default stack cannot be modified.", "zen stack copy "+
		"default mine")
	_, _, err = w.Stacks.Register(api.RegisterStack{Name: "default"}, w.now, "me")
	wantError(t, err, credential.Exists)
}

func TestRegisterStack(t *testing.T) {
	w := newWorld(t)
	w.registry("local", "", "localhost:5000")
	labels := map[string]string{"x": "y"}
	s := done[api.Stack](w)(w.Stacks.Register(api.RegisterStack{
		Name: "s", Description: "text", Labels: labels, Set: true,
		Components: map[string]string{
			"orchestrator": "kubeflow", "artifact-store": "s3", "container_registry": "local",
			"step_operator": "spark", "something_new": "n",
		},
		Further: map[string][]string{"step_operator": {"vertex", "sagemaker"}},
	}, w.tick(), "me"))
	wantSame(t, "components", components(s), []string{
		"artifact_store=s3", "container_registry=local", "orchestrator=kubeflow", "something_new=n",
		"step_operator=spark/vertex/sagemaker",
	})
	if !s.Active || s.Owner != "me" || s.Description != "text" || !s.Created.Equal(w.now) || s.ID == "" {
		t.Errorf("stack is %+v", s)
	}
	got, err := w.Stacks.Resolve("s", ByPrefix)
	if err != nil {
		t.Fatal(err)
	}
	wantSame(t, "stack", got, s)
	// Whoever names neither orchestrator nor artifact store gets the built-in ones.
	s = done[api.Stack](w)(w.Stacks.Register(api.RegisterStack{
		Name: "s2", Components: map[string]string{"container_registry": "local"},
	}, w.tick(), "me"))
	wantSame(t, "components", components(s), []string{
		"artifact_store=default", "container_registry=local", "orchestrator=default",
	})
	if s.Active {
		t.Error("it is active though nobody set it")
	}
}

func TestRegisterStackRefuses(t *testing.T) {
	w := newWorld(t)
	w.registry("local", "", "localhost:5000")
	w.stack("s", "local", true)
	for name, tt := range map[string]struct {
		req    api.RegisterStack
		reason credential.Reason
		texts  []string
	}{
		"taken name": {api.RegisterStack{Name: "s"}, credential.Exists, []string{
			"A stack with name `s` already exists, please use a different name.", "zen stack describe s",
		}},
		"no name": {api.RegisterStack{}, credential.InvalidInput, []string{"The stack name cannot be " +
			"empty."}},
		"no such registry": {api.RegisterStack{
			Name: "s3", Components: map[string]string{"container_registry": "nope"},
		}, credential.NoSuchEntity, []string{
			"No stack_components have been found that have an ID prefix that matches the provided " +
				"string 'nope'.",
		}},
		"empty registry": {
			api.RegisterStack{Name: "s3", Components: map[string]string{"container_registry": ""}},
			credential.InvalidInput,
			[]string{"The stack component name cannot be empty."},
		},
		"two registries": {api.RegisterStack{
			Name: "s3", Components: map[string]string{"container_registry": "local"},
			Further: map[string][]string{
				"container_registry": {"local"},
			},
		}, credential.InvalidInput, []string{"one container registry"}},
		"empty component": {
			api.RegisterStack{Name: "s3", Components: map[string]string{"alerter": ""}},
			credential.InvalidInput,
			[]string{"cannot be empty"},
		},
		"empty further": {
			api.RegisterStack{
				Name: "s3", Components: map[string]string{"alerter": "a"},
				Further: map[string][]string{"alerter": {""}},
			},
			credential.InvalidInput,
			[]string{"cannot be empty"},
		},
		"no component type": {
			api.RegisterStack{Name: "s3", Components: map[string]string{"Al erter": "a"}},
			credential.InvalidInput,
			[]string{"not a type of stack components"},
		},
		"empty label": {
			api.RegisterStack{Name: "s3", Labels: map[string]string{"": ""}},
			credential.InvalidInput,
			[]string{"key=value"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			tt.req.Set = true
			_, change, err := w.Stacks.Register(tt.req, w.now, "me")
			wantError(t, err, tt.reason, tt.texts...)
			if change.Put != nil {
				t.Errorf("change is %+v", change)
			}
		})
	}
}

func TestUpdateStack(t *testing.T) {
	w := newWorld(t)
	w.registry("local", "", "localhost:5000")
	w.registry("c8", "", "localhost:5001")
	w.stack("s", "local", true)
	s := done[api.Stack](w)(w.Stacks.Update(api.UpdateStack{
		Name: new("renamed"), Description: new("d"), Labels: map[string]*string{"a": new("b")},
		Components: map[string]*string{
			"container_registry": new("c8"),
			"image_builder":      new("kaniko"),
			"deployer":           nil,
		},
	}, w.tick()))
	wantSame(t, "components", components(s), []string{
		"artifact_store=default", "container_registry=c8", "image_builder=kaniko", "orchestrator=default",
	})
	wantSame(t, "labels", s.Labels, map[string]string{"a": "b"})
	if s.Name != "renamed" || s.Description != "d" || !s.Active || !s.Updated.Equal(w.now) ||
		s.Created.Equal(w.now) {
		t.Errorf("stack is %+v", s)
	}
	s = done[api.Stack](w)(w.Stacks.Update(api.UpdateStack{
		Ref: "renamed", Labels: map[string]*string{"a": nil}, Components: map[string]*string{
			"container-registry": nil, "image-builder": nil, "orchestrator": new("k8s"),
		},
	}, w.tick()))
	wantSame(t, "components", components(s), []string{"artifact_store=default", "orchestrator=k8s"})
	if len(s.Labels) != 0 {
		t.Errorf("labels are %v", s.Labels)
	}
	_, err := w.Registries.Resolve("", ByPrefix)
	wantError(t, err, credential.NoSuchEntity, "No container registry is set for the active stack "+
		"'renamed'.", "zen stack update -c NAME")
}

func TestUpdateStackRefuses(t *testing.T) {
	w := newWorld(t)
	w.stack("s", "", true)
	w.stack("t", "", false)
	for name, tt := range map[string]struct {
		req    api.UpdateStack
		reason credential.Reason
		texts  []string
	}{
		"taken name": {
			api.UpdateStack{Name: new("t")},
			credential.Exists,
			[]string{"There are already existing stacks with the name 't'."},
		},
		"bad name": {api.UpdateStack{Name: new(" ")}, credential.InvalidInput, nil},
		"no such stack": {api.UpdateStack{Ref: "s4"}, credential.NoSuchEntity, []string{
			"No stacks have been found that have an ID prefix that matches the provided string " +
				"'s4'.", "zen stack list",
		}},
		"no such registry": {
			api.UpdateStack{Components: map[string]*string{"container_registry": new("nope")}},
			credential.NoSuchEntity,
			[]string{"'nope'"},
		},
		"no orchestrator": {
			api.UpdateStack{Components: map[string]*string{"orchestrator": nil}},
			credential.InvalidInput,
			[]string{"Stack `s` needs an orchestrator"},
		},
		"no artifact store": {
			api.UpdateStack{Components: map[string]*string{"artifact-store": nil}},
			credential.InvalidInput,
			[]string{"needs an artifact store"},
		},
		"no type": {
			api.UpdateStack{Components: map[string]*string{"": nil}},
			credential.InvalidInput,
			nil,
		},
		"empty label": {api.UpdateStack{Labels: map[string]*string{"": nil}}, credential.InvalidInput, nil},
	} {
		t.Run(name, func(t *testing.T) {
			before := dump(t, w.Catalog)
			_, change, err := w.Stacks.Update(tt.req, w.now)
			wantError(t, err, tt.reason, tt.texts...)
			if change.Put != nil {
				t.Errorf("change is %+v", change)
			}
			wantSame(t, "catalog", dump(t, w.Catalog), before)
		})
	}
}

func TestDeleteStack(t *testing.T) {
	w := newWorld(t)
	w.registry("mine", "", "localhost:5000")
	w.registry("shared", "", "localhost:5001")
	w.stack("a", "mine", true)
	w.stack("b", "shared", false)
	w.stack("c", "shared", false)
	_, change, err := w.Stacks.Delete(api.DeleteStack{Ref: "a", Recursive: true})
	wantError(t, err, credential.InUse,
		"Unable to deregister active stack 'a'. Make sure to designate a new active stack before "+
			"deleting this one.", "zen stack set default")
	if change.Delete != nil {
		t.Errorf("change is %+v", change)
	}
	_, _, err = w.Stacks.Delete(api.DeleteStack{})
	wantError(t, err, credential.InvalidInput)
	_, _, err = w.Stacks.Delete(api.DeleteStack{Ref: "nope"})
	wantError(t, err, credential.NoSuchEntity)

	left := func() []string {
		return names(w.Registries.List(), func(r api.ContainerRegistry) string { return r.Name })
	}
	done[api.Stack](w)(w.Stacks.Delete(api.DeleteStack{Ref: "b", Recursive: true}))
	wantSame(t, "registries, one of them still in use", left(), []string{"mine", "shared"})
	done[api.Stack](w)(w.Stacks.Delete(api.DeleteStack{Ref: "c"}))
	wantSame(t, "registries", left(), []string{"mine", "shared"})
	done[api.Stack](w)(w.Stacks.Set("default"))
	done[api.Stack](w)(w.Stacks.Delete(api.DeleteStack{Ref: "a", Recursive: true}))
	wantSame(t, "registries", left(), []string{"shared"})
	if got := w.stackNames(api.Query{}); len(got) != 1 {
		t.Errorf("stacks are %v", got)
	}
}

func TestCopyStack(t *testing.T) {
	w := newWorld(t)
	w.registry("local", "", "localhost:5000")
	a := w.stack("s", "local", true)
	b := done[api.Stack](w)(w.Stacks.Copy("s", "s6", w.tick(), "you"))
	if b.ID == a.ID || b.Name != "s6" || b.Owner != "you" || b.Active || !b.Created.Equal(w.now) {
		t.Errorf("copy is %+v", b)
	}
	wantSame(t, "components", b.Components, a.Components)
	if c := done[api.Stack](w)(w.Stacks.Copy("default", "mine", w.tick(), "me")); c.ID == defaultStackID ||
		len(c.Components) != 3 {
		t.Errorf("copy of the built-in stack is %+v", c)
	}
	_, _, err := w.Stacks.Copy("s", "default", w.now, "me")
	wantError(t, err, credential.Exists)
	_, _, err = w.Stacks.Copy("s5", "x", w.now, "me")
	wantError(t, err, credential.NoSuchEntity)
}

func TestSetStack(t *testing.T) {
	w := newWorld(t)
	w.stack("s", "", false)
	if s := done[api.Stack](w)(w.Stacks.Set("s")); !s.Active || s.Name != "s" {
		t.Errorf("stack is %+v", s)
	}
	if s, err := w.Stacks.Resolve("", ByPrefix); err != nil || s.Name != "s" || !s.Active {
		t.Errorf("active stack is %+v, %v", s, err)
	}
	if s, _ := w.Stacks.Resolve("default", ByPrefix); s.Active {
		t.Error("the built-in stack is still active")
	}
	s, change, err := w.Stacks.Set("s")
	if err != nil || !s.Active || change.Put != nil {
		t.Errorf("setting it again: %+v, %+v, %v", s, change, err)
	}
	_, _, err = w.Stacks.Set("nope")
	wantError(t, err, credential.NoSuchEntity,
		"Stack 'nope' cannot be activated. Please make sure it is registered and you have the necessary "+
			"permissions to access it.")
	w.stack("s2", "", false)
	w.stack("s22", "", false)
	_, _, err = w.Stacks.Set("s22x")
	wantError(t, err, credential.NoSuchEntity)
	w.stack("t1", "", false)
	w.stack("t2", "", false)
	_, _, err = w.Stacks.Set("t")
	wantError(t, err, credential.NoSuchEntity, "type the whole name, of 't1', 't2'")
}

// What a file from elsewhere says of a component is not lost when only its name is used
// again.
func TestComponentsAreKnownByName(t *testing.T) {
	w := newWorld(t)
	done[api.Stack](
		w,
	)(
		w.Stacks.Import(
			api.ImportStack{File: api.StackFile{StackName: "s", Components: map[string]api.FileComponents{
				"artifact_store": {
					{Name: "bucket", Flavor: "s3", Configuration: map[string]any{"path": "s3://b"}},
				},
			}}},
			w.tick(),
			"me",
		),
	)
	s := done[api.Stack](w)(w.Stacks.Register(api.RegisterStack{
		Name: "t", Components: map[string]string{"artifact_store": "bucket"},
	}, w.tick(), "me"))
	wantSame(t, "component", s.Components["artifact_store"],
		api.Component{Name: "bucket", Flavor: "s3", Configuration: map[string]any{"path": "s3://b"}})
}
