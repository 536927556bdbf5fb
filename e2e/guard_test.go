//go:build e2e && linux

package e2e

import (
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/api"
)

// dockerSettings are what a person has set in docker's file, beside credsStore.
const dockerSettings = `{
	"psFormat": "table",
	"unknown": {"z": 1.50},
	"credHelpers": {"gcr.io": "gcloud"},
	"auths": {"old.example": {}}
}
`

// guardedHome is a home whose docker asks zen, and whose zend guards. What zen status
// --watch says is in watch.txt.
func guardedHome(t *testing.T, mode string) *home {
	h := newHome(t)
	h.write(".docker/config.json", dockerSettings)
	h.zenOK("setup", "docker")
	h.write(".config/zen/config.toml", "guard = \""+mode+"\"\n")
	if s := h.status(); s.Guard != mode {
		t.Fatalf("guard is %q", s.Guard)
	}
	said, err := os.Create(h.path("watch.txt"))
	h.check(err)
	watch := h.command("zen", "status", "--watch")
	watch.Stdout = said
	h.check(watch.Start())
	t.Cleanup(func() {
		_ = watch.Process.Signal(syscall.SIGINT)
		_ = watch.Wait() // it was interrupted
		said.Close()
	})
	return h
}

// watched waits until zen status --watch says something.
func (h *home) watched(text string) {
	h.t.Helper()
	h.eventually(
		"zen status --watch: "+text,
		func() bool { return strings.Contains(h.read("watch.txt"), text) },
	)
}

func (h *home) jsonFile(name string) (doc map[string]any) {
	h.t.Helper()
	h.check(json.Unmarshal([]byte(h.read(name)), &doc))
	return doc
}

// eventually waits for something that nobody announces.
func (h *home) eventually(what string, ok func() bool) {
	h.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			h.t.Fatalf("not in 20 s: %s; zend's notices: %+v", what, h.status().Notices)
		}
	}
}

// notice waits until zend tells of something that begins like this, and returns it.
func (h *home) notice(text string) (found api.Notice) {
	h.t.Helper()
	h.eventually("notice: "+text, func() bool {
		list := h.status().Notices
		i := slices.IndexFunc(list, func(n api.Notice) bool { return strings.HasPrefix(n.Text, text) })
		if i >= 0 {
			found = list[i]
		}
		return i >= 0
	})
	return found
}

func (h *home) skopeoLogin(r *registry) {
	h.t.Helper()
	h.ok(r.password, "skopeo", "login", "--tls-verify=false", "-u", r.username, "--password-stdin", r.host)
}

// leftBySkopeo is what skopeo's login makes of docker's file when nobody watches it.
func (h *home) leftBySkopeo(r *registry) map[string]any {
	h.t.Helper()
	real := h.env["DOCKER_CONFIG"]
	h.write("control/config.json", h.read(".docker/config.json"))
	h.env["DOCKER_CONFIG"] = h.path("control")
	defer func() { h.env["DOCKER_CONFIG"] = real }()
	h.skopeoLogin(r)
	left := h.jsonFile("control/config.json")
	h.check(os.RemoveAll(h.path("control")))
	if _, ok := left["credsStore"]; ok ||
		left["auths"].(map[string]any)[r.host].(map[string]any)["auth"] == nil {
		h.t.Fatalf("the rig is wrong: skopeo leaves %v", left)
	}
	return left
}

// skopeo login with DOCKER_CONFIG set writes docker's file anew: the password in,
// credsStore and what skopeo does not know out. zend reports it.
func TestGuardReportsWhatSkopeoDoes(t *testing.T) {
	r := basicRegistry(t)
	h := guardedHome(t, "report")
	left := h.leftBySkopeo(r)
	h.skopeoLogin(r)
	file := h.path(".docker/config.json")
	inClear := h.notice(file + " stores credentials in plain text: " + r.host)
	stray := h.notice(file + " does not name zen any more: credsStore is gone")
	if inClear.Hint != "zen import" || stray.Hint != "zen setup docker" || inClear.Done || stray.Done {
		t.Errorf("%+v\n%+v", inClear, stray)
	}
	if got := h.jsonFile(".docker/config.json"); !reflect.DeepEqual(got, left) {
		t.Errorf("zend changed what skopeo left:\n%v\n%v", got, left)
	}
	status := h.zenOK("status")
	for _, n := range []api.Notice{inClear, stray} {
		if want := "Warning: " + n.Text + "\nHint: " + n.Hint; !strings.Contains(status.stderr, want) {
			t.Errorf("zen status does not say %q:\n%s", want, status)
		}
		h.watched("notice: " + n.Text + ": " + n.Hint)
	}
	log := h.read(".local/state/zen/zend.log")
	if !strings.Contains(log, inClear.Text) || strings.Contains(log, r.password) {
		t.Errorf("zend's log:\n%s", log)
	}

	h.zenOK("import", "--yes") // as it says
	h.eventually("nothing is wrong any more", func() bool { return len(h.status().Notices) == 0 })
	h.holdsNo(r.password)
}

// With guard = "import" the password is in the vault afterwards, docker's file names zen
// again, and else is as skopeo left it: for one login, for another one, and with a new
// password.
func TestGuardImportsWhatSkopeoDoes(t *testing.T) {
	for _, r := range []*registry{basicRegistry(t), tokenRegistry(t, false)} {
		t.Run(r.kind, func(t *testing.T) {
			h := guardedHome(t, "import")
			other := basicRegistry(t)
			left := h.leftBySkopeo(r)
			h.skopeoLogin(r)
			want := maps.Clone(left)
			want["credsStore"] = "zen"
			want["auths"].(map[string]any)[r.host] = map[string]any{}
			h.eventually(
				"docker's file names zen",
				func() bool { return reflect.DeepEqual(h.jsonFile(".docker/config.json"), want) },
			)
			if got := h.secretOf(r.host); got != r.password {
				t.Error("zen answers with another secret")
			}
			h.holdsNo(r.password)
			file := h.path(".docker/config.json")
			for _, text := range []string{file + " names zen again: credsStore was gone", "the login " +
				"for " + r.host + " was in plain text in " + file} {
				n := h.notice(text)
				if !n.Done {
					t.Errorf("%+v", n)
				}
				h.watched("notice: " + text)
				if s := h.zenOK("status"); !strings.Contains(s.stderr, "Done: "+text) {
					t.Errorf("zen status does not say it:\n%s", s)
				}
			}

			h.skopeoLogin(other)
			want["auths"].(map[string]any)[other.host] = map[string]any{}
			h.eventually(
				"another login",
				func() bool { return reflect.DeepEqual(h.jsonFile(".docker/config.json"), want) },
			)
			h.holdsNo(other.password)

			// What podman's family has to be told is told for as long as it is true.
			const podmanToo = "is read by podman, skopeo and buildah too, which do not ask zen yet for " +
				"what left it: "
			if n := h.notice(file + " " + podmanToo); n.Hint != "zen setup podman" || n.Done {
				t.Errorf("%+v", n)
			}
			h.zenOK("setup", "podman")
			if s := h.zenOK("status"); strings.Contains(s.stderr, podmanToo) {
				t.Errorf("podman was set up:\n%s", s)
			}
			h.zenOK("setup", "--undo", "podman")
			if s := h.zenOK("status"); !strings.Contains(s.stderr, podmanToo) {
				t.Errorf("podman was set up, and that was undone:\n%s", s)
			}
			h.zenOK("setup", "podman")
			for _, to := range []*registry{r, other} { // skopeo too gets what it needs from zen
				h.ok(
					"",
					"skopeo",
					"--insecure-policy",
					"copy",
					"--dest-tls-verify=false",
					"docker-archive:"+h.archive(),
					"docker://"+to.image("guard/app:1"),
				)
			}
			if n := len(h.status().Notices); n != 4 {
				t.Errorf("%d notices: %+v", n, h.status().Notices)
			}
		})
	}
}

// Who takes the same password out of zen's care again is not fought: skopeo login with
// the same password stays in plain text, and that is told, until a person decides.
func TestGuardFightsOnce(t *testing.T) {
	r := basicRegistry(t)
	h := guardedHome(t, "import")
	h.skopeoLogin(r)
	file := h.path(".docker/config.json")
	h.notice("the login for " + r.host + " was in plain text in " + file)
	h.skopeoLogin(r)
	h.notice(file + " does not name zen any more: credsStore is gone; zen already fixed this once, and " +
		"it was changed back")
	h.notice(file + " stores credentials in plain text: " + r.host)
	text := h.read(".docker/config.json")
	h.killZend()
	h.notice(file + " stores credentials in plain text: " + r.host)
	if now := h.read(".docker/config.json"); now != text || strings.Contains(now, "credsStore") {
		t.Errorf("zend goes on: %s", now)
	}
	h.zenOK("import", "--yes")
	h.eventually("a person put it in order", func() bool { return len(h.status().Notices) == 0 })
	h.holdsNo(r.password)
	h.skopeoLogin(r)
	h.notice("the login for " + r.host + " was in plain text in " + file)
	h.eventually("the password is gone", func() bool { return len(h.filesWith(r.password)) == 0 })
}
