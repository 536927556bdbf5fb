//go:build e2e && linux

package e2e

import (
	"strings"
	"testing"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/selftest/leak"
)

// filesWith lists the files of the home that hold a password, in plain text or in base64,
// alone or as user:password.
func (h *home) filesWith(password string) []string {
	h.t.Helper()
	found, err := leak.Files(
		h.t.Context(),
		[]string{h.dir},
		leak.NeedlesOf(credential.SecretString(password)),
	)
	h.check(err)
	return found.Leaks
}

// watch looks at the command lines and environments of all processes until the test ends.
func (h *home) watch(password string) *leak.Watcher {
	w := leak.Watch(leak.NeedlesOf(credential.SecretString(password)))
	h.t.Cleanup(w.Stop)
	return w
}

// While somebody registers, logs in, pushes and logs out, the password is in no file of
// the home (that includes the XDG directories and logs) and in nobody's command line or
// environment.
func TestPasswordIsNowhereDuringALogin(t *testing.T) {
	for _, r := range registries(t) {
		t.Run(r.kind, func(t *testing.T) {
			h := engineHome(t)
			h.write(".config/zen/config.toml", "log_level = \"debug\"\n")
			h.zenOK("daemon", "restart")
			w := h.watch(r.password)
			docker := dockers(t)[0]
			image := r.image("team/app:1")
			h.tagged(docker, image)
			steps := []func(){
				func() { h.register("reg", r) },
				func() { h.zenOK("login", "reg") },
				func() { h.ok("", docker, "push", image) },
				func() { h.ok("", "docker-credential-zen", "list") },
				func() { h.zenOK("status"); h.zenOK("service-connector", "describe", "reg") },
				func() { h.zenOK("vault", "rotate") },
				func() { h.zenOK("daemon", "restart") },
				func() { h.pulls(docker, image) },
				func() { h.zenOK("logout", "reg") },
				func() { h.ok(r.password, docker, "login", "-u", r.username, "--password-stdin", r.host) },
				func() { h.ok("", docker, "push", image) },
				func() { h.ok("", docker, "logout", r.host) },
				func() { h.zenOK("service-connector", "delete", "reg") },
			}
			for _, step := range steps {
				step()
				h.holdsNo(r.password)
			}
			seen := w.Look()
			for _, leak := range seen.Leaks {
				t.Errorf("the password was in %s", leak)
			}
			if seen.Processes < 10 {
				t.Errorf("only %d processes were looked at", seen.Processes)
			}
			if log := h.read(".local/state/zen/zend.log"); !strings.Contains(log, "Serving") {
				t.Errorf("zend's log, which was searched, is not where it should be:\n%s", log)
			}
		})
	}
}

// The search finds what it looks for; else the test above would show nothing.
func TestLeaksAreFound(t *testing.T) {
	h := newHome(t)
	secret := randomPassword()
	w := h.watch(secret)
	h.write(".local/share/zen/notes", "user:"+secret)
	if found := h.filesWith(secret); len(found) != 1 {
		t.Errorf("found %q", found)
	}
	h.ok("", "sh", "-c", "sleep 0.3; : "+secret)
	h.env["PASSWORD"] = secret
	h.ok("", "sleep", "0.3")
	delete(h.env, "PASSWORD")
	leaks := strings.Join(w.Look().Leaks, " ")
	if !strings.Contains(leaks, "cmdline") || !strings.Contains(leaks, "environ") {
		t.Errorf("found %s", leaks)
	}
}
