package desktop

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/policy/approval"
)

// rig is a Notifier with a script in place of notify-send, which writes its arguments and
// environment to a file.
type rig struct {
	*Notifier
	t   *testing.T
	dir string
	log bytes.Buffer
}

func newRig(t *testing.T, script string) *rig {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "zen")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	r := &rig{t: t, dir: dir}
	head := "#!/bin/sh\nfor a; do printf '%s\\n' \"$a\" >>" + dir + "/args; done\nenv >" + dir +
		"/env\nprintf 'call\\n' >>" + dir + "/args\n"
	if err := os.WriteFile(filepath.Join(dir, program), []byte(head+script), 0o700); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("unix", filepath.Join(dir, "bus"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	r.Notifier = &Notifier{
		Dirs: []string{"/nonexistent", dir}, Log: slog.New(slog.NewTextHandler(&r.log, nil)),
		Getenv: func(name string) string {
			return map[string]string{
				"XDG_RUNTIME_DIR": dir, "HOME": "/home/me",
				"GITHUB_TOKEN": "secret",
			}[name]
		},
	}
	return r
}

func (r *rig) file(name string) string {
	r.t.Helper()
	content, err := os.ReadFile(filepath.Join(r.dir, name))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(content)
}

func question() api.Approval {
	return api.Approval{
		ID:          "k7qm",
		Action:      "get",
		Connector:   "prod",
		Address:     "ghcr.io",
		Asker:       "/usr/bin/docker",
		Dir:         "/src/app",
		KeepSeconds: 600,
	}
}

func TestButtons(t *testing.T) {
	for script, want := range map[string]approval.Answer{
		"echo allow": approval.Yes, "echo deny": approval.No, "echo": approval.NoAnswer,
		"": approval.NoAnswer, "echo default": approval.NoAnswer, "echo allowed": approval.NoAnswer,
	} {
		r := newRig(t, script+"\n")
		if got := r.Ask(t.Context(), question()); got != want {
			t.Errorf("%q: %v", script, got)
		}
		const args = "--app-name=zen\n--urgency=critical\n--icon=dialog-password\n" +
			"--action=allow=Allow\n--action=deny=Deny\n" +
			"--\nMay docker use prod?\n" +
			"Registry: ghcr.io\nProgram: /usr/bin/docker\nDirectory: /src/app\nApproval is remembered " +
			"for 10m0s.\ncall\n"
		if got := r.file("args"); got != args {
			t.Errorf("it was called with %q", got)
		}
		if env := r.file("env"); strings.Contains(env, "secret") ||
			!strings.Contains(env, "DBUS_SESSION_BUS_ADDRESS=unix:path="+r.dir+"/bus\n") ||
			!strings.Contains(env, "HOME=/home/me\n") {
			t.Errorf("its environment: %s", env)
		}
	}
}

// A notify-send from before 0.8 knows no --action: it tells what to type.
func TestWithoutButtons(t *testing.T) {
	r := newRig(t, `case "$*" in *--action*) echo "Unknown option --action=allow=Allow" >&2; exit 1;; `+
		`esac`+"\n")
	if got := r.Ask(t.Context(), question()); got != approval.NoAnswer {
		t.Errorf("%v", got)
	}
	if got := r.file("args"); !strings.HasSuffix(got, "\nTo answer, type: zen approve "+
		"k7qm\ncall\n") || strings.Count(got, "call\n") != 2 {
		t.Errorf("it was called with %q", got)
	}
	if r.log.Len() > 0 {
		t.Errorf("logged %s", &r.log)
	}
}

func TestNoDesktop(t *testing.T) {
	r := newRig(t, "exit 1\n")
	if got := r.Ask(t.Context(), question()); got != approval.NoAnswer ||
		!strings.Contains(r.log.String(), "Cannot ask on the desktop") {
		t.Errorf("%v, logged %s", got, &r.log)
	}
	for name, change := range map[string]func(r *rig){
		"no notify-send":           func(r *rig) { os.Remove(filepath.Join(r.dir, program)) },
		"it is no program":         func(r *rig) { os.Chmod(filepath.Join(r.dir, program), 0o600) },
		"everyone may change it":   func(r *rig) { os.Chmod(filepath.Join(r.dir, program), 0o702) },
		"everyone may exchange it": func(r *rig) { os.Chmod(r.dir, 0o777) },
		"it is a directory":        func(r *rig) { r.Dirs = []string{filepath.Dir(r.dir)} },
		"no bus":                   func(r *rig) { os.Remove(filepath.Join(r.dir, "bus")) },
		"no such directories":      func(r *rig) { r.Dirs = []string{} },
	} {
		r := newRig(t, "echo allow\n")
		change(r)
		if got := r.Ask(t.Context(), question()); got != approval.NoAnswer {
			t.Errorf("%s: %v", name, got)
		}
		if _, err := os.Stat(filepath.Join(r.dir, "args")); err == nil {
			t.Errorf("%s: something was run", name)
		}
	}
}

// A question that is answered elsewhere is taken back: notify-send closes its
// notification on an interrupt.
func TestTakenBack(t *testing.T) {
	r := newRig(t, "trap 'echo closed >"+"$0.closed; exit 0' INT\necho up >$0.up\nwhile :; do sleep "+
		"0.01; done\n")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for !exists(filepath.Join(r.dir, program+".up")) {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	if got := r.Ask(ctx, question()); got != approval.NoAnswer {
		t.Errorf("%v", got)
	}
	if r.file(program+".closed") != "closed\n" || strings.Count(r.file("args"), "call\n") != 1 ||
		r.log.Len() > 0 {
		t.Errorf("args %q, logged %s", r.file("args"), &r.log)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func TestTexts(t *testing.T) {
	summary, body := texts(api.Approval{Action: "get", Address: "ghcr.io"})
	if summary != "May an unknown program use ghcr.io?" || body != "" {
		t.Errorf("%q, %q", summary, body)
	}
	q := question()
	q.Action, q.Asker, q.Dir = "reveal", "/tmp/<b>&\x1b[2J\u202egnp\ndocker", "/"+strings.Repeat("ü", 1000)
	summary, body = texts(q)
	if summary != `May <b>&\x1b[2J\u202egnp docker use prod?` || !strings.Contains(body, "It wants to "+
		"show the secrets.\nProgram: /tmp/&lt;b&gt;&amp;\\x1b[2J\\u202egnp docker\n") ||
		len(body) > 600 {
		t.Errorf("%q, %q", summary, body)
	}
}
