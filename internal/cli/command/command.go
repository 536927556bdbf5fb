package command

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

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

// Absent stands for commands of ZenML that zen does not have; each value says what to
// type instead. Whatever comes after one of them, its options and --help too, that is the
// answer.
func Absent(instead map[string]string) *cobra.Command {
	names := slices.SortedFunc(maps.Keys(instead), func(a, b string) int {
		return cmp.Or(len(a)-len(b), strings.Compare(a, b)) // the help leaves room for the first
	})
	return &cobra.Command{
		Use: names[0], Aliases: names[1:], Short: "Not in zen", Example: "  zen stack list",
		Hidden: true, DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			name := cmd.CalledAs()
			path := strings.TrimPrefix(cmd.Parent().CommandPath()+" "+name, "zen ")
			return &ui.UsageError{
				Message: "zen has no '" + path + "'.",
				Command: cmd.Parent(), Hint: instead[name],
			}
		},
	}
}

// Arguments checks a command's arguments; names are those of the help. An empty one is a
// variable that was not set, and never means what a missing one does.
func Arguments(least, most int, names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least {
			return ui.Misused(cmd, "Missing argument '%s'.", names[len(args)])
		}
		if len(args) > most {
			name, _, _ := strings.Cut(args[most], "=") // what follows may be a secret
			return ui.Misused(cmd, "Got unexpected extra argument (%s)", name)
		}
		if i := slices.Index(args, ""); i >= 0 {
			return ui.Misused(cmd, "Argument %d is empty.", i+1)
		}
		return nil
	}
}

// neverEmpty is the value of an option that refuses to be empty.
type neverEmpty struct{ pflag.Value }

// Set refuses an empty text.
func (v neverEmpty) Set(s string) error {
	if s == "" {
		return errors.New("it is empty")
	}
	return v.Value.Set(s)
}

// NeverEmpty makes a command refuse empty values of options whose absence means
// something else: everywhere, this machine, what is active.
func NeverEmpty(cmd *cobra.Command, options ...string) {
	for _, name := range options {
		flag := cmd.Flags().Lookup(name)
		flag.Value = neverEmpty{flag.Value}
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
