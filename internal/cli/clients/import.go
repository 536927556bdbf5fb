package clients

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/adopt"
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/clientconfig/logins"
)

type importOptions struct {
	from     []string
	prefer   string
	yes      bool
	dryRun   bool
	remove   bool
	noVerify bool
	noSetup  bool
	undo     bool
	output   ui.Output
}

// Values of --prefer.
const (
	preferZen    = "zen"
	preferSource = "source"
)

// ImportCommand is given what names the logins that zenml keeps, which zen import does
// not take.
func (a *Commands) ImportCommand(warnOfZenMLLogins func(context.Context)) *cobra.Command {
	var o importOptions
	cmd := &cobra.Command{
		Use: "import", Short: "Move the logins that clients have already into the vault",
		Long: `Move logins into zen's vault: those that docker, podman, helm and regctl keep in
plain text in their files, and those of the credential helpers
docker-credential-` + strings.Join(logins.Sources()[4:], ", -") + `.
Without --yes it is shown what would be done, and on a terminal it is asked for.

Each login is shown to its registry, stored, and read back from zen. Only then it is taken out of
its file, where nothing else changes, and only if the client asks zen by then: that is seen to as by
'zen setup'. What other helpers keep stays there unless --remove is given. What a registry refuses,
and what would take the place of another login in zen, stays where it is; --prefer says which of two
logins is to be kept. --undo puts everything back.`,
		Example: `  zen import
  zen import --yes
  zen import --from docker --from pass --remove
  zen import --undo`,
		Args: command.Arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.runImport(cmd, o); err != nil || o.undo || len(o.from) > 0 {
				return err
			}
			warnOfZenMLLogins(cmd.Context())
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&o.from, "from", nil,
		"only from this `SOURCE`: "+strings.Join(logins.Sources(), ", ")+"; may be given several times")
	flags.BoolVarP(&o.yes, "yes", "y", false, "do not ask")
	flags.BoolVarP(&o.dryRun, "dry-run", "n", false, "show what would be done and do nothing")
	flags.StringVar(&o.prefer, "prefer", "", "where zen has another login for a registry, keep `zen`'s "+
		"and take the old one out, or let the one of the 'source' replace it")
	flags.BoolVar(&o.remove, "remove", false, "erase from other helpers what was imported, and delete "+
		"files that clients left behind")
	flags.BoolVar(&o.noVerify, "no-verify", false, "do not ask the registries")
	flags.BoolVar(&o.noSetup, "no-setup", false, "do not point clients at zen; the logins of those that "+
		"do not ask it stay in their files")
	flags.BoolVar(&o.undo, "undo", false, "put what was imported back to where it was, in plain text "+
		"where it was in plain text")
	command.Complete(cmd, "from", func(*cobra.Command, []string, string) ([]string,
		cobra.ShellCompDirective,
	) {
		return logins.Sources(), cobra.ShellCompDirectiveNoFileComp
	})
	command.Complete(cmd, "prefer", func(*cobra.Command, []string, string) ([]string,
		cobra.ShellCompDirective,
	) {
		return []string{preferZen, preferSource}, cobra.ShellCompDirectiveNoFileComp
	})
	command.AddOutput(a.UI, cmd, &o.output)
	return cmd
}

// sources are the sources asked for, by the names that they have here.
func (o *importOptions) sources(cmd *cobra.Command) ([]string, error) {
	var list []string
	for _, name := range o.from {
		if name == "podman" || name == "skopeo" || name == "buildah" {
			name = "containers"
		}
		name = strings.TrimPrefix(name, "docker-credential-")
		if !slices.Contains(logins.Sources(), name) {
			return nil, ui.Misused(cmd, "Invalid value for '--from': '%s' is not %s.", name,
				ui.OneOf(logins.Sources()))
		}
		list = append(list, name)
	}
	return list, nil
}

func (o *importOptions) check(cmd *cobra.Command) error {
	switch {
	case o.prefer != "" && o.prefer != preferZen && o.prefer != preferSource:
		return ui.Misused(cmd, "Invalid value for '--prefer': '%s' is not %s.", o.prefer,
			ui.OneOf([]string{preferZen, preferSource}))
	case o.yes && o.dryRun:
		return ui.Misused(cmd, "Please give either '--yes' or '--dry-run', not both.")
	case o.undo && (o.prefer != "" || o.remove || o.noVerify || o.noSetup):
		return ui.Misused(cmd, "'--undo' goes with '--from', '--yes' and '--dry-run' only.")
	}
	return nil
}

func (a *Commands) runImport(cmd *cobra.Command, o importOptions) error {
	from, err := o.sources(cmd)
	if err == nil {
		err = o.check(cmd)
	}
	if err != nil {
		return err
	}
	env, err := a.ClientEnv()
	if err != nil {
		return err
	}
	finder, job := logins.Finder{Env: env}, a.newImport(env, o)
	if o.undo {
		return job.undo(cmd, finder, from)
	}
	found, err := finder.Find(cmd.Context(), from)
	defer logins.Wipe(found.Logins)
	if err != nil {
		return err
	}
	for _, l := range slices.Concat(found.Logins, found.Failures) {
		job.add(l, adopt.Planned, adopt.ProfileOf(env, l))
	}
	defer func() {
		for _, n := range found.Notes {
			a.Warn(n.Message, n.Hint)
		}
	}()
	return job.importFound(cmd)
}

func (j *importJob) importFound(cmd *cobra.Command) error {
	const none = "There are no logins to import."
	ctx := cmd.Context()
	if len(j.rows) == 0 {
		return j.show(cmd, none)
	}
	if j.movable() {
		if err := j.connect(ctx); err != nil {
			return err
		}
		if err := j.plan(ctx); err != nil {
			return err
		}
	}
	if !j.options.yes {
		if err := j.show(cmd, none); err != nil || !j.movable() {
			return err
		}
		j.warnOfEnd(ctx)
		if clients := j.clientsToSetUp(ctx); len(clients) > 0 {
			j.app.Say("%s would ask zen for credentials from then on, as after: zen setup %s",
				strings.Join(clients, ", "), strings.Join(clients, " "))
		}
		if goOn, err := j.agreed(ctx, "Import these logins?"); err != nil || !goOn {
			return err
		}
	}
	if j.movable() {
		j.run(ctx)
	}
	err := j.show(cmd, none)
	j.sayAfter(ctx)
	return cmp.Or(err, j.status(ctx))
}

// agreed asks a person who has seen the table. Where nobody can be asked, it was a dry
// run.
func (j *importJob) agreed(ctx context.Context, question string) (bool, error) {
	a, o := j.app, j.options
	if o.dryRun || !o.output.IsTable() || a.Term.In == nil || !a.Term.Err {
		a.Say("This was a dry run: nothing was changed.")
		if !o.dryRun && !o.undo {
			a.Hint("do it: zen import --yes")
		}
		return false, nil
	}
	yes, err := a.Confirm(ctx, question, false)
	if err == nil && !yes {
		err = ui.ErrAborted
	}
	return yes, err
}

// status is how the command ends.
func (j *importJob) status(ctx context.Context) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case slices.ContainsFunc(j.rows, (*importRow).failed):
		return ui.StatusError(1)
	}
	return nil
}
