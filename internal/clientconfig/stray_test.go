package clientconfig_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/credential"
)

// recorded is the file number i that zen changed.
func (m *machine) recorded(i int) clientconfig.Recorded {
	m.t.Helper()
	list, err := m.env.Recorded()
	if err != nil || len(list) <= i {
		m.t.Fatalf("%v, %v", list, err)
	}
	return list[i]
}

// strays are written MEMBER=HELPER.
func (m *machine) strays(i int) (list []clientconfig.Stray, text string) {
	m.t.Helper()
	list, err := m.env.Strays(m.t.Context(), m.recorded(i))
	if err != nil {
		m.t.Fatal(err)
	}
	var all []string
	for _, s := range list {
		all = append(all, s.Member+"="+s.Helper)
	}
	return list, strings.Join(all, " ")
}

func (m *machine) repair(i int, strays []clientconfig.Stray) int {
	m.t.Helper()
	done, err := m.env.Repair(m.t.Context(), m.recorded(i), strays)
	if err != nil {
		m.t.Fatal(err)
	}
	return len(done)
}

// What other tools make of a file that zen setup changed, and what repair makes of that.
func TestStraysAndRepair(t *testing.T) {
	for name, tt := range map[string]struct {
		set           clientconfig.Options
		before        string
		now           string // "" removes it
		strays        string
		after, undone string
	}{
		"untouched": {
			all(), "{}", `{"auths": {}, "credsStore": "zen"}`, "",
			`{"auths": {}, "credsStore": "zen"}`, `{"auths": {}}`,
		},
		"a profile of zen": {
			all(), "{}", `{"credsStore": "zen-work"}`, "",
			`{"credsStore": "zen-work"}`, `{"credsStore": "zen-work"}`,
		},
		"dropped": {
			all(), `{"credsStore": "pass", "x": 1}`, "{\n  \"auths\": {\"a\": {}}\n}\n", "credsStore=",
			"{\n  \"auths\": {\"a\": {}},\n  \"credsStore\": \"zen\"\n}\n", "{\n  \"auths\": {\"a\": " +
				"{}},\n  \"credsStore\": \"pass\"\n}\n",
		},
		"taken over": {
			all(), "{}", `{"credsStore":"desktop","unknown":[1, 2]}`, "credsStore=desktop",
			`{"credsStore":"zen","unknown":[1, 2]}`, `{"unknown":[1, 2]}`,
		},
		"null":    {all(), "{}", `{"credsStore":null}`, "credsStore=", `{"credsStore":"zen"}`, "-"},
		"emptied": {all(), "{}", " \n", "credsStore=", "{\n\t\"credsStore\": \"zen\"\n}\n", "{}\n"},
		"removed": {all(), "{}", "", "credsStore=", "{\n\t\"credsStore\": \"zen\"\n}\n", "{}\n"},
		"one host of two": {
			hosts("ghcr.io", "quay.io"), "{}", `{"credHelpers": {"quay.io": "zen"}}`,
			`credHelpers["ghcr.io"]=`,
			`{"credHelpers": {"quay.io": "zen","ghcr.io": "zen"}}`, "{}",
		},
		"hosts are covered by credsStore": {
			hosts("ghcr.io", "quay.io"), "{}", `{"credsStore": "zen", "credHelpers": {"quay.io": ` +
				`"ecr"}}`, `credHelpers["quay.io"]=ecr`,
			`{"credsStore": "zen", "credHelpers": {"quay.io": "zen"}}`, `{"credsStore": "zen", ` +
				`"credHelpers": {}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			m.config(tt.before)
			m.apply(tt.set)
			if m.config(tt.now); tt.now == "" {
				os.Remove(m.at("home/.docker/config.json"))
			}
			list, text := m.strays(0)
			if text != tt.strays {
				t.Fatalf("strays: %s, want %s", text, tt.strays)
			}
			for _, s := range list {
				if s.Client != "docker" || s.File != m.at("home/.docker/config.json") ||
					(s.Registry == "") == (s.Member != "credsStore") {
					t.Errorf("%+v", s)
				}
			}
			if n := m.repair(0, list); n != len(list) {
				t.Errorf("repaired %d of %v", n, list)
			}
			if _, now := m.strays(0); now != "" {
				t.Errorf("still strayed: %s", now)
			}
			if tt.now != "" || tt.strays != "" {
				if got := m.read("home/.docker/config.json"); got != tt.after {
					t.Errorf("repaired: %s\nwant: %s", got, tt.after)
				}
			}
			m.undo(all())
			got := "-"
			if _, err := os.Stat(m.at("home/.docker/config.json")); err == nil {
				got = m.read("home/.docker/config.json")
			}
			if tt.undone != "-" && got != tt.undone {
				t.Errorf("undone: %q\nwant: %q", got, tt.undone)
			}
		})
	}
}

// Nothing is made for a directory that is gone, nor for a file that zen setup never
// touched or has let go.
func TestNoStrays(t *testing.T) {
	m := newMachine(t)
	m.config("{}")
	m.apply(all())
	file := m.recorded(0)
	m.config("{}")
	list, _ := m.strays(0)
	os.RemoveAll(m.at("home/.docker"))
	if _, text := m.strays(0); text != "" {
		t.Errorf("of a removed directory: %s", text)
	}
	if _, err := m.env.Repair(t.Context(), file, list); !credential.CannotWrite.Is(err) {
		t.Errorf("repair in a removed directory: %v", err)
	}
	if _, err := os.Stat(m.at("home/.docker")); err == nil {
		t.Error("the directory was made anew")
	}
	m.config("{}")
	m.undo(all())
	if list, err := m.env.Strays(t.Context(), file); len(list) > 0 || err != nil {
		t.Errorf("after undo: %v, %v", list, err)
	}
	if done, err := m.env.Repair(t.Context(), file, list); len(done) > 0 || err != nil ||
		m.read("home/.docker/config.json") != "{}" {
		t.Errorf("repaired after undo: %v, %v, %s", done, err, m.read("home/.docker/config.json"))
	}
}

// Repair leaves alone what is not as it was found any more.
func TestRepairLooksAgain(t *testing.T) {
	m := newMachine(t)
	m.config("{}")
	m.apply(hosts("ghcr.io", "quay.io"))
	m.config(`{"credHelpers": {"ghcr.io": "a", "quay.io": "b"}}`)
	list, _ := m.strays(0)
	m.config(`{"credHelpers": {"ghcr.io": "other", "quay.io": "b"}}`)
	if n := m.repair(0, list); n != 1 {
		t.Errorf("repaired %d", n)
	}
	if got := m.read("home/.docker/config.json"); got != `{"credHelpers": {"ghcr.io": "other", `+
		`"quay.io": "zen"}}` {
		t.Error(got)
	}
	m.config(`{"credHelpers": 3}`)
	if _, err := m.env.Repair(t.Context(), m.recorded(0), list); !credential.InvalidInput.Is(err) {
		t.Errorf("a broken file: %v", err)
	}
	if _, err := m.env.Strays(t.Context(), m.recorded(0)); !credential.InvalidInput.Is(err) {
		t.Errorf("a broken file: %v", err)
	}
}

// skopeo and podman put a file in the place of a link: docker reads that one from then
// on.
func TestStraysBehindAReplacedLink(t *testing.T) {
	m := newMachine(t)
	m.write("dotfiles/docker.json", "{}", 0o600)
	m.symlink("home/.docker/config.json", "../../dotfiles/docker.json")
	m.apply(all())
	want := clientconfig.Recorded{
		Client: "docker",
		File:   m.at("dotfiles/docker.json"),
		Path:   m.at("home/.docker/config.json"),
	}
	if diff := cmp.Diff(want, m.recorded(0)); diff != "" {
		t.Error(diff)
	}
	if _, text := m.strays(0); text != "" {
		t.Errorf("strays: %s", text)
	}
	m.config(`{"auths": {}}`) // replaces the link
	dotfile := m.read("dotfiles/docker.json")
	list, text := m.strays(0)
	if text != "credsStore=" || m.repair(0, list) != 1 {
		t.Errorf("strays: %s", text)
	}
	if got := m.read("home/.docker/config.json"); got != `{"auths": {},"credsStore": `+
		`"zen"}` || m.read("dotfiles/docker.json") != dotfile {
		t.Error(got)
	}
}

func TestStraysOfPodman(t *testing.T) {
	m := newMachine(t)
	m.applyTo("podman", all())
	const name = "home/.config/containers/registries.conf.d/99-zen.conf"
	text := m.read(name)
	if _, strays := m.strays(0); strays != "" {
		t.Errorf("strays: %s", strays)
	}
	os.Remove(m.at(name))
	list, strays := m.strays(0)
	if strays != "credential-helpers=" || m.repair(0, list) != 1 || m.read(name) != text {
		t.Errorf("removed: %s", strays)
	}
	m.write(name, `credential-helpers = ["pass", "zen"]`, 0o600)
	if list, strays = m.strays(0); strays != "credential-helpers=pass" {
		t.Errorf("changed: %s", strays)
	}
	if _, err := m.env.Repair(t.Context(), m.recorded(0), list); !credential.CannotWrite.Is(err) {
		t.Errorf("%v", err)
	}
}

// While zen itself is changing a file, nothing has strayed, whoever looks at what moment,
// and an Undo is final.
func TestZenIsNotFought(t *testing.T) {
	for _, client := range []string{"docker", "podman"} {
		t.Run(client, func(t *testing.T) {
			m := newMachine(t)
			m.config("{}")
			before := m.tree()
			stop := make(chan struct{})
			var seekers sync.WaitGroup
			for range 2 {
				seekers.Go(func() { seek(m, stop) })
			}
			for range 15 {
				for _, do := range []func(context.Context, string,
					clientconfig.Options) ([]*clientconfig.Report, error){m.env.Apply, m.env.Undo} {
					if _, err := do(t.Context(), client, all()); err != nil {
						t.Error(err)
					}
				}
				if t.Failed() {
					break
				}
			}
			close(stop)
			seekers.Wait()
			os.RemoveAll(m.at("state"))
			if diff := cmp.Diff(before, m.tree()); diff != "" {
				t.Errorf("after the last Undo (-want +got):\n%s", diff)
			}
		})
	}
}

// seek looks for strays until it is stopped, and reports that it found any.
func seek(m *machine, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		files, err := m.env.Recorded()
		for _, file := range files {
			strays, strayErr := m.env.Strays(m.t.Context(), file)
			if err = errors.Join(err, strayErr); err != nil || len(strays) > 0 {
				m.t.Errorf("strays %v, %v", strays, err)
				return
			}
		}
	}
}

// An Undo that was killed half-way leaves a file that nobody repairs, until zen is set up
// again.
func TestStraysAfterKilledUndo(t *testing.T) {
	for _, written := range []bool{false, true} { // the file, when Undo was killed
		m := newMachine(t)
		m.config("{}")
		m.apply(all())
		record := m.read("state/setup/undo.json")
		m.write("state/setup/undo.json", strings.Replace(record, `"client":`, `"ending": true, `+
			`"client":`, 1), 0o600)
		if written {
			m.config("{}")
		}
		m.apply(all())
		m.config("{}")
		list, text := m.strays(0)
		if text != "credsStore=" || m.repair(0, list) != 1 {
			t.Errorf("written %v: set up again, then: %q", written, text)
		}
		if r := m.undo(all()); r.Unrecorded || m.read("home/.docker/config.json") != "{}" {
			t.Errorf("written %v: undone: %s", written, m.read("home/.docker/config.json"))
		}
	}
	m := newMachine(t)
	m.config("{}")
	m.apply(all())
	file := m.recorded(0)
	m.config("{}")
	list, _ := m.strays(0)
	record := m.read("state/setup/undo.json")
	m.write("state/setup/undo.json", strings.Replace(record, `"client":`, `"ending": true, `+
		`"client":`, 1), 0o600)
	if _, text := m.strays(0); text != "" {
		t.Errorf("strays: %s", text)
	}
	if done, err := m.env.Repair(t.Context(), file, list); len(done) > 0 || err != nil {
		t.Errorf("repaired: %v, %v", done, err)
	}
}
