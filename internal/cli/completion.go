package cli

import (
	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/ui"
)

func completionCommand() *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use: "completion SHELL", Short: "Print the completion script of a shell: bash, zsh, fish or " +
			"powershell",
		Long: `Print a script that lets a shell complete commands, options, and the names that zend
knows. Names are completed while zend runs; completing never starts it.`,
		Example: `  source <(zen completion bash)
  zen completion zsh > "${fpath[1]}/_zen"
  zen completion fish > ~/.config/fish/completions/zen.fish`,
		ValidArgs: shells,
		Args:      command.Arguments(1, 1, "SHELL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			root, out := cmd.Root(), cmd.OutOrStdout()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(out, true)
			case "zsh":
				return root.GenZshCompletion(out)
			case "fish":
				return root.GenFishCompletion(out, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(out)
			}
			return ui.Misused(cmd, "Invalid value for 'SHELL': '%s' is not %s.", args[0], ui.OneOf(shells))
		},
	}
}
