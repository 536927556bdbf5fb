package cli

import (
	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/ui"
)

func (a *app) connectorDeleteCommand() *cobra.Command {
	var server string
	cmd := &cobra.Command{
		Use: "delete NAME_ID_OR_PREFIX", Short: "Delete a service connector",
		Long: `Delete a service connector with its credentials, and end its logins. It is refused while a container registry
uses the connector. A connector of a ZenML server is deleted there, with --server.`,
		Example:           "  zen service-connector delete dockerhub\n  zen service-connector delete team --server prod",
		Args:              arguments(1, 1, "NAME_ID_OR_PREFIX"),
		ValidArgsFunction: a.completeFrom(1, connectorNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			req := api.DeleteConnector{Ref: args[0], Server: server}
			result, err := call[api.ConnectorResult](cmd.Context(), a, api.MethodConnectorDelete, req)
			if err != nil {
				return err
			}
			a.Say("Deleted service connector: %s", args[0])
			if result.Ended > 0 {
				a.Say("%s ended with it.", ui.Count(result.Ended, "login"))
			}
			a.sayServer(result.Connector)
			a.sayShadowed(result.Shadowed)
			return nil
		},
	}
	a.addServer(cmd, &server)
	return cmd
}
