package cli

import (
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/ui"
)

// manCommand writes the man pages, for packagers.
func manCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use: "man", Short: "Write the man pages into a directory", Hidden: true,
		Example: "  zen man --dir dist/man",
		Args:    command.Arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dir == "" {
				return ui.Misused(cmd, "Missing option '--dir'.")
			}
			root := cmd.Root()
			root.DisableAutoGenTag = true
			header := &doc.GenManHeader{Section: "1", Source: "zen " + api.Version, Manual: "zen"}
			return doc.GenManTree(root, header, dir)
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "`DIRECTORY` to write to, which must exist")
	command.NeverEmpty(cmd, "dir")
	return cmd
}
