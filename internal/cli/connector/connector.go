package connector

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/resource"
	"github.com/zen-agent/zen/internal/cli/ui"
)

// Command is the command of the noun; login and logout are of another room.
func (a *Commands) Command(login, logout *cobra.Command) *cobra.Command {
	cmd := command.Group(
		"service-connector",
		"Configure and manage service connectors",
		"  zen service-connector register dockerhub --type docker --username=me --password-stdin\n"+
			"  zen service-connector list",
		a.connectorRegisterCommand(),
		a.connectorListCommand(),
		a.connectorDescribeCommand(),
		a.connectorUpdateCommand(),
		a.connectorDeleteCommand(),
		a.connectorVerifyCommand(),
		login,
		logout,
		a.connectorResourcesCommand(),
		a.connectorTypesCommand(),
		a.connectorTypeCommand(),
	)
	cmd.Aliases = []string{"connector"}
	return cmd
}

// sayServer says where a connector is that was changed, if not on this machine.
func (a *Commands) sayServer(c api.ServiceConnector) {
	if c.Server != "" {
		a.Say("This was done on server '%s', for everybody who uses it there.", c.Server)
	}
}

// showAccess shows what a connector gives access to, as register, update and verify end.
func (a *Commands) showAccess(ctx context.Context, o ui.Output, result api.ConnectorResult) error {
	doc := ui.Object{
		{"id", result.Connector.ID},
		{"name", result.Connector.Name},
		{"type", result.Connector.Type},
		{"resources", resource.Objects(result.Resources)},
	}
	return a.Show(o, doc, func() {
		if len(result.Resources) > 0 {
			resource.Draw(ctx, a.UI, a.TypeCache, result.Resources)
		}
	})
}
