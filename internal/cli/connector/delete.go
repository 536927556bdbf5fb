package connector

import (
	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/resource"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
)

func (a *Commands) connectorDeleteCommand() *cobra.Command {
	var server string
	cmd := &cobra.Command{
		Use: "delete NAME_ID_OR_PREFIX", Short: "Delete a service connector",
		Long: `Delete a service connector with its credentials, and end its logins. It is refused
while a container registry uses the connector. A connector of a ZenML server is deleted there, with
--server.`,
		Example: "  zen service-connector delete dockerhub\n  zen service-connector delete " +
			"team --server prod",
		Args:              command.Arguments(1, 1, "NAME_ID_OR_PREFIX"),
		ValidArgsFunction: command.CompleteFrom(a.zend, 1, command.ConnectorNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			req := api.DeleteConnector{Ref: args[0], Server: server}
			result, err := zend.Call[api.ConnectorResult](
				cmd.Context(),
				a.zend,
				api.MethodConnectorDelete,
				req,
			)
			if err != nil {
				return err
			}
			a.Say("Deleted service connector: %s", result.Connector.Name)
			if result.Ended > 0 {
				a.Say("%s ended with it.", ui.Count(result.Ended, "login"))
			}
			a.sayServer(result.Connector)
			resource.SayShadowed(a.UI, result.Shadowed)
			return nil
		},
	}
	command.AddServer(a.zend, cmd, &server)
	return cmd
}
