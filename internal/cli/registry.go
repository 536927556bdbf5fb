package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
)

func (a *app) registryCommand() *cobra.Command {
	cmd := command.Group("container-registry", "Register container registries and connect them to service connectors",
		"  zen container-registry register hub --uri=docker.io/me\n"+
			"  zen container-registry connect hub --connector dockerhub\n"+
			"  zen container-registry list",
		a.registryRegisterCommand(), a.registryListCommand(), a.registryDescribeCommand(), a.registryGetCommand(),
		a.registryUpdateCommand(), a.registryRemoveAttributeCommand(), a.registryRenameCommand(), a.registryCopyCommand(),
		a.registryDeleteCommand(), a.registryConnectCommand(), a.registryDisconnectCommand(), a.registryLoginCommand(),
		a.registryFlavorCommand())
	cmd.Aliases = []string{"registry"}
	return cmd
}

// flavorNames lists the flavors of container registries.
func flavorNames(ctx context.Context, client zend.Caller) ([]string, error) {
	list, err := zend.Ask[api.Flavors](ctx, client, api.MethodRegistryFlavors, api.Empty{}, nil, command.CompletionTime)
	var names []string
	for _, f := range list.Items {
		names = append(names, command.Described(f.Name, f.Description))
	}
	return names, err
}

// plainValues reads attributes that are no secrets.
func (a *app) plainValues(ctx context.Context, attrs command.Attributes) (map[string]string, error) {
	read, err := attrs.Values(ctx, a.UI)
	if err != nil {
		return nil, err
	}
	defer read.Wipe()
	values := map[string]string{}
	for name, value := range read {
		values[name] = string(value.Reveal())
	}
	return values, nil
}

// registryLoginCommand is zen's own: ZenML logs in through the connector only.
func (a *app) registryLoginCommand() *cobra.Command {
	var o loginOptions
	cmd := &cobra.Command{
		Use: "login [NAME_ID_OR_PREFIX]", Short: "Log in through the service connector of a container registry",
		Long: `Let docker and every other client of docker-credential-zen use the credentials of the service connector that a
container registry is connected to. Without a name it is the container registry of the active stack.`,
		Example: `  zen container-registry login hub
  zen container-registry login hub --ttl 8h`,
		Args:              command.Arguments(0, 1, "NAME_ID_OR_PREFIX"),
		ValidArgsFunction: command.CompleteFrom(a.zend, 1, command.RegistryNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.registry = ui.Optional(args)
			return a.login(cmd, "", &o)
		},
	}
	a.addLoginFlags(cmd, &o)
	return cmd
}
