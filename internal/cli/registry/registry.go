package registry

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/zend"
)

// Command is the command of the noun; login is of another room.
func (a *Commands) Command(login *cobra.Command) *cobra.Command {
	cmd := command.Group(
		"container-registry",
		"Register container registries and connect them to "+
			"service connectors",
		"  zen container-registry register hub --uri=docker.io/me\n"+
			"  zen container-registry connect hub --connector dockerhub\n"+
			"  zen container-registry list",
		a.registryRegisterCommand(),
		a.registryListCommand(),
		a.registryDescribeCommand(),
		a.registryGetCommand(),
		a.registryUpdateCommand(),
		a.registryRemoveAttributeCommand(),
		a.registryRenameCommand(),
		a.registryCopyCommand(),
		a.registryDeleteCommand(),
		a.registryConnectCommand(),
		a.registryDisconnectCommand(),
		login,
		a.registryFlavorCommand(),
		command.Absent(map[string]string{
			"explain": "zen container-registry --help", "logs": "zenml container-registry logs",
		}),
	)
	cmd.Aliases = []string{"registry"}
	return cmd
}

// flavorNames lists the flavors of container registries.
func flavorNames(ctx context.Context, client zend.Caller) ([]string, error) {
	list, err := zend.Ask[api.Flavors](
		ctx,
		client,
		api.MethodRegistryFlavors,
		api.Empty{},
		nil,
		command.CompletionTime,
	)
	var names []string
	for _, f := range list.Items {
		names = append(names, command.Described(f.Name, f.Description))
	}
	return names, err
}

// plainValues reads attributes that are not secrets.
func (a *Commands) plainValues(ctx context.Context, attrs command.Attributes) (map[string]string, error) {
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
