package command

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/cli/ui"
)

// Group makes a command of commands.
func Group(use, short, example string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Example: example,
		Args: NoSuchCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(commands...)
	return cmd
}

// NoSuchCommand refuses a word that is none of a group's commands.
func NoSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2
	err := &ui.UsageError{Message: "No such command '" + args[0] + "'.", Command: cmd}
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		err.Hint = cmd.CommandPath() + " " + near[0]
	}
	return err
}

// Arguments checks the number of a command's arguments; names are those of the help.
func Arguments(least, most int, names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least {
			return ui.Misused(cmd, "Missing argument '%s'.", names[len(args)])
		}
		if len(args) > most {
			name, _, _ := strings.Cut(args[most], "=") // what follows may be a secret
			return ui.Misused(cmd, "Got unexpected extra argument (%s)", name)
		}
		return nil
	}
}

// AddOutput gives a command --output.
func AddOutput(a *ui.UI, cmd *cobra.Command, o *ui.Output) { AddOutputAs(a, cmd, o, "o") }

// AddOutputAs is AddOutput with another short form, or none, for commands where -o is
// something else to ZenML.
func AddOutputAs(a *ui.UI, cmd *cobra.Command, o *ui.Output, shorthand string) {
	o.Format = ui.FormatTable
	if preset := a.Getenv(ui.OutputVariable); slices.Contains(ui.Formats(), preset) {
		o.Format = preset
	}
	cmd.Flags().VarP(o, "output", shorthand, "how to show it")
	Complete(cmd, "output", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return ui.Formats(), cobra.ShellCompDirectiveNoFileComp
	})
}
