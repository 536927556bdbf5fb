package daemon

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/ipc"
	"github.com/zen-agent/zen/internal/paths"
)

func TestForeground(t *testing.T) {
	w := newWorld(t)
	p := w.start()
	s := w.status()
	if s.Activity != "foreground" || s.LogFile != "" || s.PID != p.cmd.Process.Pid || s.Socket != w.socket ||
		s.Vault.State != "absent" {
		t.Errorf("%+v", s)
	}
	w.wantGet("ghcr.io", "not_logged_in")
	w.store("ghcr.io")
	w.wantGet("ghcr.io", canary)
	for path, mode := range map[string]os.FileMode{
		w.socket: 0o600, w.dirs.Vault(): 0o600, w.dirs.Hosts(): 0o600, w.dirs.Data: 0o700,
		w.dirs.State: 0o700, w.dirs.Runtime: 0o700,
	} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	p.signal(syscall.SIGTERM)
	if code := p.awaitExit(); code != 0 {
		t.Errorf("exit status %d", code)
	}
	if _, err := os.Lstat(w.socket); err == nil {
		t.Error("the socket is left")
	}
	w.start()
	w.wantGet("ghcr.io", canary)
}

func TestSingleInstance(t *testing.T) {
	w := newWorld(t)
	first := w.start()
	second := w.spawn(os.Args[0])
	if code := second.awaitExit(); code == 0 || !strings.Contains(second.text(), "another zend is running") {
		t.Errorf("exit status %d:\n%s", code, second.text())
	}
	if w.status().PID != first.cmd.Process.Pid {
		t.Error("the first one does not serve any more")
	}
}

// starter is a client that starts zend as docker-credential-zen and zen do.
func (w *world) starter() *ipc.Client {
	w.t.Helper()
	c, err := ipc.NewClient(w.dirs, "test")
	if err != nil {
		w.t.Fatal(err)
	}
	starter := ipc.NewStarter(w.dirs)
	starter.Path = os.Args[0]
	c.Start = func() (*ipc.Starter, error) { return starter, nil }
	w.t.Cleanup(func() {
		// The process is no child that could be waited for.
		if !w.nobodyListens() {
			_, _ = w.call(api.MethodDaemonStop, api.Empty{})
			eventually(w.t, "zend ends", w.nobodyListens)
		}
	})
	return c
}

func TestOnDemand(t *testing.T) {
	w := newWorld(t)
	c := w.starter()
	if _, err := c.Call(api.MethodStatus, nil, time.Now().Add(20*time.Second)); err != nil {
		t.Fatal(err)
	}
	s := w.status()
	if s.Activity != "on demand" || s.LogFile != w.dirs.Log() {
		t.Errorf("%+v", s)
	}
	content, err := os.ReadFile(s.LogFile)
	if err != nil || !strings.Contains(string(content), "msg=Serving") {
		t.Errorf("log: %q, %v", content, err)
	}
	if info, err := os.Stat(s.LogFile); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("log: %v, %v", info.Mode(), err)
	}
	w.mustCall(api.MethodDaemonStop, api.Empty{})
	eventually(t, "zend ends", w.nobodyListens)
}

// A client that starts zend learns why it does not start.
func TestAFailedStartIsTold(t *testing.T) {
	w := newWorld(t)
	w.mkdir(w.dirs.Runtime)
	w.write(w.socket, "not a socket")
	_, err := w.starter().Call(api.MethodStatus, nil, time.Now().Add(20*time.Second))
	if err == nil || !strings.Contains(err.Error(), "is not a socket") {
		t.Errorf("%v", err)
	}
}

// A service manager's socket is served, and stays when zend ends.
func TestSocketActivation(t *testing.T) {
	w := newWorld(t)
	w.mkdir(w.dirs.Runtime)
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: w.socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	file, err := ln.File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w.pass = []*os.File{file}
	activated := func() *process { return w.start("sh", "-c", `LISTEN_PID=$$ LISTEN_FDS=1 exec "$0"`) }
	p := activated()
	if s := w.status(); s.Activity != "socket activation" {
		t.Errorf("%+v", s)
	}
	w.store("ghcr.io")
	p.signal(syscall.SIGTERM)
	if code := p.awaitExit(); code != 0 {
		t.Errorf("exit status %d", code)
	}
	waiting := make(chan string)
	go func() { waiting <- w.get("ghcr.io") }() // queues at the service manager's socket
	p = activated()
	if got := <-waiting; got != canary {
		t.Errorf("who waited got %s", got)
	}
	w.mustCall(api.MethodDaemonRestart, api.Empty{})
	p.awaitLogs("msg=Serving", 2)
	if s := w.status(); s.Activity != "socket activation" {
		t.Errorf("after a restart: %+v", s)
	}
	w.write(w.dirs.ConfigFile(), "idle_exit = \"10ms\"\n")
	if code := p.awaitExit(); code != 0 || !strings.Contains(p.text(), "why=idle") {
		t.Errorf("exit status %d", code)
	}
	go func() { waiting <- w.get("ghcr.io") }()
	p = activated()
	for {
		select {
		case got := <-waiting:
			if got != canary {
				t.Errorf("who waited got %s", got)
			}
			return
		case <-p.exit:
			// idle before the client came, whose turn it is now: a service manager starts
			// the next one
			p = activated()
		}
	}
}

func TestSIGTERMLetsRequestsFinish(t *testing.T) {
	w := newWorld(t)
	p := w.start()
	c := w.slow()
	p.signal(syscall.SIGTERM)
	eventually(t, "no new client is taken", w.nobodyListens)
	if p.ended() {
		t.Fatal("zend ended with a request in flight")
	}
	if err := c.finish(); err != nil {
		t.Errorf("the request in flight: %v", err)
	}
	if code := p.awaitExit(); code != 0 {
		t.Errorf("exit status %d", code)
	}
	w.start()
	if n := w.status().Counts.Connectors; n != 1 {
		t.Errorf("%d connectors", n)
	}
}

func TestIdleExit(t *testing.T) {
	w := newWorld(t)
	w.write(w.dirs.ConfigFile(), "idle_exit = \"100ms\"\n")
	p := w.start()
	c := w.slow()
	time.Sleep(300 * time.Millisecond) // nothing may happen in it, so there is nothing to wait for
	if p.ended() {
		t.Fatal("ended with a request in flight")
	}
	if err := c.finish(); err != nil {
		t.Error(err)
	}
	if code := p.awaitExit(); code != 0 || !strings.Contains(p.text(), "why=idle") {
		t.Errorf("exit status %d:\n%s", code, p.text())
	}
}

// The key of a vault in memory would be lost.
func TestNoIdleExitThatLosesTheVault(t *testing.T) {
	w := newWorld(t)
	t.Setenv(roleVariable, "memory")
	p := w.start()
	w.store("ghcr.io")
	w.write(w.dirs.ConfigFile(), "idle_exit = \"10ms\"\n")
	p.awaitLog("Took over the edited config.toml")
	time.Sleep(100 * time.Millisecond) // ten times the limit
	w.wantGet("ghcr.io", canary)
}

func TestEditedConfig(t *testing.T) {
	w := newWorld(t)
	w.start()
	if n := w.status().IdleExit; n != 0 {
		t.Errorf("idle exit is %d by default", n)
	}
	w.write(w.dirs.ConfigFile(), "idle_exit = \"1h\"\nlist = \"none\"\n")
	eventually(t, "the edited settings are taken over", func() bool { return w.status().IdleExit == 3600 })
	w.store("ghcr.io")
	if got := w.mustCall(api.MethodList, api.Empty{}); got != `{"items":{}}` {
		t.Errorf("list: %s", got)
	}
	w.write(w.dirs.ConfigFile(), "idle_exit = \"1h\"\nlist = \"some\"\n")
	eventually(t, "the broken settings are reported", func() bool { return len(w.status().Notices) == 1 })
	s := w.status()
	if n := s.Notices[0]; s.IdleExit != 3600 || !strings.Contains(n.Text, "config.toml, line 2: "+
		"list: ") || !strings.HasPrefix(n.Hint, "edit "+w.dirs.ConfigFile()) {
		t.Errorf("%+v", s)
	}
	w.write(w.dirs.ConfigFile(), "list = \"all\"\n")
	eventually(
		t,
		"the mended settings are taken over",
		func() bool { s := w.status(); return s.IdleExit == 0 && len(s.Notices) == 0 },
	)
	if got := w.mustCall(api.MethodList, api.Empty{}); got != `{"items":{"ghcr.io":"alice"}}` {
		t.Errorf("list: %s", got)
	}
}

func TestABrokenConfigDoesNotKeepZendFromStarting(t *testing.T) {
	w := newWorld(t)
	w.write(w.dirs.ConfigFile(), "keyring = true\n")
	w.start()
	if s := w.status(); len(s.Notices) != 1 || !strings.Contains(s.Notices[0].Text, `there is no setting `+
		`"keyring"`) {
		t.Errorf("%+v", s.Notices)
	}
}

func TestAutoLock(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.store("ghcr.io")
	w.write(w.dirs.ConfigFile(), "auto_lock = \"100ms\"\n")
	eventually(t, "the vault locks itself", func() bool { return w.status().Vault.State == "locked" })
	w.wantGet("ghcr.io", "locked")
	w.wantGet("quay.io", "not_logged_in")
	w.write(w.dirs.ConfigFile(), "auto_lock = \"1h\"\n")
	w.mustCall(api.MethodVaultUnlock, api.Empty{})
	w.wantGet("ghcr.io", canary)
}

func TestALostSocketEndsZend(t *testing.T) {
	for name, lose := range map[string]func(w *world) error{
		"removed":           func(w *world) error { return os.Remove(w.socket) },
		"directory removed": func(w *world) error { return os.RemoveAll(w.dirs.Runtime) },
		"replaced": func(w *world) error {
			ln, err := net.Listen("unix", w.socket+".other")
			if err != nil {
				return err
			}
			w.t.Cleanup(func() { ln.Close() })
			return os.Rename(w.socket+".other", w.socket)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			p := w.start()
			if err := lose(w); err != nil {
				t.Fatal(err)
			}
			if code := p.awaitExit(); code != 0 || !strings.Contains(p.text(), `why="socket replaced"`) {
				t.Errorf("exit status %d:\n%s", code, p.text())
			}
			if _, err := os.Lstat(w.socket); name == "replaced" && err != nil {
				t.Error("the other's socket was removed")
			}
		})
	}
}

// zend is executed again in place, under load: the request in flight finishes, no other
// one fails, and a key that lives in memory only lives on.
func TestRestart(t *testing.T) {
	for _, role := range []string{"zend", "memory"} {
		t.Run(role, func(t *testing.T) {
			w := newWorld(t)
			t.Setenv(roleVariable, role)
			p := w.start()
			w.store("ghcr.io")
			before := w.status()
			c := w.slow()
			stop := w.load("ghcr.io")
			w.mustCall(api.MethodDaemonRestart, api.Empty{})
			if err := c.finish(); err != nil {
				t.Errorf("the request in flight: %v", err)
			}
			p.awaitLogs("msg=Serving", 2)
			after := w.status()
			served, err := stop()
			if err != nil || served == 0 {
				t.Errorf("%d requests meanwhile: %v", served, err)
			}
			if after.PID != before.PID || !after.Started.After(before.Started) ||
				after.Counts.Connectors != 1 ||
				after.Activity != "foreground" {
				t.Errorf("before %+v\nafter %+v", before, after)
			}
			w.wantGet("ghcr.io", canary)
			w.mustCall(api.MethodDaemonRestart, api.Empty{}) // and once more, with what was inherited
			p.awaitLogs("msg=Serving", 3)
			w.wantGet("ghcr.io", canary)
		})
	}
}

// load asks for a credential all the time, on new connections, until the returned
// function is called.
func (w *world) load(host string) (stop func() (int, error)) {
	var served atomic.Int64
	var wg sync.WaitGroup
	var mu sync.Mutex
	var fault error
	quit := make(chan struct{})
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-quit:
					return
				default:
				}
				if got := w.get(host); got != canary {
					mu.Lock()
					fault = errors.New(got)
					mu.Unlock()
				}
				served.Add(1)
			}
		})
	}
	eventually(w.t, "the load runs", func() bool { return served.Load() > 10 })
	return func() (int, error) {
		close(quit)
		wg.Wait()
		return int(served.Load()), fault
	}
}

func TestRestartOnDemandAndActivated(t *testing.T) {
	w := newWorld(t)
	if _, err := w.starter().Call(api.MethodStatus, nil, time.Now().Add(20*time.Second)); err != nil {
		t.Fatal(err)
	}
	before := w.status()
	w.mustCall(api.MethodDaemonRestart, api.Empty{})
	eventually(t, "it started again", func() bool { return w.status().Started.After(before.Started) })
	if after := w.status(); after.PID != before.PID || after.Activity != "on demand" ||
		after.LogFile != w.dirs.Log() {
		t.Errorf("%+v", after)
	}
}

// A vault that cannot be read: hosts that nobody logged in to are not found, the others
// get the reason, nothing is lost.
func TestUnreadableVault(t *testing.T) {
	tests := []struct {
		name, reason, state string
		spoil               func(content string) string
	}{
		{"damaged", "vault_damaged", "damaged", func(s string) string { return s[:len(s)/2] }},
		{"empty", "vault_damaged", "damaged", func(string) string { return "" }},
		{"too new", "vault_too_new", "too new", newer},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			p := w.start()
			w.store("ghcr.io")
			p.signal(syscall.SIGTERM)
			p.awaitExit()
			content, err := os.ReadFile(w.dirs.Vault())
			if err != nil {
				t.Fatal(err)
			}
			spoiled := tt.spoil(string(content))
			if spoiled == string(content) {
				t.Fatalf("the vault has another form: %s", content)
			}
			w.write(w.dirs.Vault(), spoiled)
			for range 2 {
				p = w.start()
				w.wantGet("quay.io", "not_logged_in")
				w.wantGet("ghcr.io", tt.reason)
				w.wantGet("ghcr.io/team/app", tt.reason)
				if _, err := w.call(api.MethodStore,
					map[string]string{"ServerURL": "a.example", "Username": "u", "Secret": "s"}); string(
					credential.ReasonOf(err),
				) != tt.reason {
					t.Errorf("store: %v", err)
				}
				if s := w.status(); s.Vault.State != tt.state || s.Vault.Problem == "" || s.Vault.Hint == "" {
					t.Errorf("%+v", s.Vault)
				}
				p.signal(syscall.SIGTERM)
				p.awaitExit()
			}
			if now, err := os.ReadFile(w.dirs.Vault()); err != nil || string(now) != spoiled {
				t.Errorf("the file was changed: %v", err)
			}
			w.write(w.dirs.Vault(), string(content))
			w.start()
			w.wantGet("ghcr.io", canary)
		})
	}
}

// newer makes a vault one of a format that this zend does not know, with the checksum
// that it needs.
func newer(content string) string {
	content = strings.Replace(content, `{"format":1`, `{"format":99`, 1)
	all := regexp.MustCompile(`[0-9a-f]{64}`).FindAllStringIndex(content, -1)
	at := all[len(all)-1]
	return content[:at[0]] + fmt.Sprintf("%x", sha256.Sum256([]byte(content[:at[0]]))) + content[at[1]:]
}

// Something else is in the place of a file: zend starts and answers, and says what it is.
func TestFIFOForAFile(t *testing.T) {
	for _, file := range []func(paths.Dirs) string{
		paths.Dirs.Vault, paths.Dirs.Hosts, paths.Dirs.Log, paths.Dirs.Audit, paths.Dirs.ConfigFile,
		func(d paths.Dirs) string { return d.Vault() + ".prev" },
		func(d paths.Dirs) string { return d.Vault() + ".writer" },
		func(d paths.Dirs) string { return d.State + "/guard.json" },
		func(d paths.Dirs) string { return d.State + "/setup/undo.json" },
	} {
		w := newWorld(t)
		name := file(w.dirs)
		t.Run(filepath.Base(name), func(t *testing.T) {
			if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700),
				syscall.Mkfifo(name, 0o600)); err != nil {
				t.Fatal(err)
			}
			if _, err := w.starter().Call(api.MethodStatus, nil, time.Now().Add(20*time.Second)); err != nil {
				t.Fatal(err)
			}
			w.wantGet("quay.io", "not_logged_in")
			_, err := w.call(
				api.MethodStore,
				map[string]string{"ServerURL": "ghcr.io", "Username": "u", "Secret": canary},
			)
			needed := name == w.dirs.Vault() || strings.HasPrefix(name, w.dirs.Vault()+".")
			if needed && (err == nil || !strings.Contains(err.Error(), "previous "+
				"generation") && !strings.Contains(err.Error(), "is not a regular file")) {
				t.Errorf("store: %v", err)
			}
			if !needed && err != nil {
				t.Errorf("store: %v", err)
			}
		})
	}
}

// Where nothing can be written zend starts, answers, and says what is wrong.
func TestUnwritableDirectories(t *testing.T) {
	w := newWorld(t)
	w.write(filepath.Join(w.home, ".local"), "a file in the way")
	w.start()
	w.wantGet("ghcr.io", "not_logged_in")
	_, err := w.call(
		api.MethodStore,
		map[string]string{"ServerURL": "ghcr.io", "Username": "u", "Secret": canary},
	)
	if !credential.CannotWrite.Is(err) {
		t.Errorf("store: %v", err)
	}
	w.wantGet("ghcr.io", "not_logged_in")
	if _, err := w.call(api.MethodAudit, api.Empty{}); !credential.Internal.Is(err) ||
		!strings.Contains(err.Error(), "cannot be read: not a directory") {
		t.Errorf("audit: %v", err) // asking for it also waits until it was written, or could not be
	}
	var texts []string
	for _, n := range w.status().Notices {
		texts = append(texts, n.Text)
	}
	all := strings.Join(texts, "\n")
	for _, want := range []string{"share/zen: not a directory", "state/zen: not a " +
		"directory", "the audit log cannot be written"} {
		if !strings.Contains(all, want) {
			t.Errorf("no notice says %q:\n%s", want, all)
		}
	}
}

func TestOnDemandWithoutALog(t *testing.T) {
	w := newWorld(t)
	w.write(filepath.Join(w.home, ".local", "state"), "a file in the way")
	if _, err := w.starter().Call(api.MethodStatus, nil, time.Now().Add(20*time.Second)); err != nil {
		t.Fatal(err)
	}
	if s := w.status(); s.LogFile != "" {
		t.Errorf("log file %s", s.LogFile)
	}
	w.store("ghcr.io")
	w.wantGet("ghcr.io", canary)
}

func TestFullDisk(t *testing.T) {
	w := newWorld(t)
	local := filepath.Join(w.home, ".local")
	w.mkdir(local)
	if err := exec.Command("mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", local).Run(); err != nil {
		t.Skip("this user may not mount a small disk: the end-to-end tests have one")
	}
	t.Cleanup(func() { _ = exec.Command("umount", "-l", local).Run() })
	w.start()
	w.store("ghcr.io")
	filler := filepath.Join(local, "filler")
	_ = os.WriteFile(filler, make([]byte, 1<<20), 0o600) // fails when the disk is full, as it shall
	begun := time.Now()
	w.wantGet("quay.io", "not_logged_in")
	if took := time.Since(begun); took > time.Second {
		t.Errorf("took %v", took)
	}
	w.wantGet("ghcr.io", canary)
	_, err := w.call(
		api.MethodStore,
		map[string]string{"ServerURL": "b.example", "Username": "u", "Secret": canary},
	)
	if !credential.CannotWrite.Is(err) || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("store: %v", err)
	}
	w.wantGet("b.example", "not_logged_in")
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	w.store("b.example")
	w.wantGet("b.example", canary)
	w.wantGet("ghcr.io", canary)
}

func TestAuditOverTheWire(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.store("ghcr.io")
	w.wantGet("ghcr.io", canary)
	w.wantGet("quay.io", "not_logged_in")
	var list api.AuditList
	if err := json.Unmarshal([]byte(w.mustCall(api.MethodAudit, api.AuditQuery{Host: "ghcr.io"})),
		&list); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range list.Items {
		got = append(got, e.Action+" "+e.Address+" "+e.Result)
		if e.PID != os.Getpid() || filepath.Base(e.Exe) != filepath.Base(os.Args[0]) || len(e.Parents) == 0 {
			t.Errorf("who asked: %+v", e)
		}
	}
	if text := strings.Join(got, ", "); text != "store ghcr.io ok, get ghcr.io ok" {
		t.Errorf("%s", text)
	}
	content, err := os.ReadFile(w.dirs.Audit())
	if err != nil || strings.Contains(string(content), canary) {
		t.Errorf("%s, %v", content, err)
	}
}
