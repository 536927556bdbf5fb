package ipc_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/ipc"
	"github.com/zen-agent/zen/internal/paths"
)

func TestFiftyFirstClientsStartOneZend(t *testing.T) {
	dir := shortDir(t)
	var wg sync.WaitGroup
	start := make(chan struct{})
	errs := make([]error, 50)
	replies := make([]string, 50)
	for i := range errs {
		c := newClient(t, dir, "serve")
		wg.Go(func() {
			<-start
			reply, err := c.Call("status", nil, soon())
			replies[i], errs[i] = string(reply.Result), err
		})
	}
	close(start)
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	for _, reply := range replies {
		if reply != replies[0] || !strings.HasPrefix(reply, `{"pid":`) {
			t.Fatalf("%s and %s answered", replies[0], reply)
		}
	}
	if n := lines(dir, "starts"); n != 1 {
		t.Errorf("%d daemons were started", n)
	}
}

func TestStarting(t *testing.T) {
	tests := []struct {
		role    string
		within  time.Duration
		starts  int
		reason  credential.Reason
		message string
		hint    string
	}{
		{"serve", 10 * time.Second, 1, "", "", ""},
		{"late", 10 * time.Second, 3, "", "", ""},
		{"gone", 10 * time.Second, 3, "", "", ""},
		{"fail", 10 * time.Second, 1, credential.VaultTooNew, "a newer zen wrote the vault", "install it"},
		{"fail plainly", 10 * time.Second, 10, credential.Unavailable, "zend ended before it was " +
			"ready", "see why: zen daemon logs"},
		{"garble", 10 * time.Second, 1, credential.Internal, "zend's answer makes no " +
			"sense", "zen daemon restart"},
		{"hang", 300 * time.Millisecond, 1, credential.Unavailable, "zend is not ready in " +
			"time", "see why it does not start: zen daemon status"},
	}
	for _, tt := range tests {
		t.Run(tt.role, func(t *testing.T) {
			dir := shortDir(t)
			c := newClient(t, dir, tt.role)
			reply, err := c.Call("status", nil, time.Now().Add(tt.within))
			if credential.ReasonOf(err) != tt.reason {
				t.Fatalf("%s, %v (%s)", reply.Result, err, credential.ReasonOf(err))
			}
			if e, ok := errors.AsType[*credential.Error](err); ok &&
				(e.Error() != tt.message || e.HintText() != tt.hint) {
				t.Errorf("said %q, %q", e.Error(), e.HintText())
			}
			if n := lines(dir, "starts"); n != tt.starts {
				t.Errorf("zend was started %d times, not %d", n, tt.starts)
			}
		})
	}
}

// Who need not wait for a zend that hangs while it starts is asked once, and does not.
func TestStartIsNotWaitedFor(t *testing.T) {
	dir := shortDir(t)
	lock, err := os.OpenFile(filepath.Join(dir, "spawn.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	for _, tt := range []struct {
		name    string
		locked  bool // by somebody who starts zend
		worth   bool
		message string
	}{
		{"it hangs", false, false, "zend is not ready in time"},
		{"another one's hangs", true, false, "zend is being started by another program and takes too long"},
		{"it is waited for", false, true, "zend is not ready in time"},
	} {
		how := unix.LOCK_UN
		if tt.locked {
			how = unix.LOCK_EX
		}
		if err := unix.Flock(int(lock.Fd()), how); err != nil {
			t.Fatal(err)
		}
		c := newClient(t, dir, "hang")
		asked := 0
		c.Patience, c.Wait = 20*time.Millisecond, func() bool { asked++; return tt.worth }
		begin := time.Now()
		_, err := c.Call("get", nil, begin.Add(500*time.Millisecond))
		if !credential.Unavailable.Is(err) || err.Error() != tt.message || asked != 1 {
			t.Errorf("%s: %v, asked %d times", tt.name, err, asked)
		}
		if took := time.Since(begin); tt.worth != (took >= 500*time.Millisecond) {
			t.Errorf("%s: took %v", tt.name, took)
		}
	}
}

// What a zend says before it dies is for its log: not for the client's terminal, and
// readable by the user only.
func TestDyingWordsAreLogged(t *testing.T) {
	dir := shortDir(t)
	newClient(t, dir, "fail plainly").Call("status", nil, soon())
	content, err := os.ReadFile(filepath.Join(dir, "log"))
	if err != nil || !strings.HasPrefix(string(content), "cause of death\n") {
		t.Errorf("the log has %q (%v)", content, err)
	}
	if info, err := os.Stat(filepath.Join(dir, "log")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v (%v)", info.Mode(), err)
	}
}

// zend does not inherit what concerns the client only, nor its directory and session.
func TestStartedProcess(t *testing.T) {
	for _, name := range []string{
		"ZEN_PROFILE", "ZEN_TIMEOUT", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES",
		ipc.ReadyVariable,
	} {
		t.Setenv(name, "7")
	}
	t.Setenv("KEPT", "yes")
	dir := shortDir(t)
	if _, err := newClient(t, dir, "environment").Call("status", nil, soon()); err != nil {
		t.Fatal(err)
	}
	environment, err := os.ReadFile(filepath.Join(dir, "environment"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"ZEN_PROFILE", "ZEN_TIMEOUT", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES",
		ipc.ReadyVariable,
	} {
		if strings.Contains("\n"+string(environment), "\n"+name+"=") {
			t.Errorf("zend inherits, or keeps, %s", name)
		}
	}
	if !strings.Contains("\n"+string(environment), "\nKEPT=yes\n") {
		t.Error("zend has another environment")
	}
	process, _ := os.ReadFile(filepath.Join(dir, "process"))
	if want := "/ true play environment " + dir + "\n"; string(process) != want {
		t.Errorf("directory, session leader and arguments are %q, want %q", process, want)
	}
}

// Who finds that somebody else is starting zend waits for that, for as long as there is
// time.
func TestAnotherClientIsStarting(t *testing.T) {
	dir := shortDir(t)
	lock, err := os.OpenFile(filepath.Join(dir, "spawn.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	c := newClient(t, dir, "serve")
	_, err = c.Call("status", nil, time.Now().Add(50*time.Millisecond))
	if !credential.Unavailable.Is(err) || err.Error() != "zend is being started by another program and "+
		"takes too long" {
		t.Errorf("%v", err)
	}
	if n := lines(dir, "starts"); n != 0 {
		t.Errorf("%d daemons were started", n)
	}
	lock.Close() // the other one died
	if _, err := c.Call("status", nil, soon()); err != nil {
		t.Error(err)
	}
}

func TestCannotStart(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := shortDir(t)
	open := filepath.Join(dir, "open")
	if err := os.Mkdir(open, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "text"), []byte("no program"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("elsewhere", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	exchangeable := filepath.Join(shortDir(t), "zend")
	if err := errors.Join(os.WriteFile(exchangeable, nil, 0o700),
		os.Chmod(filepath.Dir(exchangeable), 0o777)); err != nil {
		t.Fatal(err)
	}
	lock := filepath.Join(dir, "spawn.lock")
	tests := []struct {
		name     string
		starter  ipc.Starter
		variable string
		message  string // what it contains
		hint     string
	}{
		{"relative variable", ipc.Starter{Lock: lock}, "bin/zend", "ZEN_DAEMON is not an absolute path: " +
			"bin/zend", "zen daemon status"},
		{"nothing there", ipc.Starter{Lock: lock}, "/nonexistent/zend", "zend cannot be started: there " +
			"is no program /nonexistent/zend", "zen daemon status"},
		{
			"exchangeable",
			ipc.Starter{Lock: lock},
			exchangeable,
			"zend cannot be started: " + exchangeable + " is not safe to execute: the directory ",
			"chmod go-w " + filepath.Dir(exchangeable),
		},
		{"not beside", ipc.Starter{Lock: lock}, "", "zend is not installed beside " + exe, "ZEN_DAEMON"},
		{"no program", ipc.Starter{Lock: lock, Path: filepath.Join(dir, "text")}, "", "exec format " +
			"error", "zen daemon status"},
		{"open directory", ipc.Starter{Lock: filepath.Join(open, "lock")}, "", "can be read by other " +
			"users", "chmod 700 " + open},
		{"lock is a link", ipc.Starter{Lock: filepath.Join(dir, "link")}, "", "zend cannot be " +
			"started: " + filepath.Join(dir, "link") + " is a symbolic link", "rm " +
			filepath.Join(dir, "link")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv(ipc.DaemonVariable, tt.variable)
			c := &ipc.Client{Socket: filepath.Join(dir, "s"), Start: starting(tt.starter)}
			begin := time.Now()
			_, err := c.Call("status", nil, soon())
			e, ok := errors.AsType[*credential.Error](err)
			if !ok || e.Reason != credential.Unavailable || !strings.Contains(e.Error(), tt.message) ||
				!strings.Contains(e.HintText(), tt.hint) {
				t.Errorf("%v (%v)", err, e)
			}
			if took := time.Since(begin); took > time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

// zend is looked for beside the program that runs, links resolved, and nowhere else.
func TestNewClientFindsZendBesideItself(t *testing.T) {
	home := shortDir(t)
	for k, v := range map[string]string{
		"HOME": home, "XDG_RUNTIME_DIR": home, "ZEN_SOCKET": "",
		"XDG_STATE_HOME": "", ipc.DaemonVariable: "",
	} {
		t.Setenv(k, v)
	}
	dirs, err := paths.Find()
	if err != nil {
		t.Fatal(err)
	}
	c, err := ipc.NewClient(dirs, "test")
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.Start()
	if err != nil || c.Socket != filepath.Join(home, "zen", "zend.sock") ||
		!strings.HasPrefix(c.Name, "test/") ||
		s.Lock != filepath.Join(home, "zen", "spawn.lock") || s.Path != "" || len(s.Args) != 1 ||
		s.Args[0] != "--on-demand" {
		t.Errorf("%+v, %+v, %v", c, s, err)
	}
	t.Setenv("ZEN_SOCKET", "/"+strings.Repeat("long/", 40))
	if dirs, err = paths.Find(); err != nil {
		t.Fatal(err)
	}
	if _, err := ipc.NewClient(dirs, "test"); !credential.InvalidInput.Is(err) ||
		!strings.Contains(err.Error(), "too long") {
		t.Errorf("%v", err)
	}
}

// A request that was lost is sent again when it may be carried out twice, to another
// zend.
func TestCallsAreRepeated(t *testing.T) {
	dir := shortDir(t)
	c := newClient(t, dir, "serve")
	if _, err := c.Call("list", nil, soon()); err != nil {
		t.Error(err)
	}
	if n, started := lines(dir, "calls"), lines(dir, "starts"); n != 3 || started != 3 {
		t.Errorf("%d calls, %d starts", n, started)
	}
	dir = shortDir(t)
	c = newClient(t, dir, "serve")
	_, err := c.Call("login", nil, soon())
	if !credential.Unavailable.Is(err) || err.Error() != "zend went away before it answered" {
		t.Errorf("%v", err)
	}
	if n := lines(dir, "calls"); n != 1 {
		t.Errorf("a call that must not be repeated was sent %d times", n)
	}
}
