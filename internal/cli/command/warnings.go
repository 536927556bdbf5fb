package command

import "github.com/zen-agent/zen/internal/cli/ui"

// WarnServers says of each server that did not answer why.
func WarnServers(a *ui.UI, warnings []string) {
	for _, w := range warnings {
		a.Warn(w, "zen server list")
	}
}
