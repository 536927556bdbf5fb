package cli

import (
	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
)

func (a *app) connectorDeleteCommand() *cobra.Command {
	return &cobra.Command{
		Use: "delete NAME_ID_OR_PREFIX", Short: "Delete a service connector",
		Long: `Delete a service connector with its credentials, and end its logins. It is refused while a container registry
uses the connector.`,
		Example:           "  zen service-connector delete dockerhub",
		Args:              arguments(1, 1, "NAME_ID_OR_PREFIX"),
		ValidArgsFunction: a.completeFrom(1, connectorNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			result, err := call[api.ConnectorResult](cmd.Context(), a, api.MethodConnectorDelete, api.DeleteConnector{Ref: args[0]})
			if err != nil {
				return err
			}
			a.say("Deleted service connector: %s", args[0])
			if result.Ended > 0 {
				a.say("%s ended with it.", count(result.Ended, "login"))
			}
			return nil
		},
	}
}
