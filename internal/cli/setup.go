package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/clientconfig"
)

type setupOptions struct {
	clientconfig.Options

	undo   bool
	output output
}

func (a *app) setupCommand() *cobra.Command {
	var o setupOptions
	cmd := &cobra.Command{
		Use: "setup [CLIENT]", Short: "Let docker ask zen for credentials, or no longer",
		Long: `Point docker at zen: its configuration (config.json in DOCKER_CONFIG or ~/.docker) gets the credsStore "zen", or with
--host entries in credHelpers for these registries only. Everything else in the file stays as it is, to the byte.
What was there is remembered, so that --undo can put it back. A file that cannot be read is not touched.`,
		Example: `  zen setup docker
  zen setup docker --dry-run
  zen setup docker --host ghcr.io --host localhost:5000
  zen setup docker --undo`,
		Args:      arguments(0, 1, "CLIENT"),
		ValidArgs: clientconfig.Clients(),
		RunE: func(cmd *cobra.Command, args []string) error {
			reports, err := a.setup(cmd.Context(), args, o)
			if err != nil && len(reports) == 0 {
				return err
			}
			show := a.show(o.output, setupDocument{reports}, func() { a.drawSetup(reports, o) })
			if err != nil {
				return err
			}
			return show
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&o.Hosts, "host", nil, "only for this `REGISTRY`, in any spelling; may be given several times")
	flags.BoolVar(&o.undo, "undo", false, "take back what setup did")
	flags.BoolVarP(&o.DryRun, "dry-run", "n", false, "show what would change and write nothing")
	complete(cmd, "host", a.completeFrom(0, loginNames))
	a.addOutput(cmd, &o.output)
	return cmd
}

// setupDocument is what scripts get.
type setupDocument struct {
	Items []*clientconfig.Report `json:"items"`
}

// setup does it, for the client named; without a name for docker, and an undo for every file that zen changed.
func (a *app) setup(ctx context.Context, args []string, o setupOptions) ([]*clientconfig.Report, error) {
	env, err := a.clientEnv()
	if err != nil {
		return nil, err
	}
	client := "docker"
	if len(args) == 1 {
		client = args[0]
	}
	if !o.undo {
		report, err := env.Apply(ctx, client, o.Options)
		return found(report), err
	}
	changed, err := env.Recorded()
	if err != nil {
		return nil, err
	}
	if len(args) == 1 || len(changed) == 0 {
		report, err := env.Undo(ctx, client, o.Options)
		return found(report), err
	}
	return undoAll(ctx, env, changed, o.Options)
}

// undoAll takes back everything; what fails does not keep the rest from being taken back.
func undoAll(ctx context.Context, env clientconfig.Env, changed []clientconfig.Recorded, o clientconfig.Options) ([]*clientconfig.Report, error) {
	var reports []*clientconfig.Report
	var failed error
	for _, c := range changed {
		o.File = c.File
		report, err := env.Undo(ctx, c.Client, o)
		if err != nil {
			failed = err
			continue
		}
		report.Elsewhere = nil
		reports = append(reports, report)
	}
	return reports, failed
}

func found(report *clientconfig.Report) []*clientconfig.Report {
	if report == nil {
		return nil
	}
	return []*clientconfig.Report{report}
}

// clientEnv is where clients of this user keep their configuration.
func (a *app) clientEnv() (clientconfig.Env, error) {
	dirs, err := a.dirs()
	if err != nil {
		return clientconfig.Env{}, err
	}
	program, err := os.Executable()
	if err == nil {
		program, err = filepath.EvalSymlinks(program)
	}
	if err != nil {
		program = ""
	}
	return clientconfig.Env{Getenv: a.getenv, State: dirs.State, Program: program}, nil
}

func (a *app) drawSetup(reports []*clientconfig.Report, o setupOptions) {
	for _, r := range reports {
		if o.undo {
			a.sayUndone(r, o)
		} else {
			a.sayApplied(r, o)
		}
		if o.DryRun {
			fmt.Fprint(a.out, r.Diff) // made for a terminal, and its tabs must stay
		}
	}
	if o.DryRun {
		a.say("This was a dry run: nothing was written.")
	}
}

func (a *app) sayApplied(r *clientconfig.Report, o setupOptions) {
	whose := "credentials"
	if len(o.Hosts) > 0 {
		whose = "the credentials of " + strings.Join(o.Hosts, ", ")
	}
	switch {
	case !r.Changed:
		a.say("%s asks zen for %s already (%s).", r.Client, whose, r.File)
	case o.DryRun:
		a.say("%s would ask zen for %s:", r.Client, whose)
	default:
		a.say("%s asks zen for %s from now on:", r.Client, whose)
	}
	for _, s := range r.Steps {
		was := ""
		if s.Before != "" {
			was = fmt.Sprintf(" (was %q)", s.Before)
		}
		a.say("  %s: %s is %q%s", fileOf(r), s.Member, s.After, was)
	}
	a.warnPlaintext(r)
	for _, w := range r.Warnings {
		a.warn(w.Message, w.Hint)
	}
}

// fileOf names a report's file, and where its symbolic links lead.
func fileOf(r *clientconfig.Report) string {
	if r.Target != r.File {
		return r.File + " (" + r.Target + ")"
	}
	return r.File
}

// warnPlaintext names the logins that lie in the file in clear: those that are out of use now, and those that were before.
func (a *app) warnPlaintext(r *clientconfig.Report) {
	rest := slices.DeleteFunc(slices.Clone(r.Plaintext), func(name string) bool { return slices.Contains(r.Hidden, name) })
	if len(r.Hidden) > 0 {
		a.warn(r.Client+" no longer uses the logins that the file holds in clear: "+strings.Join(r.Hidden, ", "),
			takeOut(r.Client, r.Hidden)+", then log in through zen")
	}
	if len(rest) > 0 {
		a.warn("the file holds logins in clear: "+strings.Join(rest, ", "), takeOut(r.Client, rest))
	}
}

func takeOut(client string, registries []string) string {
	return "take them out: " + client + " logout " + registries[0]
}

func (a *app) sayUndone(r *clientconfig.Report, o setupOptions) {
	is, were := "is", "were"
	if o.DryRun {
		is, were = "would be", "would be"
	}
	switch {
	case r.Created:
		a.say("%s %s removed: zen had made it.", fileOf(r), is)
	case r.Exact:
		a.say("%s %s as it was before zen changed it:", fileOf(r), is)
	case r.Unrecorded && r.Changed:
		a.say("zen does not remember what was in %s before. What names zen there %s taken out:", fileOf(r), is)
	case r.Changed && len(o.Hosts) > 0:
		a.say("In %s %s taken back:", fileOf(r), is)
	case r.Changed:
		a.say("%s was changed by others since. Only zen's own entries %s taken back:", fileOf(r), were)
	case len(r.Steps) > 0:
		a.say("In %s there is nothing to take back:", fileOf(r))
	default:
		a.say("zen has changed nothing in %s.", fileOf(r))
	}
	for _, s := range r.Steps {
		switch {
		case s.Kept:
			a.say("  %s is %q by now and stays", s.Member, s.Before)
		case s.After == "":
			a.say("  %s is removed", s.Member)
		default:
			a.say("  %s is %q again", s.Member, s.After)
		}
	}
	for _, file := range r.Elsewhere {
		a.say("zen also changed %s.", file)
		a.hint("take that back too: DOCKER_CONFIG=" + filepath.Dir(file) + " zen setup " + r.Client + " --undo")
	}
}
