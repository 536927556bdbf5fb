//go:build e2e && linux

package e2e

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/api"
)

// nobody is an ordinary user.
const nobody = 65534

// home is the world of one user: directories, environment and, once something needs it, a
// zend.
type home struct {
	t   *testing.T
	dir string
	uid int
	env map[string]string
}

// newHome makes a home for root without a D-Bus session. Its zend is ended with the test,
// which fails if it cannot be.
func newHome(t *testing.T) *home { return newHomeFor(t, 0) }

func newHomeFor(t *testing.T, uid int) *home {
	t.Helper()
	dir, err := os.MkdirTemp(shared.dir, "h")
	if err != nil {
		t.Fatal(err)
	}
	h := &home{t: t, dir: dir, uid: uid}
	for _, sub := range []string{"run", ".docker", "tmp"} {
		h.check(os.Mkdir(h.path(sub), 0o700))
		h.check(os.Chown(h.path(sub), uid, uid))
	}
	h.check(os.Chown(dir, uid, uid))
	h.env = map[string]string{
		"HOME": dir, "XDG_RUNTIME_DIR": h.path("run"), "TMPDIR": h.path("tmp"),
		"DOCKER_CONFIG": h.path(".docker"),
		"PATH":          programs + ":/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LANG": "C.UTF-8",
		"NO_COLOR": "1",
	}
	t.Cleanup(h.leave)
	return h
}

// leave ends the home's zend and checks that nothing runs on.
func (h *home) leave() {
	if h.find("zen") != "" { // not so when the rig is tried alone, and after make uninstall
		h.zen("daemon", "stop")
	}
	left := processesOf(h.dir)
	for deadline := time.Now().Add(5 * time.Second); len(left) > 0 &&
		time.Now().Before(deadline); left = processesOf(h.dir) {
		time.Sleep(20 * time.Millisecond)
	}
	for _, line := range left {
		h.t.Errorf("left running: %s", line)
		pid, _, _ := strings.Cut(line, " ")
		if n, err := strconv.Atoi(pid); err == nil {
			syscall.Kill(n, syscall.SIGKILL)
		}
	}
	h.forgetKeys()
	if h.t.Failed() {
		if log, err := os.ReadFile(h.path(".local/state/zen/zend.log")); err == nil {
			h.t.Logf("zend.log:\n%s", log)
		}
	}
	h.check(os.RemoveAll(h.dir))
}

// forgetKeys takes the keys of the home's vaults out of the kernel's keyring, which would
// keep them until the next boot.
func (h *home) forgetKeys() {
	files, _ := filepath.Glob(h.path(".local/share/zen/vault.json*"))
	for _, file := range files {
		content, _ := os.ReadFile(file)
		if _, rest, ok := strings.Cut(string(content), `"vault":"`); ok {
			id, _, _ := strings.Cut(rest, `"`)
			execute(h.t, impostorCommand(h.t, h.uid, "forget", id), "")
		}
	}
}

func (h *home) path(below string) string { return filepath.Join(h.dir, below) }

func (h *home) check(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *home) write(name, content string) string {
	h.t.Helper()
	path := h.path(name)
	h.mkdirs(filepath.Dir(path))
	h.check(os.WriteFile(path, []byte(content), 0o600))
	h.check(os.Chown(path, h.uid, h.uid))
	return path
}

// mkdirs makes a directory of the home, and those above it, the user's own.
func (h *home) mkdirs(path string) {
	h.t.Helper()
	if _, err := os.Stat(path); err == nil {
		return
	}
	h.mkdirs(filepath.Dir(path))
	h.check(os.Mkdir(path, 0o700))
	h.check(os.Chown(path, h.uid, h.uid))
}

func (h *home) read(name string) string {
	h.t.Helper()
	content, err := os.ReadFile(h.path(name))
	h.check(err)
	return string(content)
}

// environ is the home's environment; nothing of the test's own gets in.
func (h *home) environ() []string {
	var list []string
	for k, v := range h.env {
		list = append(list, k+"="+v)
	}
	slices.Sort(list)
	return list
}

func (h *home) lookPath(name string) string {
	h.t.Helper()
	if strings.Contains(name, "/") {
		return name
	}
	path := h.find(name)
	if path == "" {
		h.t.Fatalf("there is no %s on %s", name, h.env["PATH"])
	}
	return path
}

// find looks for a program on the home's PATH; "" is none.
func (h *home) find(name string) string {
	for _, dir := range filepath.SplitList(h.env["PATH"]) {
		if path := filepath.Join(dir, name); isExecutable(path) {
			return path
		}
	}
	return ""
}

func isExecutable(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && !fi.IsDir() && fi.Mode()&0o111 != 0
}

func (h *home) command(name string, args ...string) *exec.Cmd {
	h.t.Helper()
	cmd := command(h.t, h.lookPath(name), args...)
	cmd.Args[0] = name
	cmd.Env, cmd.Dir = h.environ(), h.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: uint32(h.uid), Gid: uint32(h.uid)},
	}
	return cmd
}

// run runs a program in the home.
func (h *home) run(stdin, name string, args ...string) result {
	h.t.Helper()
	return execute(h.t, h.command(name, args...), stdin)
}

// ok runs a program that has to succeed.
func (h *home) ok(stdin, name string, args ...string) result {
	h.t.Helper()
	r := h.run(stdin, name, args...)
	if r.code != 0 {
		h.t.Fatalf("failed:\n%s", r)
	}
	return r
}

// fails runs a program that has to fail with one of the texts in its output.
func (h *home) fails(texts []string, stdin, name string, args ...string) result {
	h.t.Helper()
	r := h.run(stdin, name, args...)
	output := strings.ToLower(r.stdout + r.stderr)
	if r.code == 0 ||
		!slices.ContainsFunc(
			texts,
			func(s string) bool { return strings.Contains(output, strings.ToLower(s)) },
		) {
		h.t.Fatalf("want a failure with one of %q:\n%s", texts, r)
	}
	return r
}

func (h *home) zen(args ...string) result   { h.t.Helper(); return h.run("", "zen", args...) }
func (h *home) zenOK(args ...string) result { h.t.Helper(); return h.ok("", "zen", args...) }
func (h *home) helper(action, in string) result {
	h.t.Helper()
	return h.run(in, "docker-credential-zen", action)
}

// status is what zend says of itself.
func (h *home) status() api.Status {
	h.t.Helper()
	var s api.Status
	r := h.zenOK("status", "-o", "json")
	if err := json.Unmarshal([]byte(r.stdout), &s); err != nil {
		h.t.Fatalf("%v:\n%s", err, r)
	}
	return s
}

// slot is the kind of the first key slot of the vault.
func (h *home) slot() string {
	h.t.Helper()
	s := h.status()
	if len(s.Vault.Slots) == 0 {
		h.t.Fatalf("the vault has no key slot: %+v", s.Vault)
	}
	return s.Vault.Slots[0].Kind
}

// register makes a docker service connector; the password goes through standard input.
func (h *home) register(name string, r *registry) result {
	h.t.Helper()
	return h.ok(r.password, "zen", "service-connector", "register", name, "--type", "docker",
		"--username="+r.username, "--password-stdin", "--registry="+r.host)
}

// zends lists the home's daemons, without the children that speak to the keyring and to
// registries.
func (h *home) zends() []string {
	var list []string
	for _, line := range processesOf(h.dir) {
		if _, cmdline, _ := strings.Cut(line, " "); strings.Contains(cmdline, "zend") &&
			!strings.Contains(cmdline, " __") {
			list = append(list, line)
		}
	}
	return list
}

func (h *home) pid() int {
	h.t.Helper()
	return h.status().PID
}

// randomPassword has letters and digits only, so that it looks the same in every encoding
// but base64.
func randomPassword() string {
	b := make([]byte, 20)
	rand.Read(b)
	return strings.ToLower(base32.StdEncoding.EncodeToString(b))
}
