package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/ipc"
	"github.com/zen-agent/zen/internal/paths"
	"github.com/zen-agent/zen/internal/safetext"
)

// changeTime bounds how long zend may take to end or to come back.
const changeTime = 20 * time.Second

// Daemon look after zend and the programs as they are installed.
type Daemon struct {
	*ui.UI

	zend zend.Connect
	dirs func() (paths.Dirs, error)
}

// NewDaemon makes the commands that look after zend.
func NewDaemon(u *ui.UI, connect zend.Connect, dirs func() (paths.Dirs, error)) *Daemon {
	return &Daemon{UI: u, zend: connect, dirs: dirs}
}

// Command is zen daemon.
func (a *Daemon) Command() *cobra.Command {
	return command.Group(
		"daemon",
		"Look after zend",
		"  zen daemon status\n  zen daemon restart",
		a.daemonStartCommand(),
		a.daemonStopCommand(),
		a.daemonRestartCommand(),
		a.daemonStatusCommand(),
		a.daemonLogsCommand(),
	)
}

func (a *Daemon) daemonStartCommand() *cobra.Command {
	return &cobra.Command{
		Use: "start", Short: "Start zend unless it runs",
		Long:    "Start zend unless it runs. That is rarely needed: every client starts it.",
		Example: "  zen daemon start",
		Args:    command.Arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			status, err := zend.Call[api.Status](cmd.Context(), a.zend, api.MethodStatus, api.Empty{})
			if err != nil {
				return err
			}
			a.Say("zend runs (process %d).", status.PID)
			return nil
		},
	}
}

func (a *Daemon) daemonStopCommand() *cobra.Command {
	return &cobra.Command{
		Use: "stop", Short: "Finish open requests and stop zend",
		Long: `End zend. Requests in flight are finished first. Logins stay; the next client starts
zend again. A session vault's key stays with the kernel.`,
		Example: "  zen daemon stop",
		Args:    command.Arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			before, err := runningStatus(ctx, a.zend, a.Getenv)
			if zend.IsAbsent(err) {
				a.Say("zend is not running.")
				return nil
			}
			if err != nil {
				return err
			}
			if err := a.tellZend(ctx, api.MethodDaemonStop); err != nil {
				return err
			}
			gone := func(s api.Status, err error) bool {
				return zend.IsAbsent(err) || err == nil &&
					s.PID != before.PID
			}
			if _, err := a.awaitRunning(ctx, gone); err != nil {
				return err
			}
			a.Say("zend stopped.")
			return nil
		},
	}
}

func (a *Daemon) daemonRestartCommand() *cobra.Command {
	return &cobra.Command{
		Use: "restart", Short: "Restart zend as the version that is installed now",
		Long: "Restart zend, after an upgrade for example. Requests in flight are finished, and " +
			"clients see no interruption.",
		Example: "  zen daemon restart",
		Args:    command.Arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			before, err := runningStatus(ctx, a.zend, a.Getenv)
			if err != nil && !zend.IsAbsent(err) {
				return err
			}
			if err == nil {
				if err := a.tellZend(ctx, api.MethodDaemonRestart); err != nil && !zend.IsAbsent(err) {
					return err
				}
			}
			client, err := a.zend(true)
			if err != nil {
				return err
			}
			after, err := a.awaitStatus(ctx, client, func(s api.Status, err error) bool {
				return err == nil && !s.Started.Equal(before.Started)
			})
			if err != nil {
				return err
			}
			a.Say("zend %s runs (process %d).", after.Version, after.PID)
			return nil
		},
	}
}

// tellZend sends a request without params to a zend that runs.
func (a *Daemon) tellZend(ctx context.Context, method string) error {
	client, err := a.zend(false)
	if err != nil {
		return err
	}
	_, err = zend.Ask[api.Empty](ctx, client, method, api.Empty{}, nil, zend.Glance)
	return err
}

func (a *Daemon) awaitRunning(ctx context.Context, done func(api.Status, error) bool) (api.Status, error) {
	client, err := a.zend(false)
	if err != nil {
		return api.Status{}, err
	}
	return a.awaitStatus(ctx, client, done)
}

// awaitStatus asks for the status until it is the one waited for.
func (a *Daemon) awaitStatus(
	ctx context.Context,
	client zend.Caller,
	done func(api.Status, error) bool,
) (api.Status, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, changeTime,
		credential.NewError(credential.Timeout, "zend takes too long", "zen daemon logs"))
	defer cancel()
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, 200*time.Millisecond) {
		status, err := zend.Ask[api.Status](ctx, client, api.MethodStatus, api.Empty{}, nil, zend.Glance)
		if ctx.Err() != nil {
			return status, context.Cause(ctx)
		}
		if done(status, err) {
			return status, nil
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return status, context.Cause(ctx)
		}
	}
}

// daemonReport is what zen daemon status shows. It is made without starting zend.
type daemonReport struct {
	Running bool        `json:"running"`
	Problem string      `json:"problem,omitempty"` // why it does not run or cannot be asked
	Hint    string      `json:"hint,omitempty"`
	Socket  string      `json:"socket"`
	Program string      `json:"program"` // what a client would start
	LogFile string      `json:"log_file"`
	Notes   []string    `json:"notes,omitempty"` // places that were asked for and are not used
	LastLog []string    `json:"last_log,omitempty"`
	Status  *api.Status `json:"status,omitempty"`
}

func (a *Daemon) daemonStatusCommand() *cobra.Command {
	var o ui.Output
	cmd := &cobra.Command{
		Use: "status", Short: "Show whether zend runs, or why it does not",
		Long: `Show whether zend runs, where its socket and its log are, and what keeps it from
starting. zend is not started by this. The exit status is 0 when it runs.`,
		Example: "  zen daemon status\n  zen daemon status -o json",
		Args:    command.Arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			report, reason, err := a.inspectDaemon(cmd.Context())
			if err != nil {
				return err
			}
			if err := a.Show(o, report, func() { a.drawDaemon(report) }); err != nil || report.Running {
				return err
			}
			return ui.StatusError(reason.Info().Exit)
		},
	}
	command.AddOutput(a.UI, cmd, &o)
	return cmd
}

// inspectDaemon looks at zend from outside.
func (a *Daemon) inspectDaemon(ctx context.Context) (daemonReport, credential.Reason, error) {
	var r daemonReport
	dirs, err := a.dirs()
	if err != nil {
		return r, "", err
	}
	if r.Socket, err = dirs.Socket(); err != nil {
		return r, "", err
	}
	for _, f := range dirs.Fallbacks {
		wanted := f.Variable
		if f.Wanted != "" {
			wanted += " (" + f.Wanted + ")"
		}
		r.Notes = append(r.Notes, wanted+" "+f.Why+"; using "+f.Used)
	}
	r.LogFile = dirs.Log()
	program, programErr := (&ipc.Starter{}).Program()
	r.Program = program
	status, err := runningStatus(ctx, a.zend, a.Getenv)
	if err == nil {
		r.Running, r.Status = true, &status
		return r, "", nil
	}
	if ui.IsEnd(err) {
		return r, "", err
	}
	r.Problem, r.Hint = zend.Explain(err)
	if zend.IsAbsent(err) {
		r.obstacle(dirs, programErr)
		r.LastLog, _ = lastLines(r.LogFile, 10) // there may be none
	}
	return r, credential.ReasonOf(err), nil
}

// obstacle looks for what would keep a client from starting zend.
func (r *daemonReport) obstacle(dirs paths.Dirs, programErr error) {
	if programErr != nil {
		if r.Problem, r.Hint = zend.Explain(programErr); r.Hint == "zen daemon start" {
			r.Hint = "set " + ipc.DaemonVariable + " to zend's absolute path, or install zend beside zen"
		}
		return
	}
	for _, dir := range []string{dirs.Runtime, dirs.Data, dirs.State} {
		if _, err := os.Lstat(dir); errors.Is(err, os.ErrNotExist) {
			continue // zend makes it
		}
		check := paths.CheckDir
		if dir == dirs.Runtime {
			check = paths.SecureDir // changes nothing in one that exists
		}
		if err := check(dir); err != nil {
			r.Problem, r.Hint = zend.Explain(err)
			return
		}
	}
}

func (a *Daemon) drawDaemon(r daemonReport) {
	state := "not running"
	if r.Running {
		state = fmt.Sprintf("running, process %d", r.Status.PID)
	}
	rows := [][]string{{"STATE", state}}
	if r.Running {
		rows = append(rows,
			[]string{"VERSION", r.Status.Version},
			[]string{"SINCE", ui.Clock(r.Status.Started) + " (" + r.Status.Activity + ")"},
			[]string{"ENDS WHEN IDLE", idle(r.Status.IdleExit)})
	}
	if r.Problem != "" {
		rows = append(rows, []string{"PROBLEM", ui.Paragraph(r.Problem)})
	}
	rows = append(
		rows,
		[]string{"SOCKET", r.Socket},
		[]string{"PROGRAM", ui.OrDash(r.Program)},
		[]string{"LOG", r.LogFile},
	)
	for _, n := range r.Notes {
		rows = append(rows, []string{"NOTE", ui.Paragraph(n)})
	}
	a.DrawProperties("", "ZEND", rows)
	if len(r.LastLog) > 0 {
		a.Say("The end of the log:")
		for _, line := range r.LastLog {
			a.Say("  %s", line)
		}
	}
	a.Hint(r.Hint)
	if r.Running && r.Status.Version != api.Version {
		a.Warn("zend is of version "+r.Status.Version+" and zen of version "+api.Version, "zen daemon "+
			"restart")
	}
}

func idle(seconds int) string {
	if seconds == 0 {
		return "never"
	}
	return "after " + ui.Span(time.Duration(seconds)*time.Second)
}

type logsOptions struct {
	lines  int
	follow bool
}

func (a *Daemon) daemonLogsCommand() *cobra.Command {
	var o logsOptions
	cmd := &cobra.Command{
		Use: "logs", Short: "Show the end of zend's log",
		Long: `Show the end of the log that zend writes when a client started it. A zend that
systemd started logs to the journal: journalctl --user -u zend.`,
		Example: "  zen daemon logs\n  zen daemon logs -n 200\n  zen daemon logs --follow",
		Args:    command.Arguments(0, 0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.daemonLogs(cmd, o) },
	}
	cmd.Flags().IntVarP(&o.lines, "lines", "n", 50, "how `MANY` lines")
	cmd.Flags().BoolVarP(&o.follow, "follow", "f", false, "go on with what is written from now on")
	return cmd
}

func (a *Daemon) daemonLogs(cmd *cobra.Command, o logsOptions) error {
	if o.lines < 0 {
		return ui.Misused(cmd, "'--lines' is at least 0.")
	}
	dirs, err := a.dirs()
	if err != nil {
		return err
	}
	path := dirs.Log()
	lines, err := lastLines(path, o.lines)
	if errors.Is(err, os.ErrNotExist) && !o.follow {
		return credential.NewError(credential.NoSuchEntity, "there is no log yet: "+path, "zen daemon status")
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return ui.Refused("cannot read the log: "+err.Error(), "")
	}
	for _, line := range lines {
		fmt.Fprintln(a.Out, safetext.Text(line))
	}
	if o.follow {
		return a.followLog(cmd.Context(), filepath.Clean(path))
	}
	return nil
}
