package clients

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/clientconfig/journal"
	"github.com/zen-agent/zen/internal/clientconfig/links"
	"github.com/zen-agent/zen/internal/credential"
)

type setupOptions struct {
	clientconfig.Options

	all    bool
	undo   bool
	output ui.Output
}

// SetupCommand makes clients ask zen, and takes that back.
func (a *Commands) SetupCommand() *cobra.Command {
	var o setupOptions
	cmd := &cobra.Command{
		Use: "setup [CLIENT]...", Short: "Let docker and other clients ask zen for credentials, or no longer",
		Long: `Point clients at zen, docker unless others are named: its configuration (config.json
in DOCKER_CONFIG or ~/.docker) gets the credsStore "zen", or with --host entries in credHelpers for
these registries only. Everything else in a file stays as it is, to the byte, and a file that cannot
be read is not touched. What was there is remembered, so that --undo can put it back; without a
client it does so for all.

podman, skopeo and buildah get a file of zen's own in registries.conf.d, helm a credsStore in its
own file. buildx reads docker's configuration, and with --host HOST/REPOSITORY one for that
repository. The other clients read docker's.

With --profile the clients, or those hosts, get the logins of a profile (zen login NAME --profile
PROFILE), and those without one where the profile has none. That is a helper of its own,
docker-credential-zen-PROFILE: a link to docker-credential-zen, which zen makes and --undo removes.`,
		Example: `  zen setup docker
  zen setup docker --dry-run
  zen setup docker --host ghcr.io --host localhost:5000
  zen setup docker --host ghcr.io --profile work
  zen setup podman helm
  zen setup --all
  zen setup docker --undo`,
		Args:      knownClients,
		ValidArgs: clientconfig.Clients(),
		RunE:      func(cmd *cobra.Command, args []string) error { return a.setup(cmd, args, o) },
	}
	flags := cmd.Flags()
	flags.BoolVarP(&o.all, "all", "a", false, "every client that is installed")
	flags.StringArrayVar(&o.Hosts, "host", nil, "only for this `REGISTRY`, in any spelling; may be given "+
		"several times")
	flags.StringVar(&o.Profile, "profile", "", "use the logins of this `PROFILE`")
	command.NeverEmpty(cmd, "profile")
	flags.BoolVar(&o.undo, "undo", false, "take back what setup did")
	flags.BoolVarP(&o.DryRun, "dry-run", "n", false, "show what would change and write nothing")
	command.Complete(cmd, "host", command.CompleteFrom(a.zend, 0, command.LoginNames))
	command.AddOutput(a.UI, cmd, &o.output)
	return cmd
}

// knownClients refuses a name before anything is done for the others.
func knownClients(_ *cobra.Command, args []string) error {
	for _, name := range args {
		if !slices.Contains(clientconfig.Clients(), name) {
			return ui.Refused(
				"unknown client '"+name+"'; supported: "+strings.Join(clientconfig.Clients(), ", "),
				"zen setup docker",
			)
		}
	}
	return nil
}

// setupDocument is what scripts get.
type setupDocument struct {
	Items []*clientconfig.Report `json:"items"`
	Links []journal.Link         `json:"links,omitempty"` // of profiles, made or removed
}

func (a *Commands) setup(cmd *cobra.Command, names []string, o setupOptions) error {
	if o.all && len(names)+len(o.Hosts) > 0 {
		return ui.Misused(cmd, "Please give either clients and hosts or '--all', not both.")
	}
	env, err := a.ClientEnv()
	if err != nil {
		return err
	}
	jobs, err := setupJobs(env, names, o)
	if err != nil {
		return err
	}
	var doc setupDocument
	var failures []error
	if o.Profile != "" && !o.undo {
		link, err := links.Links{Env: env}.Make(cmd.Context(), o.Profile, o.DryRun)
		if err != nil {
			return err
		}
		if link != nil {
			doc.Links = append(doc.Links, *link)
		}
	}
	for _, job := range jobs {
		done, err := job.run(cmd.Context(), env, o)
		doc.Items = append(doc.Items, done...)
		if err != nil {
			failures = append(failures, err)
		}
	}
	switch {
	case o.undo:
		doc.Links, err = links.Links{Env: env}.RemoveUnused(cmd.Context(), doc.Items, o.DryRun)
	case len(doc.Items) == 0 && len(doc.Links) > 0 && !o.DryRun: // it is of no use
		err = links.Links{Env: env}.Remove(cmd.Context(), doc.Links[0])
	}
	if err != nil {
		failures = append(failures, err)
	}
	if len(doc.Items) > 0 || len(failures) == 0 {
		if err := a.Show(o.output, doc, func() { a.drawSetup(doc, o) }); err != nil {
			return err
		}
	}
	if len(failures) == 0 {
		return nil
	}
	for _, err := range failures[1:] {
		a.complain(err)
	}
	return failures[0]
}

// complain says what went wrong beside the error that ends the command.
func (a *Commands) complain(err error) {
	a.Labelled(ui.StyleError, "Error: ", err.Error())
	if e, ok := errors.AsType[*credential.Error](err); ok {
		a.Hint(e.HintText())
	}
}

// setupJob is one client, and for an undo perhaps one file.
type setupJob struct{ client, file string }

// setupJobs finds out what to do: for the clients named, for those installed, or, to
// undo, for every file that zen changed.
func setupJobs(env clientconfig.Env, names []string, o setupOptions) ([]setupJob, error) {
	switch {
	case o.undo && len(names)+len(o.Hosts) == 0:
		changed, err := env.Recorded()
		if err != nil {
			return nil, err
		}
		var jobs []setupJob
		for _, c := range changed {
			jobs = append(jobs, setupJob{c.Client, c.File})
		}
		if len(jobs) > 0 {
			return jobs, nil
		}
	case o.all:
		if names = env.Installed(); len(names) == 0 {
			return nil, credential.NewError(credential.NoSuchEntity, "no client that zen knows is "+
				"installed: "+
				strings.Join(clientconfig.Clients(), ", "), "zen setup docker")
		}
	}
	if len(names) == 0 {
		names = []string{"docker"}
	}
	var jobs []setupJob
	for _, name := range names {
		jobs = append(jobs, setupJob{client: name})
	}
	return jobs, nil
}

func (j setupJob) run(
	ctx context.Context,
	env clientconfig.Env,
	o setupOptions,
) ([]*clientconfig.Report, error) {
	if !o.undo {
		return env.Apply(ctx, j.client, o.Options)
	}
	o.File = j.file
	reports, err := env.Undo(ctx, j.client, o.Options)
	if j.file != "" { // the other files have jobs of their own
		for _, r := range reports {
			r.Elsewhere = nil
		}
	}
	return reports, err
}

// ClientEnv is where clients of this user keep their configuration.
func (a *Commands) ClientEnv() (clientconfig.Env, error) {
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
	return clientconfig.Env{Getenv: a.Getenv, State: dirs.State, Program: program}, nil
}

func (a *Commands) drawSetup(doc setupDocument, o setupOptions) {
	said := map[clientconfig.Warning]bool{}
	reports := doc.Items
	if !o.undo {
		a.sayLinks(doc.Links, o)
	}
	readers := map[string][]string{} // by the client whose configuration they read
	for i, r := range reports {
		done := slices.ContainsFunc(
			reports[:i],
			func(before *clientconfig.Report) bool { return before.Target == r.Target },
		)
		repeated := done && (o.DryRun || !r.Changed) // clients that read the same file
		switch {
		case repeated && r.For != "" && !o.undo && !slices.Contains(readers[r.Client], r.For):
			readers[r.Client] = append(readers[r.Client], r.For)
		case repeated:
		case o.undo:
			a.sayUndone(r, o)
		default:
			a.sayApplied(r, o)
		}
		if repeated && r.For == "" {
			continue // buildx, after docker: the same file, of which all was said
		}
		for _, w := range r.Warnings {
			if !said[w] {
				a.Warn(w.Message, w.Hint)
			}
			said[w] = true
		}
		if o.DryRun && !repeated {
			fmt.Fprint(a.Out, r.Diff) // made for a terminal, and its tabs must stay
		}
	}
	for _, client := range slices.Sorted(maps.Keys(readers)) {
		verb := "read"
		if len(readers[client]) == 1 {
			verb = "reads"
		}
		a.Say("%s %s the configuration of %s too.", strings.Join(readers[client], ", "), verb, client)
	}
	if o.undo {
		a.sayLinks(doc.Links, o)
	}
	if o.DryRun {
		a.Say("This was a dry run: nothing was written.")
	}
}

// sayLinks tells of the links for profiles.
func (a *Commands) sayLinks(list []journal.Link, o setupOptions) {
	what := "is a link to docker-credential-zen now, for the profile %s."
	switch {
	case o.undo && o.DryRun:
		what = "would be removed: the link for the profile %s, which no client would use any more."
	case o.undo:
		what = "is removed: the link for the profile %s, which no client uses any more."
	case o.DryRun:
		what = "would be a link to docker-credential-zen, for the profile %s."
	}
	for _, l := range list {
		a.Say("%s "+what, l.Path, l.Profile)
	}
}

func (a *Commands) sayApplied(r *clientconfig.Report, o setupOptions) {
	if r.For != "" {
		a.Say("%s reads the configuration of %s.", r.For, r.Client)
	}
	whose := "credentials"
	if len(o.Hosts) > 0 {
		whose = "the credentials of " + strings.Join(o.Hosts, ", ")
	}
	if o.Profile != "" {
		whose += " in the profile " + o.Profile
	}
	switch {
	case !r.Changed:
		a.Say("%s asks zen for %s already (%s).", r.Client, whose, fileOf(r))
	case o.DryRun:
		a.Say("%s would ask zen for %s:", r.Client, whose)
	default:
		a.Say("%s asks zen for %s from now on:", r.Client, whose)
	}
	for _, s := range r.Steps {
		was := ""
		if s.Before != "" {
			was = fmt.Sprintf(" (was %q)", s.Before)
		}
		a.Say("  %s: %s is %q%s", fileOf(r), s.Member, s.After, was)
	}
}

// fileOf names a report's file, and where its symbolic links lead.
func fileOf(r *clientconfig.Report) string {
	if r.Target != r.File {
		return r.File + " (" + r.Target + ")"
	}
	return r.File
}

func (a *Commands) sayUndone(r *clientconfig.Report, o setupOptions) {
	is, were := "is", "were"
	if o.DryRun {
		is, were = "would be", "would be"
	}
	switch {
	case r.Created:
		a.Say("%s %s removed: zen had made it.", fileOf(r), is)
	case r.Exact:
		a.Say("%s %s as it was before zen changed it:", fileOf(r), is)
	case r.Unrecorded && r.Changed:
		a.Say("zen does not remember what was in %s before. What names zen there %s taken "+
			"out:", fileOf(r), is)
	case r.Changed && len(o.Hosts) > 0:
		a.Say("In %s %s taken back:", fileOf(r), is)
	case r.Changed:
		a.Say("%s was changed by others since. Only zen's own entries %s taken back:", fileOf(r), were)
	case len(r.Steps) > 0:
		a.Say("In %s there is nothing to take back:", fileOf(r))
	default:
		a.Say("zen has changed nothing in %s.", fileOf(r))
	}
	for _, s := range r.Steps {
		switch {
		case r.Created:
		case s.Kept:
			a.Say("  %s is %q by now and stays", s.Member, s.Before)
		case s.After == "":
			a.Say("  %s is removed", s.Member)
		default:
			a.Say("  %s is %q again", s.Member, s.After)
		}
	}
	for _, file := range r.Elsewhere {
		a.Say("zen also changed %s.", file)
	}
	if len(r.Elsewhere) > 0 {
		a.Hint("take everything back: zen setup --undo")
	}
}
