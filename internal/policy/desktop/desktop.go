package desktop

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/execsafe"
	"github.com/zen-agent/zen/internal/policy/approval"
	"github.com/zen-agent/zen/internal/safetext"
	"github.com/zen-agent/zen/internal/sessionbus"
)

// The program, and where it is looked for: never in PATH, which whoever started zend
// chose.
const program = "notify-send"

func directories() []string {
	return []string{"/usr/bin", "/usr/local/bin", "/bin", "/run/current-system/sw/bin"}
}

// Names of the buttons.
const (
	actionAllow = "allow"
	actionDeny  = "deny"
)

// maxText bounds what is shown of a text that a program chose, in runes.
const maxText = 120

// closing is how long notify-send has to take its notification back.
const closing = 2 * time.Second

// Notifier asks by notifications. Its fields may be left out.
type Notifier struct {
	Dirs   []string            // where notify-send is; nil: the system's directories for programs
	Getenv func(string) string // nil: os.Getenv
	Log    *slog.Logger
}

// Ask shows a notification with two buttons, for as long as ctx allows. With a
// notify-send that knows no buttons (before 0.8) it tells what to type, and returns at
// once, as it does where there is no desktop.
func (n *Notifier) Ask(ctx context.Context, question api.Approval) approval.Answer {
	path := n.find()
	if path == "" {
		return approval.NoAnswer
	}
	getenv := n.Getenv
	if getenv == nil {
		getenv = os.Getenv
	}
	bus, problem := sessionbus.Find(getenv)
	if problem != "" {
		return approval.NoAnswer
	}
	environ := sessionbus.Environ(getenv, bus)
	summary, body := texts(question)
	out, err := run(
		ctx,
		environ,
		path,
		"--action="+actionAllow+"=Allow",
		"--action="+actionDeny+"=Deny",
		"--",
		summary,
		body,
	)
	if _, failed := errors.AsType[*exec.ExitError](err); failed && ctx.Err() == nil {
		out, err = run(ctx, environ, path, "--", summary, body+"\nTo answer, type: zen approve "+question.ID)
	}
	if err != nil && ctx.Err() == nil && n.Log != nil {
		n.Log.Info("Cannot ask on the desktop", "error", err)
	}
	switch strings.TrimSpace(string(out)) {
	case actionAllow:
		return approval.Yes
	case actionDeny:
		return approval.No
	}
	return approval.NoAnswer
}

func (n *Notifier) find() string {
	dirs := n.Dirs
	if dirs == nil {
		dirs = directories()
	}
	for _, dir := range dirs {
		path := filepath.Join(dir, program)
		path, err := execsafe.Resolve(path)
		if err == nil {
			return path
		}
		if !errors.Is(err, fs.ErrNotExist) && n.Log != nil {
			n.Log.Info("Cannot ask on the desktop", "error", err)
		}
	}
	return ""
}

// run runs notify-send until it ends by itself, or ctx does: then it closes its
// notification.
func run(ctx context.Context, environ []string, path string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(
		ctx,
		path,
		append([]string{"--app-name=zen", "--urgency=critical", "--icon=dialog-password"}, args...)...)
	cmd.Env, cmd.Dir = environ, "/"
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = closing
	var out bytes.Buffer
	cmd.Stdout = &out
	err := cmd.Run()
	return out.Bytes(), err
}

// texts are what the notification says. Its body may be read as markup, so what comes
// from elsewhere is escaped there.
func texts(q api.Approval) (summary, body string) {
	who := safetext.Short(filepath.Base(cmp.Or(q.Asker, "an unknown program")), maxText)
	what := safetext.Short(cmp.Or(q.Connector, q.Address), maxText)
	summary = fmt.Sprintf("May %s use %s?", who, what)
	var lines []string
	if q.Address != "" && q.Connector != "" {
		lines = append(lines, "Registry: "+safetext.Short(q.Address, maxText))
	}
	if q.Action != "get" {
		lines = append(lines, "It wants to show the secrets.")
	}
	if q.Asker != "" {
		lines = append(lines, "Program: "+safetext.Short(q.Asker, maxText))
	}
	if q.Dir != "" {
		lines = append(lines, "Directory: "+safetext.Short(q.Dir, maxText))
	}
	if q.KeepSeconds > 0 {
		lines = append(
			lines,
			"Approval is remembered for "+(time.Duration(q.KeepSeconds)*time.Second).String()+".",
		)
	}
	return summary, strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").
		Replace(strings.Join(lines, "\n"))
}
