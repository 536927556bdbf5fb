package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/ipc"
	"github.com/zen-agent/zen/internal/paths"
)

// scripted is a client whose answers are made up, one after the other; the last one
// stays.
type scripted struct {
	mu      sync.Mutex
	answers map[string][]any // by method: a result, or an error
	asked   []string
}

func (s *scripted) Call(method string, _ []byte, _ time.Time) (ipc.Reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, method)
	list := s.answers[method]
	if len(list) == 0 {
		return ipc.Reply{}, errors.New("unexpected " + method)
	}
	if len(list) > 1 {
		s.answers[method] = list[1:]
	}
	if err, ok := list[0].(error); ok {
		return ipc.Reply{}, err
	}
	encoded, err := json.Marshal(list[0])
	return ipc.Reply{Result: encoded}, err
}

func absent() error {
	return credential.NewError(credential.Unavailable, "zend is not running (nothing answers at "+
		"/run/zend.sock)", "")
}

// daemonApp is an app whose zend is scripted, with directories in a place of its own.
func daemonApp(t *testing.T, s *scripted) (a *app, dirs paths.Dirs, out, errOut *bytes.Buffer) {
	t.Helper()
	out, errOut = new(bytes.Buffer), new(bytes.Buffer)
	a = testApp(t, &fakeZend{}, "", errOut)
	a.Out = &ui.DataWriter{W: out}
	a.zend = func(bool) (zend.Caller, error) { return s, nil }
	home := t.TempDir()
	dirs = paths.Dirs{Data: home + "/data", State: home + "/state", Runtime: home + "/run"}
	a.dirs = func() (paths.Dirs, error) { return dirs, nil }
	t.Setenv(ipc.DaemonVariable, "/opt/zend") // where a client would look for it
	return a, dirs, out, errOut
}

func TestDaemonStop(t *testing.T) {
	running := api.Status{PID: 1}
	for _, tt := range []struct {
		name     string
		statuses []any
		says     string
		code     int
	}{
		{"runs", []any{running, running, absent()}, "zend stopped.", 0},
		{
			"runs and is started again by a client",
			[]any{running, running, api.Status{PID: 2}},
			"zend stopped.", 0,
		},
		{"does not run", []any{absent()}, "zend is not running.", 0},
		{"is somebody else's", []any{credential.NewError(credential.ForeignPeer, "the socket belongs to "+
			"another user", "")}, "another user", 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &scripted{
				answers: map[string][]any{api.MethodStatus: tt.statuses, api.MethodDaemonStop: {api.Empty{}}},
			}
			a, _, _, errOut := daemonApp(t, s)
			if code := a.run(t.Context(), []string{"daemon", "stop"}); code != tt.code ||
				!strings.Contains(errOut.String(), tt.says) {
				t.Errorf("exit %d: %s", code, errOut)
			}
		})
	}
}

func TestDaemonRestart(t *testing.T) {
	old, fresh := api.Status{
		PID:     1,
		Started: noon(),
		Version: "1",
	}, api.Status{
		PID:     1,
		Started: noon().Add(time.Second),
		Version: "2",
	}
	for _, tt := range []struct {
		name     string
		statuses []any
		restarts int
	}{
		{"runs", []any{old, old, absent(), fresh}, 1},
		{"does not run", []any{absent(), fresh}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &scripted{
				answers: map[string][]any{
					api.MethodStatus:        tt.statuses,
					api.MethodDaemonRestart: {api.Empty{}},
				},
			}
			a, _, _, errOut := daemonApp(t, s)
			if code := a.run(t.Context(), []string{"daemon", "restart"}); code != 0 ||
				errOut.String() != "zend 2 runs (process 1).\n" {
				t.Errorf("exit %d: %s", code, errOut)
			}
			if got := strings.Count(strings.Join(s.asked, " "), api.MethodDaemonRestart); got != tt.restarts {
				t.Errorf("asked %d times to restart: %q", got, s.asked)
			}
		})
	}
}

func TestDaemonStatusWithoutZend(t *testing.T) {
	s := &scripted{answers: map[string][]any{api.MethodStatus: {absent()}}}
	notExecutable := filepath.Join(t.TempDir(), "zend")
	if err := os.WriteFile(notExecutable, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name          string
		prepare       func(dirs paths.Dirs) error
		program       string
		problem, hint string
	}{
		{"stopped", func(paths.Dirs) error { return nil }, os.Args[0], "zend is not " +
			"running", "Hint: zen daemon start"},
		{"not where it should be", func(paths.Dirs) error { return nil }, "zend", "is not an absolute " +
			"path", "Hint: set ZEN_DAEMON"},
		{
			"everyone can change it", func(paths.Dirs) error { return os.Chmod(notExecutable, 0o702) },
			notExecutable,
			"is not safe to execute", "Hint: chmod go-w",
		},
		{
			"not executable", func(paths.Dirs) error { return os.Chmod(notExecutable, 0o600) }, notExecutable,
			"is not executable", "Hint: chmod +x",
		},
		{
			"its directory is open to others", func(dirs paths.Dirs) error {
				if err := os.Mkdir(dirs.Runtime, 0o700); err != nil {
					return err
				}
				return os.Chmod(dirs.Runtime, 0o777)
			}, os.Args[0], "can be read by other users", "Hint: chmod 700",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, dirs, out, errOut := daemonApp(t, s)
			t.Setenv(ipc.DaemonVariable, tt.program)
			if err := tt.prepare(dirs); err != nil {
				t.Fatal(err)
			}
			if err := os.MkdirAll(dirs.State, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(dirs.Log(), []byte("first\nthe last words\x1b[2J\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			code := a.run(t.Context(), []string{"daemon", "status"})
			flat := strings.Join(
				strings.Fields(strings.NewReplacer("┃", " ", "│", " ").Replace(out.String())),
				" ",
			)
			if code != credential.ExitUnavailable || !strings.Contains(flat, "not running") ||
				!strings.Contains(flat, tt.problem) {
				t.Errorf("exit %d:\n%s", code, out)
			}
			if text := errOut.String(); !strings.Contains(text, `the last words\x1b[2J`) ||
				!strings.Contains(text, tt.hint) {
				t.Errorf("it says\n%s", text)
			}
			out.Reset()
			a.run(t.Context(), []string{"daemon", "status", "-o", "json"})
			var report struct {
				Running bool   `json:"running"`
				Problem string `json:"problem"`
			}
			if err := json.Unmarshal(out.Bytes(), &report); err != nil || report.Running ||
				!strings.Contains(report.Problem, tt.problem) {
				t.Errorf("%v:\n%s", err, out)
			}
		})
	}
}

func TestDaemonStatus(t *testing.T) {
	status := api.Status{PID: 4711, Version: "0.0.1", Started: noon(), Activity: "on demand", IdleExit: 3600}
	s := &scripted{answers: map[string][]any{api.MethodStatus: {status}}}
	a, _, out, errOut := daemonApp(t, s)
	if code := a.run(t.Context(), []string{"daemon", "status"}); code != 0 {
		t.Fatalf("exit %d: %s", code, errOut)
	}
	for _, want := range []string{"running, process 4711", "after 1h", "2026-11-23 12:00:00 UTC (on " +
		"demand)"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
	if !strings.Contains(errOut.String(), "Warning: zend is of version 0.0.1") {
		t.Errorf("an old zend goes unnoticed: %s", errOut)
	}
}

func TestDaemonLogs(t *testing.T) {
	a, dirs, out, errOut := daemonApp(t, &scripted{})
	if code := a.run(t.Context(), []string{"daemon", "logs"}); code != 1 ||
		!strings.Contains(errOut.String(), "there is no log yet") {
		t.Errorf("exit %d: %s", code, errOut)
	}
	if err := os.MkdirAll(dirs.State, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dirs.Log(), []byte(strings.Repeat("x\n", 100)+"y\x07\nz\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{"-n 2": "y\\a\nz\n", "-n 0": "", "-n 3": "x\ny\\a\nz\n"} {
		out.Reset()
		if code := a.run(t.Context(), words("daemon logs "+args)); code != 0 || out.String() != want {
			t.Errorf("logs %s: exit %d: %q", args, code, out)
		}
	}
	if code := a.run(t.Context(), words("daemon logs -n -1")); code != 2 {
		t.Errorf("-n -1: exit %d", code)
	}
}

func TestFollowingEndsWithCtrlC(t *testing.T) {
	a, _, _, errOut := daemonApp(t, &scripted{})
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(ui.ErrInterrupted)
	if code := a.run(ctx, []string{"daemon", "logs", "--follow"}); code != credential.ExitInterrupted {
		t.Errorf("exit %d: %s", code, errOut)
	}
}

// Ctrl-C ends a command that waits for zend.
func TestInterruptWhileZendWorks(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	waiting := make(chan struct{})
	defer close(waiting)
	var errOut bytes.Buffer
	a := testApp(t, &fakeZend{}, "", &errOut)
	a.zend = func(bool) (zend.Caller, error) {
		return stuck{func() { cancel(ui.ErrInterrupted) }, waiting},
			nil
	}
	if code := a.run(ctx, []string{"login", "dockerhub"}); code != credential.ExitInterrupted ||
		!strings.Contains(errOut.String(), "Aborted!") {
		t.Errorf("exit %d: %s", code, errOut.String())
	}
}

type stuck struct {
	called func()
	until  chan struct{}
}

func (s stuck) Call(string, []byte, time.Time) (ipc.Reply, error) {
	s.called()
	<-s.until
	return ipc.Reply{}, absent()
}
