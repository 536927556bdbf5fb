package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/ipc"
	"github.com/zen-agent/zen/internal/paths"
)

// changeTime bounds how long zend may take to end or to come back.
const changeTime = 20 * time.Second

func (a *app) daemonCommand() *cobra.Command {
	return group("daemon", "Look after zend", "  zen daemon status\n  zen daemon restart",
		a.daemonStartCommand(), a.daemonStopCommand(), a.daemonRestartCommand(), a.daemonStatusCommand(), a.daemonLogsCommand())
}

func (a *app) daemonStartCommand() *cobra.Command {
	return &cobra.Command{
		Use: "start", Short: "Start zend unless it runs",
		Long:    "Start zend unless it runs. That is rarely needed: every client starts it.",
		Example: "  zen daemon start",
		Args:    arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			status, err := call[api.Status](cmd.Context(), a, api.MethodStatus, api.Empty{})
			if err != nil {
				return err
			}
			a.say("zend runs (process %d).", status.PID)
			return nil
		},
	}
}

func (a *app) daemonStopCommand() *cobra.Command {
	return &cobra.Command{
		Use: "stop", Short: "Let zend finish what it is doing and end",
		Long: `End zend. Requests in flight are finished first. Logins stay; the next client starts zend again. A session
vault's key stays with the kernel.`,
		Example: "  zen daemon stop",
		Args:    arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			before, err := a.runningStatus(ctx)
			if isAbsent(err) {
				a.say("zend is not running.")
				return nil
			}
			if err != nil {
				return err
			}
			if err := a.tellZend(ctx, api.MethodDaemonStop); err != nil {
				return err
			}
			gone := func(s api.Status, err error) bool { return isAbsent(err) || err == nil && s.PID != before.PID }
			if _, err := a.awaitRunning(ctx, gone); err != nil {
				return err
			}
			a.say("zend has ended.")
			return nil
		},
	}
}

func (a *app) daemonRestartCommand() *cobra.Command {
	return &cobra.Command{
		Use: "restart", Short: "Let zend go on as the program that is installed now",
		Long:    "Restart zend, after an upgrade for example. Requests in flight are finished, and nobody meets a closed door.",
		Example: "  zen daemon restart",
		Args:    arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			before, err := a.runningStatus(ctx)
			if err != nil && !isAbsent(err) {
				return err
			}
			if err == nil {
				if err := a.tellZend(ctx, api.MethodDaemonRestart); err != nil && !isAbsent(err) {
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
			a.say("zend %s runs (process %d).", after.Version, after.PID)
			return nil
		},
	}
}

// tellZend sends a request without params to a zend that runs.
func (a *app) tellZend(ctx context.Context, method string) error {
	client, err := a.zend(false)
	if err != nil {
		return err
	}
	_, err = ask[api.Empty](ctx, client, method, api.Empty{}, nil, glance)
	return err
}

// isAbsent reports whether nobody listens at the socket, or went away from it.
func isAbsent(err error) bool { return credential.Unavailable.Is(err) }

func (a *app) awaitRunning(ctx context.Context, done func(api.Status, error) bool) (api.Status, error) {
	client, err := a.zend(false)
	if err != nil {
		return api.Status{}, err
	}
	return a.awaitStatus(ctx, client, done)
}

// awaitStatus asks for the status until it is the one waited for.
func (a *app) awaitStatus(ctx context.Context, client caller, done func(api.Status, error) bool) (api.Status, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, changeTime,
		credential.NewError(credential.Timeout, "zend takes too long", "zen daemon logs"))
	defer cancel()
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, 200*time.Millisecond) {
		status, err := ask[api.Status](ctx, client, api.MethodStatus, api.Empty{}, nil, glance)
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

func (a *app) daemonStatusCommand() *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use: "status", Short: "Show whether zend runs, or why it does not",
		Long: `Show whether zend runs, where its socket and its log are, and what keeps it from starting. zend is not started by
this. The exit status is 0 when it runs.`,
		Example: "  zen daemon status\n  zen daemon status -o json",
		Args:    arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			report, reason, err := a.inspectDaemon(cmd.Context())
			if err != nil {
				return err
			}
			if err := a.show(o, report, func() { a.drawDaemon(report) }); err != nil || report.Running {
				return err
			}
			return statusError(reason.Info().Exit)
		},
	}
	a.addOutput(cmd, &o)
	return cmd
}

// inspectDaemon looks at zend from outside.
func (a *app) inspectDaemon(ctx context.Context) (daemonReport, credential.Reason, error) {
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
	status, err := a.runningStatus(ctx)
	if err == nil {
		r.Running, r.Status = true, &status
		return r, "", nil
	}
	if isEnd(err) {
		return r, "", err
	}
	r.explain(err)
	if isAbsent(err) {
		r.obstacle(dirs, programErr)
		r.LastLog, _ = lastLines(r.LogFile, 10) // there may be none
	}
	return r, credential.ReasonOf(err), nil
}

// explain takes over what an error says.
func (r *daemonReport) explain(err error) {
	r.Problem = err.Error()
	if e, ok := errors.AsType[*credential.Error](err); ok {
		r.Hint = e.HintText()
	}
	if r.Hint == credential.Unavailable.Info().Hint {
		r.Hint = "zen daemon start"
	}
}

// obstacle looks for what would keep a client from starting zend.
func (r *daemonReport) obstacle(dirs paths.Dirs, programErr error) {
	if programErr != nil {
		r.Problem, r.Hint = programErr.Error(), "set "+ipc.DaemonVariable+" to zend's absolute path, or install zend beside zen"
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
			r.explain(err)
			return
		}
	}
	info, err := os.Stat(r.Program)
	switch {
	case err != nil:
		r.Problem, r.Hint = "zend cannot be started: "+err.Error(), "install zend beside zen, or set "+ipc.DaemonVariable+" to where it is"
	case info.IsDir() || info.Mode()&0o111 == 0:
		r.Problem, r.Hint = r.Program+" is not executable", "chmod +x "+r.Program
	}
}

func (a *app) drawDaemon(r daemonReport) {
	state := "not running"
	if r.Running {
		state = fmt.Sprintf("running, process %d", r.Status.PID)
	}
	rows := [][]string{{"STATE", state}}
	if r.Running {
		rows = append(rows,
			[]string{"VERSION", r.Status.Version},
			[]string{"SINCE", clock(r.Status.Started) + " (" + r.Status.Activity + ")"},
			[]string{"ENDS WHEN IDLE", idle(r.Status.IdleExit)})
	}
	if r.Problem != "" {
		rows = append(rows, []string{"PROBLEM", paragraph(r.Problem)})
	}
	rows = append(rows, []string{"SOCKET", r.Socket}, []string{"PROGRAM", orDash(r.Program)}, []string{"LOG", r.LogFile})
	for _, n := range r.Notes {
		rows = append(rows, []string{"NOTE", paragraph(n)})
	}
	a.drawProperties("", "ZEND", rows)
	if len(r.LastLog) > 0 {
		a.say("The end of the log:")
		for _, line := range r.LastLog {
			a.say("  %s", line)
		}
	}
	a.hint(r.Hint)
	if r.Running && r.Status.Version != api.Version {
		a.warn("zend is of version "+r.Status.Version+" and zen of version "+api.Version, "zen daemon restart")
	}
}

func idle(seconds int) string {
	if seconds == 0 {
		return "never"
	}
	return "after " + span(time.Duration(seconds)*time.Second)
}

type logsOptions struct {
	lines  int
	follow bool
}

func (a *app) daemonLogsCommand() *cobra.Command {
	var o logsOptions
	cmd := &cobra.Command{
		Use: "logs", Short: "Show the end of zend's log",
		Long: `Show the end of the log that zend writes when a client started it. A zend that systemd started logs to the
journal: journalctl --user -u zend.`,
		Example: "  zen daemon logs\n  zen daemon logs -n 200\n  zen daemon logs --follow",
		Args:    arguments(0, 0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.daemonLogs(cmd, o) },
	}
	cmd.Flags().IntVarP(&o.lines, "lines", "n", 50, "how `MANY` lines")
	cmd.Flags().BoolVarP(&o.follow, "follow", "f", false, "go on with what is written from now on")
	return cmd
}

func (a *app) daemonLogs(cmd *cobra.Command, o logsOptions) error {
	if o.lines < 0 {
		return misused(cmd, "'--lines' is at least 0.")
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
		return refused("cannot read the log: "+err.Error(), "")
	}
	for _, line := range lines {
		fmt.Fprintln(a.out, clean(line))
	}
	if o.follow {
		return a.followLog(cmd.Context(), filepath.Clean(path))
	}
	return nil
}
