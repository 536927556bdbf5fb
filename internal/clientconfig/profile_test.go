package clientconfig_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/clientconfig/journal"
	"github.com/zen-agent/zen/internal/clientconfig/links"
	"github.com/zen-agent/zen/internal/credential"
)

func (m *machine) links() links.Links { return links.Links{Env: m.env} }

func profiled(profile string, list ...string) clientconfig.Options {
	return clientconfig.Options{Profile: profile, Hosts: list}
}

func (m *machine) link(profile string, dryRun bool) *journal.Link {
	m.t.Helper()
	l, err := m.links().Make(m.t.Context(), profile, dryRun)
	if err != nil {
		m.t.Fatalf("%v (%s)", err, hint(err))
	}
	return l
}

func (m *machine) unlink(dryRun bool, undone ...*clientconfig.Report) []journal.Link {
	m.t.Helper()
	list, err := m.links().RemoveUnused(m.t.Context(), undone, dryRun)
	if err != nil {
		m.t.Fatalf("%v (%s)", err, hint(err))
	}
	return list
}

// A profile's helper is named for everything or for single registries, in one file beside
// others, and all is taken back.
func TestProfileSetup(t *testing.T) {
	for _, tt := range shapes() {
		m := newMachine(t)
		m.config(tt.before)
		before := m.tree()
		m.link("work", false)
		m.apply(profiled("work"))
		if got, want := m.read("home/.docker/config.json"),
			strings.Replace(tt.after, `"zen"`, `"zen-work"`, 1); got != want {
			t.Errorf("%s: %q, want %q", tt.name, got, want)
		}
		m.apply(profiled("other", "ghcr.io"))
		m.apply(hosts("quay.io"))
		if r := m.apply(all()); r.Changed {
			t.Errorf("%s: zen in place of a profile: %+v", tt.name, r)
		}
		r := m.apply(profiled("third")) // in place of work
		if diff := cmp.Diff([]clientconfig.Step{{
			Member: "credsStore", Before: "zen-work",
			After: "zen-third",
		}}, r.Steps); diff != "" {
			t.Errorf("%s: (-want +got):\n%s", tt.name, diff)
		}
		var config struct {
			CredsStore  string
			CredHelpers map[string]string
		}
		text := strings.TrimPrefix(m.read("home/.docker/config.json"), "\ufeff")
		if err := json.Unmarshal([]byte(text), &config); err != nil || config.CredsStore != "zen-third" ||
			config.CredHelpers["ghcr.io"] != "zen-other" || config.CredHelpers["quay.io"] != "zen" {
			t.Errorf("%s: %+v, %v", tt.name, config, err)
		}
		if r := m.undo(profiled("other")); len(r.Steps) != 1 || r.Steps[0].Before != "zen-other" ||
			strings.Contains(m.read("home/.docker/config.json"), "other") {
			t.Errorf("%s: undone for one profile: %+v", tt.name, r)
		}
		if r := m.undo(profiled("nobody")); r != nil && r.Changed {
			t.Errorf("%s: %+v", tt.name, r)
		}
		if r := m.undo(all()); !r.Exact {
			t.Errorf("%s: %+v", tt.name, r)
		}
		m.unlink(false)
		os.RemoveAll(m.at("state"))
		if diff := cmp.Diff(before, m.tree()); diff != "" {
			t.Errorf("%s: (-before +after):\n%s", tt.name, diff)
		}
	}
}

func TestProfileSetupOfPodman(t *testing.T) {
	m := newMachine(t)
	before := m.tree()
	m.applyTo("podman", all())
	r := m.one(m.applyTo("podman", profiled("work")))
	if !r.Changed || r.Created || !strings.Contains(r.Diff, "-credential-helpers = "+
		"[\"zen\"]\n") || !strings.Contains(r.Diff, "+credential-helpers = [\"zen-work\"]\n") ||
		!strings.Contains(m.read(dropIn), "\ncredential-helpers = [\"zen-work\"]\n") {
		t.Errorf("%+v: %s", r, m.read(dropIn))
	}
	for _, o := range []clientconfig.Options{profiled("work"), all()} {
		if r := m.one(m.applyTo("podman", o)); r.Changed {
			t.Errorf("again: %+v", r)
		}
	}
	if list, err := m.env.Recorded(); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	} else if err := os.Remove(m.at(dropIn)); err != nil { // it comes back as it was
		t.Error(err)
	} else if strays, err := m.env.Strays(t.Context(), list[0]); err != nil || len(strays) != 1 {
		t.Errorf("%v, %v", strays, err)
	} else if _, err := m.env.Repair(t.Context(), list[0], strays); err != nil ||
		!strings.Contains(m.read(dropIn), `["zen-work"]`) {
		t.Errorf("%v: %s", err, m.read(dropIn))
	}
	if r := m.one(m.undoOf("podman", profiled("other"))); r.Changed {
		t.Errorf("another profile's: %+v", r)
	}
	if r := m.one(m.undoOf("podman", profiled("work"))); !r.Created || r.Steps[0].Before != "zen-work" {
		t.Errorf("undone: %+v", r)
	}
	os.RemoveAll(m.at("state"))
	if diff := cmp.Diff(before, m.tree()); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

// What a profile's member strayed to is mended to the profile again.
func TestProfileStrays(t *testing.T) {
	m := newMachine(t)
	m.apply(profiled("work"))
	m.config(`{"auths": {}}`)
	list, err := m.env.Recorded()
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	strays, err := m.env.Strays(t.Context(), list[0])
	if err != nil || len(strays) != 1 {
		t.Fatalf("%v, %v", strays, err)
	}
	if _, err := m.env.Repair(t.Context(), list[0], strays); err != nil ||
		m.read("home/.docker/config.json") != `{"auths": {},"credsStore": "zen-work"}` {
		t.Errorf("%v: %s", err, m.read("home/.docker/config.json"))
	}
	m.config(`{"auths": {}, "credsStore": "desktop"}`)
	if r := m.apply(all()); r.Steps[0].After != "zen-work" ||
		m.read("home/.docker/config.json") != `{"auths": {}, "credsStore": "zen-work"}` {
		t.Errorf("%+v: %s", r, m.read("home/.docker/config.json"))
	}
	m.applyTo("podman", profiled("work"))
	if err := os.Remove(m.at(dropIn)); err != nil {
		t.Fatal(err)
	}
	if r := m.one(m.applyTo("podman", all())); r.Steps[0].After != "zen-work" ||
		!strings.Contains(m.read(dropIn), `["zen-work"]`) {
		t.Errorf("%+v: %s", r, m.read(dropIn))
	}
}

func TestLink(t *testing.T) {
	m := newMachine(t)
	before := m.tree()
	want := &journal.Link{
		Profile: "work",
		Path:    m.at("bin/docker-credential-zen-work"),
		Target:  "docker-credential-zen",
	}
	if diff := cmp.Diff(want, m.link("work", true)); diff != "" || m.tree() != before {
		t.Errorf("a dry run (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, m.link("work", false)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if text, err := os.Readlink(want.Path); err != nil || text != want.Target {
		t.Errorf("%s, %v", text, err)
	}
	if l := m.link("work", false); l != nil {
		t.Errorf("again: %+v", l)
	}

	// it stays as long as a file names it, zen's own work or not
	m.write("home/.config/helm/registry/config.json", `{"credsStore": "zen-work"}`, 0o600)
	if list := m.unlink(false); len(list) != 0 {
		t.Errorf("removed %+v", list)
	}
	m.write("home/.config/helm/registry/config.json", `{`, 0o600)
	if list := m.unlink(false); len(list) != 0 {
		t.Errorf("removed %+v beside a file that cannot be read", list)
	}
	m.write("home/.config/helm/registry/config.json", `{}`, 0o600)
	m.write("home/.config/containers/registries.conf", `credential-helpers = ["zen-work"]`, 0o600)
	if list := m.unlink(false); len(list) != 0 {
		t.Errorf("removed %+v", list)
	}
	os.RemoveAll(m.at("home/.config"))
	m.apply(profiled("work"))
	undone := m.undo(dry(all()))
	if diff := cmp.Diff([]journal.Link{*want}, m.unlink(true, undone)); diff != "" ||
		m.link("work", true) != nil {
		t.Errorf("a dry run (-want +got):\n%s", diff)
	}
	if list := m.unlink(true); len(list) != 0 {
		t.Errorf("removes %+v", list)
	}
	m.undo(all())
	if diff := cmp.Diff([]journal.Link{*want}, m.unlink(false)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	os.RemoveAll(m.at("state"))
	os.RemoveAll(m.at("home/.docker"))
	if diff := cmp.Diff(before, m.tree()); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

// What somebody else made, or put in the place of a link, is left alone.
func TestLinkOfOthers(t *testing.T) {
	m := newMachine(t)
	m.link("work", false)
	path := m.at("bin/docker-credential-zen-work")
	os.Remove(path)
	m.program("bin/docker-credential-zen-work")
	if list := m.unlink(false); len(list) != 0 || m.read("bin/docker-credential-zen-work") == "" {
		t.Errorf("removed %+v", list)
	}
	if _, err := m.links().Make(t.Context(), "work", false); !credential.Exists.Is(err) ||
		hint(err) != "rm "+path {
		t.Errorf("%v (%s)", err, hint(err))
	}
	os.Remove(path)
	m.symlink("bin/docker-credential-zen-work", "nowhere")
	if _, err := m.links().Make(t.Context(), "work", false); !credential.Exists.Is(err) ||
		hint(err) != "rm "+path {
		t.Errorf("%v (%s)", err, hint(err))
	}
}

func TestLinkPlaces(t *testing.T) {
	m := newMachine(t)
	for _, profile := range []string{"-x", ".x", "a/b", "a b", "ü", "a\nb", strings.Repeat("x", 65)} {
		if _, err := m.links().Make(t.Context(), profile, false); !credential.InvalidInput.Is(err) ||
			hint(err) == "" {
			t.Errorf("%q: %v", profile, err)
		}
		if _, err := m.env.Apply(t.Context(), docker, profiled(profile)); !credential.InvalidInput.Is(err) {
			t.Errorf("%q: %v", profile, err)
		}
	}
	// a directory below the home, when the one of docker-credential-zen is not the user's
	// or not on PATH
	m.vars["PATH"] = m.at("usr") + ":" + m.at("home/open") + ":" + m.at("home/.local/bin")
	m.mkdir("usr", 0o755)
	m.mkdir("home/open", 0o777)
	m.mkdir("home/.local/bin", 0o755)
	path, zen := m.at("home/.local/bin/docker-credential-zen-work"), m.at("bin/docker-credential-zen")
	if diff := cmp.Diff(&journal.Link{Profile: "work", Path: path, Target: zen},
		m.link("work", false)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if found := m.env.FindHelper("zen-work"); found != path {
		t.Errorf("clients find %s", found)
	}
	os.Remove(path)
	m.vars["PATH"] = m.at("usr") + ":" + m.at("home/open")
	_, err := m.links().Make(t.Context(), "work", true)
	if !credential.CannotWrite.Is(err) || hint(err) != "sudo ln -s docker-credential-zen "+zen+"-work" {
		t.Errorf("%v (%s)", err, hint(err))
	}
	os.Remove(zen)
	_, err = m.links().Make(t.Context(), "work", true)
	if !credential.NoSuchEntity.Is(err) || hint(err) == "" {
		t.Errorf("%v (%s)", err, hint(err))
	}
}
