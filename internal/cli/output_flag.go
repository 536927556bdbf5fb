package cli

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/cli/ui"
)

// addOutput gives a command --output.
func addOutput(a *ui.UI, cmd *cobra.Command, o *ui.Output) { addOutputAs(a, cmd, o, "o") }

// addOutputAs is addOutput with another short form, or none, for commands where -o is something else to ZenML.
func addOutputAs(a *ui.UI, cmd *cobra.Command, o *ui.Output, shorthand string) {
	o.Format = ui.FormatTable
	if preset := a.Getenv(ui.OutputVariable); slices.Contains(ui.Formats(), preset) {
		o.Format = preset
	}
	cmd.Flags().VarP(o, "output", shorthand, "how to show it")
	complete(cmd, "output", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return ui.Formats(), cobra.ShellCompDirectiveNoFileComp
	})
}
