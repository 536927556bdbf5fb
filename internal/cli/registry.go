package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/ui"
)

func (a *app) registryCommand() *cobra.Command {
	cmd := group("container-registry", "Register container registries and connect them to service connectors",
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

// registryNames lists the container registries, each with its uri.
func registryNames(ctx context.Context, client caller) ([]string, error) {
	list, err := ask[api.RegistryList](ctx, client, api.MethodRegistryList, api.Query{Size: -1, Quick: true}, nil, completionTime)
	var names []string
	for _, r := range list.Items {
		names = append(names, described(r.Name, r.URI()))
	}
	return names, err
}

// flavorNames lists the flavors of container registries.
func flavorNames(ctx context.Context, client caller) ([]string, error) {
	list, err := ask[api.Flavors](ctx, client, api.MethodRegistryFlavors, api.Empty{}, nil, completionTime)
	var names []string
	for _, f := range list.Items {
		names = append(names, described(f.Name, f.Description))
	}
	return names, err
}

// plainValues reads attributes that are no secrets.
func (a *app) plainValues(ctx context.Context, attrs attributes) (map[string]string, error) {
	read, err := a.values(ctx, attrs)
	if err != nil {
		return nil, err
	}
	defer read.wipe()
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
		Args:              arguments(0, 1, "NAME_ID_OR_PREFIX"),
		ValidArgsFunction: a.completeFrom(1, registryNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.registry = ui.Optional(args)
			return a.login(cmd, "", &o)
		},
	}
	a.addLoginFlags(cmd, &o)
	return cmd
}
