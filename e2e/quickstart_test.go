//go:build e2e && linux

package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// quickstartTimeout bounds one `make quickstart` with an empty build cache on a loaded
// machine.
const quickstartTimeout = 8 * time.Minute

// source copies what a clone of the project has into the home, together with the modules
// it needs: an ordinary user has neither this user's module cache nor, in this test, a
// network.
func (h *home) source() string {
	h.t.Helper()
	src := h.path("src")
	h.check(os.Mkdir(src, 0o700))
	files := execute(
		h.t,
		exec.Command("git", "-C", "..", "ls-files", "-z", "--cached", "--others", "--exclude-standard"),
		"",
	)
	if files.code != 0 {
		h.t.Fatal(files)
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(files.stdout, "\x00"), "\x00") {
		if _, err := os.Stat(filepath.Join("..", name)); err != nil {
			continue // deleted, not committed
		}
		h.check(os.MkdirAll(filepath.Dir(filepath.Join(src, name)), 0o700))
		h.copyWithMode(filepath.Join("..", name), filepath.Join(src, name))
	}
	vendor := exec.Command("go", "mod", "vendor")
	vendor.Dir = src
	if out, err := vendor.CombinedOutput(); err != nil {
		h.t.Fatalf("go mod vendor: %v\n%s", err, out)
	}
	if r := execute(h.t, exec.Command("chown", "-R", "-h", "--reference="+h.dir, src), ""); r.code != 0 {
		h.t.Fatal(r)
	}
	return src
}

func (h *home) copyWithMode(from, to string) {
	h.t.Helper()
	info, err := os.Stat(from)
	h.check(err)
	copyFile(h.t, from, to, info.Mode().Perm())
}

// quickstart runs make quickstart in a session without a terminal and without a D-Bus
// address.
func (h *home) quickstart(src, prefix string) result {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), quickstartTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "make", "quickstart", "PREFIX="+prefix)
	cmd.Dir, cmd.Env = src, h.environ()
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setsid:     true, // no terminal to open, either
		Credential: &syscall.Credential{Uid: uint32(h.uid), Gid: uint32(h.uid)},
	}
	r := execute(h.t, cmd, "")
	if r.code != 0 {
		h.t.Fatalf("failed:\n%s", r)
	}
	return r
}

// One command on a fresh machine: it builds, installs, starts zend, proves the main job
// and says what to type next.
func TestQuickstart(t *testing.T) {
	for _, user := range []struct {
		name   string
		uid    int
		prefix string
	}{
		{"root", 0, ".local"},
		{"ordinary user", nobody, "my programs"}, // with a space
	} {
		t.Run(user.name, func(t *testing.T) {
			h := newHomeFor(t, user.uid)
			src := h.source()
			prefix := h.path(user.prefix)
			h.env["PATH"] = goEnv(t, "GOROOT") + "/bin:/usr/local/bin:/usr/bin:/bin"
			if user.uid == 0 {
				h.env["GOCACHE"] = goEnv(t, "GOCACHE") // saves a minute; the other user builds everything
			}
			h.env["GOFLAGS"] = "-mod=vendor"
			h.env["GOPROXY"] = "off"
			h.env["GOTOOLCHAIN"] = "local"
			const config = "{\n  \"auths\": {\"registry.example\": {}}\n}\n"
			docker := h.write(".docker/config.json", config)
			before, err := os.Stat(docker)
			h.check(err)

			first := h.quickstart(src, prefix)
			h.quickstartSays(first, prefix)
			h.env["PATH"] = prefix + "/bin:" + h.env["PATH"]
			h.storeSecret("known.example", "alice", "the-secret")

			second := h.quickstart(src, prefix)
			h.quickstartSays(second, prefix)
			if got := h.secretOf("known.example"); got != "the-secret" {
				t.Errorf("running quickstart again lost a credential: the secret is %q", got)
			}
			if running := h.zends(); len(running) != 1 {
				t.Errorf("zends after quickstart: %q", running)
			}
			after, err := os.Stat(docker)
			h.check(err)
			if h.read(".docker/config.json") != config || !after.ModTime().Equal(before.ModTime()) {
				t.Error("quickstart touched docker's configuration")
			}
			if s := h.status(); s.Counts.Connectors != 0 {
				t.Errorf("the self-test left %d service connectors behind", s.Counts.Connectors)
			}
			left, err := os.ReadDir(h.path("tmp"))
			h.check(err)
			for _, entry := range left {
				if strings.HasPrefix(entry.Name(), "zen") {
					t.Errorf("quickstart left %s behind", entry.Name())
				}
			}
			h.zenOK("daemon", "stop")
			uninstall := h.command("make", "-C", src, "uninstall", "PREFIX="+prefix)
			if r := execute(t, uninstall, ""); r.code != 0 || isExecutable(prefix+"/bin/zend") {
				t.Errorf("make uninstall:\n%s", r)
			}
		})
	}
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	r := execute(t, exec.Command("go", "env", name), "")
	if r.code != 0 {
		t.Fatal(r)
	}
	return strings.TrimSpace(r.stdout)
}

// quickstartSays checks what a person is told, and that the programs are there.
func (h *home) quickstartSays(r result, prefix string) {
	h.t.Helper()
	for _, name := range []string{"zend", "zen", "docker-credential-zen"} {
		if !isExecutable(filepath.Join(prefix, "bin", name)) {
			h.t.Errorf("%s is not installed in %s", name, prefix)
		}
	}
	for _, text := range []string{"A push through docker-credential-zen works", "The password is in no " +
		"file", "zen setup docker"} {
		if !strings.Contains(r.stdout+r.stderr, text) {
			h.t.Errorf("quickstart does not say %q:\n%s", text, r)
		}
	}
	slot := "memory"
	if kernelKeyring() {
		slot = "session"
	}
	if !strings.Contains(strings.ToLower(r.stdout), slot) {
		h.t.Errorf("quickstart does not say that the key is in slot %q:\n%s", slot, r)
	}
}
