package catalog

import (
	"bytes"
	"encoding/json"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
)

// What ZenML 0.98.0 wrote.
const recorded = `components:
  artifact_store:
  - configuration: {}
    flavor: local
    name: default
    type: artifact_store
  container_registry:
  - configuration:
      uri: 127.0.0.1:5050
    flavor: default
    name: c8
    type: container_registry
  orchestrator:
  - configuration: {}
    flavor: local
    name: default
    type: orchestrator
stack_name: s
zenml_version: 0.98.0
`

// What ZenML wrote before it knew several components of a type.
const older = `zenml_version: 0.58.2
stack_name: old
components:
  orchestrator:
    name: kubeflow
    flavor: kubeflow
    configuration:
      synchronous: true
      timeout: 1200
      project_number: 1234567890123456789
      ratio: 0.25
      nothing: null
      nested: {list: [1, two, {three: 3}]}
  artifact_store:
    name: bucket
    flavor: s3
    configuration: {path: "s3://bucket"}
  container_registry:
    name: gh
    flavor: github
    configuration: {uri: ghcr.io/me, automatic_token_authentication: true, default_repository: null}
    labels: {env: dev, tier: 1}
`

func parseFile(t testing.TB, text string) api.StackFile {
	t.Helper()
	var f api.StackFile
	if err := yaml.Unmarshal([]byte(text), &f); err != nil {
		t.Fatal(err)
	}
	return f
}

func (w *world) importFile(name, text string) api.Stack {
	w.Helper()
	return done[api.Stack](
		w,
	)(
		w.Stacks.Import(api.ImportStack{Name: name, File: parseFile(w, text)}, w.tick(), "me"),
	)
}

func TestImportOfWhatZenMLWrote(t *testing.T) {
	w := newWorld(t)
	s := w.importFile("s7", recorded)
	wantSame(t, "components", components(s), []string{
		"artifact_store=default", "container_registry=c8", "orchestrator=default",
	})
	if s.Name != "s7" || s.Active || s.Owner != "me" || s.Components["orchestrator"].Flavor != "local" {
		t.Errorf("stack is %+v", s)
	}
	r, err := w.Registries.Resolve("c8", ByPrefix)
	if err != nil || r.URI() != "127.0.0.1:5050" || r.Flavor != "default" ||
		r.ID != s.Components["container_registry"].ID {
		t.Errorf("registry is %+v, %v", r, err)
	}
	// The registry is there now, and the next import uses it.
	if s := w.importFile("", recorded); s.Name != "s" || len(w.Registries.List()) != 1 {
		t.Errorf("stack is %+v of %+v", s, w.Registries.List())
	}
}

func TestExportIsWhatZenMLReads(t *testing.T) {
	w := newWorld(t)
	w.importFile("", recorded)
	file, err := w.Stacks.Export("s")
	if err != nil {
		t.Fatal(err)
	}
	text, err := yaml.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	var got, want any
	if yaml.Unmarshal(text, &got) != nil || yaml.Unmarshal([]byte(recorded), &want) != nil {
		t.Fatalf("not YAML: %s", text)
	}
	wantSame(t, "file", got, want)
}

func TestImportOfOlderFiles(t *testing.T) {
	w := newWorld(t)
	s := w.importFile("", older)
	wantSame(t, "orchestrator", s.Components["orchestrator"].Configuration, map[string]any{
		"synchronous": true, "timeout": int64(1200), "project_number": int64(1234567890123456789),
		"ratio": 0.25, "nothing": nil,
		"nested": map[string]any{"list": []any{int64(1), "two", map[string]any{"three": int64(3)}}},
	})
	r, err := w.Registries.Resolve("gh", ByPrefix)
	if err != nil {
		t.Fatal(err)
	}
	wantSame(t, "configuration", r.Configuration, map[string]string{"uri": "ghcr.io/me"})
	wantSame(t, "labels", r.Labels, map[string]string{"env": "dev", "tier": "1"})
	// Numbers are as exact in what a new zend loads.
	c, err := Load(w.list())
	if err != nil {
		t.Fatal(err)
	}
	file, err := c.Stacks.Export("old")
	if err != nil {
		t.Fatal(err)
	}
	if v := file.Components["orchestrator"][0].Configuration["project_number"]; v != int64(
		1234567890123456789,
	) {
		t.Errorf("project_number is %v (%T)", v, v)
	}
	// An attribute that ZenML does not take any more would have it refuse the file.
	wantSame(t, "exported", file.Components["container_registry"][0].Configuration,
		map[string]any{"uri": "ghcr.io/me"})
}

// zen stack export | zen stack import -f -, over the wire and back, on the same machine
// and on another.
func TestExportImportRoundTrip(t *testing.T) {
	w := newWorld(t)
	w.importFile("", recorded)
	w.importFile("", older)
	w.registry("hub", "", "docker.io/me")
	done[api.Stack](w)(w.Stacks.Register(api.RegisterStack{
		Name: "many", Components: map[string]string{
			"step_operator": "a", "container_registry": "hub",
		}, Further: map[string][]string{"step_operator": {"b", "c"}},
	}, w.tick(), "me"))
	for _, name := range []string{"s", "old", "many", "default", ""} {
		file, err := w.Stacks.Export(name)
		if err != nil {
			t.Fatal(err)
		}
		text, err := yaml.Marshal(file)
		if err != nil {
			t.Fatal(err)
		}
		wire, err := json.Marshal(api.ImportStack{File: parseFile(t, string(text))})
		if err != nil {
			t.Fatal(err)
		}
		var req api.ImportStack
		if err := json.Unmarshal(wire, &req); err != nil {
			t.Fatal(err)
		}
		s, change, err := w.Stacks.Import(req, w.now, "me")
		if err != nil || change.Put != nil || s.Name != file.StackName {
			t.Errorf("importing %q where it is: %+v, %+v, %v", name, s, change, err)
		}
		if name == "old" {
			exactOverTheWire(t, wire)
		}
		other := newWorld(t)
		there := done[api.Stack](other)(other.Stacks.Import(req, other.tick(), "you"))
		again, err := other.Stacks.Export(there.ID)
		if err != nil {
			t.Fatal(err)
		}
		if !sameComponents(again, req.File) || again.StackName != file.StackName {
			t.Errorf("%q came back as %+v, want %+v", name, again, file)
		}
	}
}

// A receiver that keeps JSON's numbers as they are loses nothing of large ones.
func exactOverTheWire(t *testing.T, wire []byte) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(wire))
	d.UseNumber()
	var req api.ImportStack
	if err := d.Decode(&req); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	s := done[api.Stack](w)(w.Stacks.Import(req, w.tick(), "me"))
	if v := s.Components["orchestrator"].Configuration["project_number"]; v != int64(1234567890123456789) {
		t.Errorf("project_number is %v (%T)", v, v)
	}
	if s, change, err := w.Stacks.Import(req, w.now, "me"); err != nil || change.Put != nil {
		t.Errorf("importing it again: %+v, %+v, %v", s, change, err)
	}
}

func TestImportRefuses(t *testing.T) {
	w := newWorld(t)
	w.importFile("", recorded)
	w.registry("hub", "", "docker.io/me")
	one := func(t string, c api.FileComponent) api.StackFile {
		return api.StackFile{StackName: "n", Components: map[string]api.FileComponents{t: {c}}}
	}
	changed := parseFile(t, recorded)
	changed.Components["orchestrator"][0].Configuration = map[string]any{"a": 1}
	for name, tt := range map[string]struct {
		req    api.ImportStack
		reason credential.Reason
		texts  []string
	}{
		"another stack of that name": {api.ImportStack{File: changed}, credential.Exists, []string{
			"A stack with name `s` already exists, please use a different name.", "zen stack import NEW_NAME",
		}},
		"no name": {
			api.ImportStack{File: api.StackFile{}}, credential.InvalidInput, []string{"stack name cannot " +
				"be empty"},
		},
		"another registry of that name": {api.ImportStack{File: one("container_registry", api.FileComponent{
			Name: "hub", Flavor: "dockerhub", Configuration: map[string]any{"uri": "docker.io/you"},
		})}, credential.Exists, []string{"already a container registry with the name " +
			"'hub'", "zen container-registry rename hub NEW_NAME"}},
		"unknown flavor": {api.ImportStack{File: one("container_registry", api.FileComponent{
			Name: "x", Flavor: "custom", Configuration: map[string]any{"uri": "docker.io/you"},
		})}, credential.NoSuchEntity, []string{"No flavor with name 'custom'"}},
		"no uri": {
			api.ImportStack{File: one("container_registry", api.FileComponent{Name: "x", Flavor: "default"})},
			credential.InvalidInput,
			[]string{"'uri'"},
		},
		"component name": {
			api.ImportStack{File: one("orchestrator", api.FileComponent{Flavor: "local"})},
			credential.InvalidInput,
			[]string{"cannot be empty"},
		},
		"component type": {
			api.ImportStack{File: one("Bad Type", api.FileComponent{Name: "x"})},
			credential.InvalidInput,
			[]string{"not a type of stack components"},
		},
		"unstorable": {api.ImportStack{File: one("orchestrator", api.FileComponent{
			Name: "x", Configuration: map[string]any{"f": func() {}},
		})}, credential.InvalidInput, []string{"cannot be stored"}},
		"unstorable in a registry": {api.ImportStack{File: one("container_registry", api.FileComponent{
			Name: "x", Flavor: "default", Configuration: map[string]any{"uri": make(chan int)},
		})}, credential.InvalidInput, []string{"'uri' cannot be kept"}},
		"two registries": {api.ImportStack{File: api.StackFile{
			StackName: "n",
			Components: map[string]api.FileComponents{"container_registry": {
				{
					Name: "a", Configuration: map[string]any{"uri": "a.io"},
				}, {Name: "b", Configuration: map[string]any{"uri": "b.io"}},
			}},
		}}, credential.InvalidInput, []string{"one container registry"}},
	} {
		t.Run(name, func(t *testing.T) {
			before := dump(t, w.Catalog)
			_, change, err := w.Stacks.Import(tt.req, w.now, "me")
			wantError(t, err, tt.reason, tt.texts...)
			if change.Put != nil {
				t.Errorf("change is %+v", change)
			}
			wantSame(t, "catalog", dump(t, w.Catalog), before)
		})
	}
}

// A file without a flavor, an orchestrator or an artifact store, and one with an empty
// list, says enough.
func TestImportFillsIn(t *testing.T) {
	w := newWorld(t)
	s := w.importFile("", `
stack_name: n
components:
  container_registry: [{name: gh, configuration: {uri: ghcr.io/me}}]
  alerter: []
`)
	wantSame(t, "components", components(s), []string{
		"artifact_store=default", "container_registry=gh", "orchestrator=default",
	})
	if r, err := w.Registries.Resolve("gh", ByPrefix); err != nil || r.Flavor != "github" {
		t.Errorf("registry is %+v, %v", r, err)
	}
}

func TestExportOfNothing(t *testing.T) {
	_, err := newWorld(t).Stacks.Export("nope")
	wantError(t, err, credential.NoSuchEntity)
}
