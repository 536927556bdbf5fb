package machine

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/safetext"
)

// VersionCommand is zen version.
func (a *Daemon) VersionCommand() *cobra.Command {
	var o ui.Output
	cmd := &cobra.Command{
		Use: "version", Short: "Print the versions of zen and of the zend that runs",
		Example: "  zen version\n  zen version -o json",
		Args:    command.Arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := struct {
				Zen  string `json:"zen"`
				Zend string `json:"zend,omitempty"`
			}{Zen: api.Version}
			if status, err := runningStatus(cmd.Context(), a.zend, a.Getenv); err == nil {
				v.Zend = status.Version
			}
			return a.Show(o, v, func() {
				fmt.Fprintln(a.Out, "zen", v.Zen)
				if v.Zend != "" {
					fmt.Fprintln(a.Out, "zend", safetext.Text(v.Zend))
				}
			})
		},
	}
	command.AddOutput(a.UI, cmd, &o)
	return cmd
}
