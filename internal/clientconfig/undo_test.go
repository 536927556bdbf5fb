package clientconfig_test

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zen-agent/zen/internal/clientconfig"
)

func TestUndoAfterOthers(t *testing.T) {
	const before = "{\n\t\"auths\": {},\n\t\"credsStore\": \"desktop\"\n}"
	kept := func(member, value string) []clientconfig.Step {
		return []clientconfig.Step{{Member: member, Before: value, After: value, Kept: true}}
	}
	tests := []struct {
		name, edited, want string
		changed            bool
		steps              []clientconfig.Step
	}{
		{
			"docker wrote it anew", "{\n\t\"auths\": {\n\t\t\"ghcr.io\": {}\n\t},\n\t\"credsStore\": " +
				"\"zen\"\n}",
			"{\n\t\"auths\": {\n\t\t\"ghcr.io\": {}\n\t},\n\t\"credsStore\": \"desktop\"\n}",
			true,
			[]clientconfig.Step{{Member: "credsStore", Before: "zen", After: "desktop"}},
		},
		{
			"Docker Desktop took it back",
			`{"credsStore":"desktop"}`,
			`{"credsStore":"desktop"}`,
			false,
			kept("credsStore", "desktop"),
		},
		{
			"another helper was set",
			`{"credsStore":"pass"}`,
			`{"credsStore":"pass"}`,
			false,
			kept("credsStore", "pass"),
		},
		{
			"a profile was set",
			`{"credsStore":"zen-work"}`,
			`{"credsStore":"zen-work"}`,
			false,
			kept("credsStore", "zen-work"),
		},
		{"it was removed", `{"auths":{}}`, `{"auths":{}}`, false, []clientconfig.Step{}},
		{"the file was emptied", ``, ``, false, []clientconfig.Step{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t)
			m.config(before)
			m.apply(all())
			m.config(tt.edited)
			r := m.undo(all())
			if r.Changed != tt.changed || r.Exact || r.Unrecorded || r.Created {
				t.Errorf("%+v", r)
			}
			if diff := cmp.Diff(tt.steps, r.Steps); diff != "" {
				t.Errorf("steps (-want +got):\n%s", diff)
			}
			if got := m.read("home/.docker/config.json"); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if list, err := m.env.Recorded(); err != nil || len(list) > 0 {
				t.Errorf("remembered: %v, %v", list, err)
			}
		})
	}
}

// The last setup counts: it restores what it found, not what one before it had found.
func TestUndoRestoresWhatTheLastFound(t *testing.T) {
	m := newMachine(t)
	m.config(`{"credsStore":"pass"}`)
	m.apply(all())
	m.config(`{"credsStore":"desktop","x":1}`)
	m.apply(all())
	if r := m.undo(all()); !r.Exact ||
		m.read("home/.docker/config.json") != `{"credsStore":"desktop","x":1}` {
		t.Errorf("%+v: %s", r, m.read("home/.docker/config.json"))
	}
}

func TestUndoOfRemovedFile(t *testing.T) {
	m := newMachine(t)
	before := m.tree()
	m.apply(all())
	os.Remove(m.at("home/.docker/config.json"))
	if r := m.undo(all()); r.Changed || len(r.Steps) > 0 || r.Client != "docker" ||
		r.File != m.at("home/.docker/config.json") {
		t.Errorf("%+v", r)
	}
	os.RemoveAll(m.at("state"))
	if diff := cmp.Diff(before, m.tree()); diff != "" {
		t.Errorf("(-before +now):\n%s", diff)
	}
}

// Without a record, what names zen goes.
func TestUndoWithoutRecord(t *testing.T) {
	const text = `{"a":1,"credsStore":"zen","credHelpers":{"gcr.io":"gcloud","ghcr.io":"zen",` +
		`"quay.io":"zen-work"}}`
	tests := []struct {
		options clientconfig.Options
		want    string
	}{
		{all(), `{"a":1,"credHelpers":{"gcr.io":"gcloud"}}`},
		{
			hosts("ghcr.io"),
			`{"a":1,"credsStore":"zen","credHelpers":{"gcr.io":"gcloud","quay.io":"zen-work"}}`,
		},
		{hosts("gcr.io"), text},
	}
	for _, tt := range tests {
		m := newMachine(t)
		m.config(text)
		r := m.undo(tt.options)
		if !r.Unrecorded || r.Exact || r.Changed != (tt.want != text) ||
			m.read("home/.docker/config.json") != tt.want {
			t.Errorf("%+v: %s", r, m.read("home/.docker/config.json"))
		}
		if _, err := os.Stat(m.at("state")); err == nil {
			t.Error("something is remembered of it")
		}
	}
	m := newMachine(t)
	m.config(`{"credsStore":"pass"}`)
	before := m.tree()
	if r := m.undo(all()); r.Changed || len(r.Steps) > 0 || m.tree() != before {
		t.Errorf("%+v", r)
	}
}

// Another DOCKER_CONFIG is another file, and the one that was changed is named.
func TestUndoElsewhere(t *testing.T) {
	m := newMachine(t)
	m.config("{}")
	m.apply(all())
	m.vars["DOCKER_CONFIG"] = m.at("other")
	r := m.undo(all())
	file := m.at("home/.docker/config.json")
	if r.Changed || len(r.Elsewhere) != 1 || r.Elsewhere[0] != file {
		t.Errorf("%+v", r)
	}
	if _, err := os.Stat(m.at("other")); err == nil {
		t.Error("a directory was made")
	}
	list, err := m.env.Recorded()
	if diff := cmp.Diff([]clientconfig.Recorded{{Client: "docker", File: file, Path: file}},
		list); diff != "" ||
		err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if r := m.undo(clientconfig.Options{File: file}); !r.Exact || len(r.Elsewhere) > 0 ||
		m.read("home/.docker/config.json") != "{}" {
		t.Errorf("%+v", r)
	}
}

// A crash between the record and the file: undo passes over what was not done, and a new
// setup starts from what is there.
func TestUndoOfWhatWasNotDone(t *testing.T) {
	m := newMachine(t)
	m.config(`{"credsStore":"pass"}`)
	m.apply(all())
	record := m.read("state/setup/undo.json")
	m.config(`{"credsStore":"pass","x":1}`)
	m.write("state/setup/undo.json", record, 0o600)
	m.apply(hosts("ghcr.io"))
	m.apply(all())
	if r := m.undo(all()); !r.Exact || m.read("home/.docker/config.json") != `{"credsStore":"pass","x":1}` {
		t.Errorf("%+v: %s", r, m.read("home/.docker/config.json"))
	}
}

// Many setups at once: each is in the file and in the record.
func TestApplyConcurrently(t *testing.T) {
	m := newMachine(t)
	const before = "{\n\t\"auths\": {\n\t\t\"x\": {}\n\t}\n}"
	m.config(before)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if _, err := m.env.Apply(t.Context(), docker,
				hosts(fmt.Sprintf("r%d.example.com", i))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := strings.Count(m.read("home/.docker/config.json"), `example.com": "zen"`); got != 20 {
		t.Errorf("%d registries in %s", got, m.read("home/.docker/config.json"))
	}
	if r := m.undo(all()); !r.Exact || len(r.Steps) != 20 || m.read("home/.docker/config.json") != before {
		t.Errorf("%+v: %s", r, m.read("home/.docker/config.json"))
	}
}
