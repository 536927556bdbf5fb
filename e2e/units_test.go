//go:build e2e && linux

package e2e

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const unitsDir = "../packaging/systemd"

// A socket that a service manager holds: zend takes it, and whoever connects first does
// not notice that it was not there.
func TestSocketActivation(t *testing.T) {
	h := newHome(t)
	h.check(os.Mkdir(h.path("run/zen"), 0o700))
	socket := h.path("run/zen/zend.sock")
	args := []string{"--listen=" + socket}
	for _, entry := range h.environ() {
		args = append(args, "--setenv="+entry)
	}
	manager, err := startService(
		h.path("tmp"),
		"systemd-socket-activate",
		h.environ(),
		append(args, h.lookPath("zend"))...)
	h.check(err)
	t.Cleanup(manager.stop)
	h.check(manager.until("socket", func() bool { _, err := os.Lstat(socket); return err == nil }))
	h.check(os.Chmod(socket, 0o600)) // as SocketMode= does

	if running := h.zends(); len(running) != 1 { // the manager, which has the name on its command line
		t.Errorf("zend runs before anybody connected: %q", running)
	}
	h.storeSecret("known.example", "alice", "the-secret")
	s := h.status()
	if s.Activity != "socket activation" || s.Socket != socket || s.PID != manager.cmd.Process.Pid {
		t.Errorf("status: %+v", s)
	}
	if got := h.secretOf("known.example"); got != "the-secret" {
		t.Errorf("the secret is %q", got)
	}
	h.zenOK("daemon", "restart")
	again := h.status()
	if again.Activity != "socket activation" || again.PID != s.PID {
		t.Errorf("after a restart: %+v", again)
	}
	h.zenOK("daemon", "stop")
	select {
	case <-manager.done:
	case <-time.After(10 * time.Second):
		t.Error("zend does not end")
	}
	if _, err := os.Lstat(socket); err != nil {
		t.Errorf("zend removed the service manager's socket: %v", err)
	}
}

// installUnits puts the units and the programs where packaging/README.md says, below the
// home.
func (h *home) installUnits() (service, socket string) {
	h.t.Helper()
	for _, name := range []string{"zend.service", "zend.socket"} {
		content, err := os.ReadFile(filepath.Join(unitsDir, name))
		h.check(err)
		h.write(".config/systemd/user/"+name, string(content))
	}
	h.mkdirs(h.path(".local/bin"))
	for _, name := range []string{"zend", "zen", "docker-credential-zen"} {
		copyFile(h.t, filepath.Join(programs, name), h.path(".local/bin/"+name), 0o755)
	}
	h.env["PATH"] = h.path(".local/bin") + strings.TrimPrefix(h.env["PATH"], programs)
	return h.path(".config/systemd/user/zend.service"), h.path(".config/systemd/user/zend.socket")
}

func TestUnitsVerify(t *testing.T) {
	h := newHome(t)
	service, socket := h.installUnits()
	r := h.run("", "systemd-analyze", "verify", "--user", "--man=no", service, socket)
	if r.code != 0 || strings.TrimSpace(r.stdout+r.stderr) != "" {
		t.Errorf("systemd-analyze verify:\n%s", r)
	}
	// It does find fault; else the above would show nothing.
	unit := h.read(".config/systemd/user/zend.service")
	h.write(
		".config/systemd/user/zend.service",
		strings.Replace(unit, "RestrictRealtime=", "RestrictReality=", 1),
	)
	if r := h.run("", "systemd-analyze", "verify", "--user", "--man=no", service); !strings.Contains(
		r.stdout+r.stderr,
		"RestrictReality",
	) {
		t.Errorf("systemd-analyze verify finds no fault with a broken unit:\n%s", r)
	}
	// The measure of the sandbox: a change that opens it has to be made on purpose.
	if r := h.run("", "systemd-analyze", "security", "--user", "--offline=true", "--threshold=70",
		service); r.code != 0 {
		t.Errorf("the sandbox got weaker:\n%s", r)
	}
}

// managerScript runs a user's service manager of its own: in a mount namespace, where
// /run is empty and says that systemd is there, and in a control group of its own. It
// ends when its input does.
const managerScript = `
set -eu
uid=$1
shift
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/systemd/system "$XDG_RUNTIME_DIR"
chmod 700 "$XDG_RUNTIME_DIR"
chown $uid:$uid "$XDG_RUNTIME_DIR"
for group in "$@"; do
  chown -R $uid:$uid "$group"
  echo $$ > "$group/cgroup.procs"
done
setpriv --reuid=$uid --regid=$uid --clear-groups /lib/systemd/systemd --user &
manager=$!
cat > /dev/null
kill $manager
wait $manager || true
`

// controlGroups makes a control group in every hierarchy and removes them, with what
// systemd makes below, in the end.
func controlGroups(t *testing.T) (groups []string) {
	t.Helper()
	name := fmt.Sprintf("zen-e2e-%d", os.Getpid())
	roots, err := filepath.Glob("/sys/fs/cgroup/*/cgroup.procs") // each its own (v1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		roots = []string{"/sys/fs/cgroup/cgroup.procs"} // one for all (v2)
	}
	for _, procs := range roots {
		if strings.Contains(procs, "/cpuset/") {
			continue // takes no process before it is given processors; systemd does not use it for users
		}
		group := filepath.Join(filepath.Dir(procs), name)
		if err := os.Mkdir(group, 0o755); err != nil {
			t.Fatal(err)
		}
		groups = append(groups, group)
	}
	t.Cleanup(func() {
		for _, group := range groups {
			removeGroup(t, group)
		}
	})
	return groups
}

// removeGroup removes a control group and those below it. The kernel lets go of the last
// process a moment after its end.
func removeGroup(t *testing.T, group string) {
	t.Helper()
	entries, _ := os.ReadDir(group)
	for _, entry := range entries {
		if entry.IsDir() {
			removeGroup(t, filepath.Join(group, entry.Name()))
		}
	}
	err := os.Remove(group)
	for deadline := time.Now().Add(5 * time.Second); errors.Is(err, syscall.EBUSY) &&
		time.Now().Before(deadline); err = os.Remove(group) {
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil {
		t.Error(err)
	}
}

// manager is a running service manager of a user.
type manager struct {
	h       *home
	service *service
}

// startManager starts the home's service manager until the test ends.
func startManager(h *home) *manager {
	h.t.Helper()
	groups := controlGroups(h.t)
	h.env["XDG_RUNTIME_DIR"] = "/run/e2e" // in the manager's own /run
	log, err := os.Create(h.path("tmp/manager.log"))
	h.check(err)
	args := []string{"--mount", "--propagation=private", "sh", "-c", managerScript, "sh", strconv.Itoa(h.uid)}
	cmd := exec.Command("unshare", append(args, groups...)...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = append(
		h.environ(),
		"SYSTEMD_LOG_TARGET=console",
	), h.dir, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	input, err := cmd.StdinPipe()
	h.check(err)
	h.check(cmd.Start())
	m := &manager{h: h, service: &service{name: "systemd", cmd: cmd, log: log, done: make(chan struct{})}}
	go func() {
		cmd.Wait()
		close(m.service.done)
	}()
	h.t.Cleanup(func() {
		input.Close()
		select {
		case <-m.service.done:
		case <-time.After(20 * time.Second):
			h.t.Errorf("the service manager does not end:\n%s", m.service.tail())
		}
		m.service.stop()
	})
	h.check(m.service.until("being reachable", func() bool {
		r := m.run("", "systemctl", "--user", "is-system-running")
		return strings.Contains(r.stdout, "running") || strings.Contains(r.stdout, "degraded")
	}))
	return m
}

// run runs a program of the home where the manager's /run is.
func (m *manager) run(stdin, name string, args ...string) result {
	m.h.t.Helper()
	uid := strconv.Itoa(m.h.uid)
	enter := []string{
		fmt.Sprintf("--target=%d", m.service.cmd.Process.Pid),
		"--mount",
		"--setuid=" + uid,
		"--setgid=" + uid,
	}
	cmd := command(m.h.t, "nsenter", slices.Concat(enter, []string{"--", m.h.lookPath(name)}, args)...)
	cmd.Env, cmd.Dir = m.h.environ(), "/"
	return execute(m.h.t, cmd, stdin)
}

func (m *manager) ok(stdin, name string, args ...string) result {
	m.h.t.Helper()
	r := m.run(stdin, name, args...)
	if r.code != 0 {
		log := m.service.tail()
		m.h.t.Fatalf("failed:\n%s\n%s", r, log)
	}
	return r
}

// The units as they are installed, by a real service manager of a user: the sandbox lets
// zend do its whole work.
func TestUnitsWithARealServiceManager(t *testing.T) {
	r := basicRegistry(t)
	h := newHomeFor(t, nobody)
	h.installUnits()
	m := startManager(h)
	m.ok("", "systemctl", "--user", "enable", "--now", "zend.socket")
	mode := m.ok("", "stat", "-c", "%a %u", "/run/e2e/zen/zend.sock", "/run/e2e/zen").stdout
	if mode != "600 65534\n700 65534\n" {
		t.Errorf("socket and directory are %q", mode)
	}
	active := func() string {
		return strings.TrimSpace(m.run("", "systemctl", "--user", "is-active", "zend.service").stdout)
	}
	if state := active(); state != "inactive" {
		t.Errorf("zend.service is %s before anybody connected", state)
	}

	// The whole of it: the vault in ~/.local/share, its key in the kernel's keyring, a
	// registry over TCP.
	m.ok("", "zen", "selftest")
	m.ok(
		r.password,
		"zen",
		"service-connector",
		"register",
		"reg",
		"--type",
		"docker",
		"--username="+r.username,
		"--password-stdin",
		"--registry="+r.host,
	)
	m.ok("", "zen", "login", "reg")
	served := func(when string) {
		t.Helper()
		if got := m.ok(r.host, "docker-credential-zen", "get"); !strings.Contains(got.stdout, r.password) {
			t.Errorf("%s:\n%s", when, got)
		}
	}
	served("at first")
	status := m.ok("", "zen", "status", "-o", "json").stdout
	if !strings.Contains(status, `"socket activation"`) ||
		kernelKeyring() && !strings.Contains(status, `"session"`) {
		t.Errorf("status:\n%s", status)
	}
	if state := active(); state != "active" {
		t.Errorf("zend.service is %s", state)
	}

	m.ok("", "zen", "daemon", "restart")
	served("after zen daemon restart")
	m.ok("", "systemctl", "--user", "restart", "zend.service")
	served("after systemctl restart: the session vault's key outlives the service")
	m.ok("", "systemctl", "--user", "kill", "--signal=SIGKILL", "zend.service")
	served("after a kill")
	m.ok("", "zen", "daemon", "stop")
	served("after zen daemon stop: the socket starts zend again")
	h.holdsNo(r.password)

	m.ok("", "systemctl", "--user", "disable", "--now", "zend.socket", "zend.service")
	if state := active(); state != "inactive" {
		t.Errorf("zend.service is %s in the end", state)
	}
	m.run("", "zen", "daemon", "stop") // its runtime directory is in the manager's /run
}

// With a message bus and a keyring in the session, the sandbox lets zend's guarded child
// reach them.
func TestUnitsReachTheSessionsKeyring(t *testing.T) {
	h, bus := keyringHome(t)
	h.installUnits()
	m := startManager(h)
	m.ok("", "systemctl", "--user", "set-environment", "DBUS_SESSION_BUS_ADDRESS="+bus.Address)
	m.ok("", "systemctl", "--user", "start", "zend.socket")
	m.ok(
		`{"ServerURL":"known.example","Username":"alice","Secret":"the-secret"}`,
		"docker-credential-zen",
		"store",
	)
	if status := m.ok("", "zen", "status", "-o", "json").stdout; !strings.Contains(status, `"os-keyring"`) {
		t.Errorf("in the sandbox zend does not find the keyring:\n%s", status)
	}
	m.ok("", "systemctl", "--user", "restart", "zend.service")
	if r := m.ok("known.example", "docker-credential-zen", "get"); !strings.Contains(r.stdout, "the-secret") {
		t.Errorf("get:\n%s", r)
	}
	m.ok("", "systemctl", "--user", "stop", "zend.socket", "zend.service")
}

// The launch agent cannot be tried here; it is well-formed and runs the program that is
// installed.
func TestLaunchAgentIsWellFormed(t *testing.T) {
	files, err := filepath.Glob("../packaging/launchd/*.plist")
	if err != nil || len(files) != 1 {
		t.Fatalf("launch agents: %q, %v", files, err)
	}
	content, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	decoder := xml.NewDecoder(strings.NewReader(string(content)))
	var texts []string
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if text, ok := token.(xml.CharData); ok && strings.TrimSpace(string(text)) != "" {
			texts = append(texts, strings.TrimSpace(string(text)))
		}
	}
	all := strings.Join(texts, "\n")
	label := "Label\n" + strings.TrimSuffix(filepath.Base(files[0]), ".plist")
	for _, want := range []string{label, "ProgramArguments", `exec "$HOME/.local/bin/zend"`, "RunAtLoad"} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in:\n%s", want, all)
		}
	}
}
