package server

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/clientconfig/private"
	"github.com/zen-agent/zen/internal/safetext"
)

// zenmlEnvDocument is what scripts get.
type zenmlEnvDocument struct {
	Items []private.Variable `json:"items"`
}

// EnvCommand is zen zenml-env.
func (a *Commands) EnvCommand() *cobra.Command {
	var (
		o     ui.Output
		shell string
	)
	cmd := &cobra.Command{
		Use: "zenml-env", Short: "Print variables that make zenml store its registry logins in zen",
		Long: `Print the variables with which a zenml process, or any other that runs docker and
podman for you, keeps its logins in zen and nothing in plain text: what it stores with docker login
or podman login goes into the vault, and what it pulls and pushes with comes from there. A shell
takes them over by eval "$(zen zenml-env)".

The variables name configuration files of zen's own, which are written anew each time from yours:
docker's contexts and plugins and podman's registries stay as they are, logins and passwords in them
are left out. Your files are not changed. What zen setup has done for all programs already needs no
variable.`,
		Example: `  source <(zen zenml-env)
  zen zenml-env --shell fish | source
  zen zenml-env -o json`,
		Args: command.Arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if shell != "sh" && shell != "fish" {
				return ui.Misused(cmd, "Invalid value for '--shell': '%s' is not one of 'sh', 'fish'.", shell)
			}
			return a.zenmlEnv(cmd, o, shell)
		},
	}
	cmd.Flags().StringVar(&shell, "shell", "sh", "print it for this `SHELL`: sh (bash, zsh) or fish")
	command.Complete(
		cmd,
		"shell",
		cobra.FixedCompletions([]string{"sh", "fish"}, cobra.ShellCompDirectiveNoFileComp),
	)
	command.AddOutput(a.UI, cmd, &o)
	return cmd
}

func (a *Commands) zenmlEnv(cmd *cobra.Command, o ui.Output, shell string) error {
	env, err := a.clientEnv()
	if err != nil {
		return err
	}
	dirs, err := a.dirs()
	if err != nil {
		return err
	}
	vars, err := private.Make(cmd.Context(), env, filepath.Join(dirs.State, "zenml-env"))
	if err != nil {
		return err
	}
	return a.Show(o, zenmlEnvDocument{vars}, func() {
		if len(vars) == 0 {
			a.Say("Nothing is needed: docker and podman ask zen already.")
		}
		for _, v := range vars {
			fmt.Fprintln(a.Out, assignment(shell, v))
		}
	})
}

// assignment is a line of a shell that sets a variable.
func assignment(shell string, v private.Variable) string {
	if shell == "fish" {
		return "set -gx " + v.Name + " " + safetext.ShellWord(v.Value)
	}
	return "export " + v.Name + "=" + safetext.ShellWord(v.Value)
}
