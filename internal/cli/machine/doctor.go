package machine

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/doctor"
	"github.com/zen-agent/zen/internal/ipc"
	"github.com/zen-agent/zen/internal/paths"
	"github.com/zen-agent/zen/internal/safetext"
)

// peek bounds a look at a socket where nobody is expected.
const peek = time.Second

type doctorOptions struct {
	start  bool
	strict bool
	output ui.Output
}

// Doctor look for what is set up wrongly.
type Doctor struct {
	*ui.UI

	zend      zend.Connect
	dirs      func() (paths.Dirs, error)
	clientEnv func() (clientconfig.Env, error)
	elsewhere func(paths.Dirs) []string
}

// NewDoctor makes the command that looks for what is set up wrongly. clientEnv is where
// this user's clients keep their configuration; elsewhere returns the sockets at which a
// second zend of the user could listen, nil: none.
func NewDoctor(
	u *ui.UI,
	connect zend.Connect,
	dirs func() (paths.Dirs, error),
	clientEnv func() (clientconfig.Env, error),
	elsewhere func(paths.Dirs) []string,
) *Doctor {
	return &Doctor{UI: u, zend: connect, dirs: dirs, clientEnv: clientEnv, elsewhere: elsewhere}
}

// Command is zen doctor.
func (a *Doctor) Command() *cobra.Command {
	var o doctorOptions
	cmd := &cobra.Command{
		Use: "doctor [CHECK]...", Short: "Look for what is set up wrongly, and say what to type",
		Long: `Check everything that is known to go wrong between a client such as docker and zen's
vault: the programs and PATH, the clients' configurations, credentials in plain text, zend, its
directories and the vault. It changes nothing, uses no network and shows no secret. It starts zend
only with --start; without a running zend it skips what only zend knows.

The exit status is 1 when there is a problem, 0 when there are warnings at most; with --strict they
count too.`,
		Example: `  zen doctor
  zen doctor --start
  zen doctor helper client-setup
  zen doctor --strict -o json`,
		Args:      knownChecks,
		ValidArgs: doctor.Checks(),
		RunE:      func(cmd *cobra.Command, args []string) error { return a.doctor(cmd, args, o) },
	}
	cmd.Flags().BoolVar(&o.start, "start", false, "start zend if it does not run")
	cmd.Flags().BoolVar(&o.strict, "strict", false, "end with status 1 for warnings too")
	command.AddOutput(a.UI, cmd, &o.output)
	return cmd
}

func knownChecks(cmd *cobra.Command, args []string) error {
	for _, name := range args {
		if !slices.Contains(doctor.Checks(), name) {
			return ui.Misused(
				cmd,
				"There is no check '%s'. Available: %s.",
				name,
				strings.Join(doctor.Checks(), ", "),
			)
		}
	}
	return nil
}

func (a *Doctor) doctor(cmd *cobra.Command, only []string, o doctorOptions) error {
	facts, err := a.facts(cmd.Context(), o.start)
	if err != nil {
		return err
	}
	results := doctor.Run(cmd.Context(), facts, only...)
	if o.output.IsTable() {
		a.drawDoctor(results)
	} else if err := command.ShowList(a.UI, cmd, o.output, resultListing(results)); err != nil {
		return err
	}
	if doctor.Count(results, doctor.Problem) > 0 || o.strict && doctor.Count(results, doctor.Warning) > 0 {
		return ui.StatusError(credential.ExitError)
	}
	return nil
}

// facts gathers what the checks go by. The error is the user's wish to end.
func (a *Doctor) facts(ctx context.Context, start bool) (doctor.Facts, error) {
	f := doctor.Facts{OS: runtime.GOOS, UID: os.Geteuid(), Version: api.Version, System: doctor.ThisSystem()}
	f.Dirs, f.DirsErr = a.dirs()
	env, err := a.clientEnv()
	if err != nil {
		env = clientconfig.Env{Getenv: a.Getenv} // why is DirsErr
	}
	f.Env = env
	if f.DirsErr != nil {
		f.Zend = doctor.Zend{Problem: "zend has no directories to work in", Hint: "zen doctor directories"}
		return f, nil
	}
	if f.Zend, err = a.lookAtZend(ctx, f.Dirs, start); err != nil {
		return f, err
	}
	f.Others = a.otherZends(ctx, f)
	return f, nil
}

// lookAtZend asks zend how it is, or finds out what would keep a client from starting it.
func (a *Doctor) lookAtZend(ctx context.Context, dirs paths.Dirs, start bool) (doctor.Zend, error) {
	program, programErr := (&ipc.Starter{}).Program()
	z := doctor.Zend{Program: program}
	ask := func(ctx context.Context) (api.Status, error) { return runningStatus(ctx, a.zend, a.Getenv) }
	if start {
		ask = func(ctx context.Context) (api.Status, error) {
			return zend.Call[api.Status](ctx, a.zend, api.MethodStatus, api.Empty{})
		}
	}
	status, err := ask(ctx)
	if err == nil {
		z.Status = &status
		return z, nil
	}
	if ui.IsEnd(err) || ctx.Err() != nil {
		return z, err
	}
	r := daemonReport{Program: program}
	if zend.IsAbsent(err) {
		r.obstacle(dirs, programErr)
	}
	if r.Problem == "" && (start || !zend.IsAbsent(err)) {
		r.Problem, r.Hint = zend.Explain(err)
		if zend.IsAbsent(err) {
			r.Hint = "zen daemon logs"
		}
	}
	z.Problem, z.Hint = r.Problem, r.Hint
	return z, nil
}

// otherZends are the sockets at which somebody answers who is not the zend that was
// asked.
func (a *Doctor) otherZends(ctx context.Context, f doctor.Facts) []string {
	if a.elsewhere == nil {
		return nil
	}
	var answering []string
	for _, socket := range a.elsewhere(f.Dirs) {
		if _, err := os.Lstat(socket); err != nil {
			continue
		}
		client := &ipc.Client{Socket: socket, Name: "zen/" + api.Version}
		status, err := zend.Ask[api.Status](ctx, client, api.MethodStatus, api.Empty{}, nil, peek)
		if err == nil && (f.Zend.Status == nil || f.Zend.Status.PID != status.PID) {
			answering = append(answering, socket)
		}
	}
	return answering
}

func resultListing(results []doctor.Result) command.Listing[doctor.Result] {
	text := func(key string, get func(doctor.Result) string) command.Column[doctor.Result] {
		return command.Column[doctor.Result]{Key: key, Value: func(r doctor.Result) any { return get(r) }}
	}
	return command.Listing[doctor.Result]{Items: results, Columns: []command.Column[doctor.Result]{
		text("check", func(r doctor.Result) string { return r.Check }),
		text("status", func(r doctor.Result) string { return string(r.Status) }),
		text("message", func(r doctor.Result) string { return r.Message }),
		text("hint", func(r doctor.Result) string { return r.Hint }),
	}}
}

// drawDoctor prints one line for each check, and under it what to type: no table, which
// would break commands into lines that nobody can copy.
func (a *Doctor) drawDoctor(results []doctor.Result) {
	signs := map[doctor.Status]string{
		doctor.OK:      "✅",
		doctor.Warning: "🔸",
		doctor.Problem: "💥",
		doctor.Skipped: "⏳",
	}
	width := 0
	for _, r := range results {
		width = max(width, len(r.Check))
	}
	indent := strings.Repeat(" ", width+5)
	for _, r := range results {
		message := safetext.Line(r.Message)
		if a.Term.Width > 0 {
			message = strings.Join(ui.Wrap(message, max(a.Term.Width-len(indent), 30)), "\n"+indent)
		}
		fmt.Fprintf(a.Out, "%s %s  %s\n", signs[r.Status], ui.Pad(r.Check, width), message)
		if r.Hint != "" {
			fmt.Fprintf(a.Out, "%s=> %s\n", indent, safetext.Line(r.Hint))
		}
	}
	problems, warnings, skipped := doctor.Count(
		results,
		doctor.Problem,
	), doctor.Count(
		results,
		doctor.Warning,
	), doctor.Count(
		results,
		doctor.Skipped,
	)
	parts := []string{ui.Count(problems, "problem"), ui.Count(warnings, "warning")}
	if skipped > 0 {
		parts = append(parts, ui.Count(skipped, "check")+" left out")
	}
	if problems+warnings+skipped == 0 {
		a.Say("Everything is fine.")
		return
	}
	a.Say("%s.", strings.Join(parts, ", "))
}
