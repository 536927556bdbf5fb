package registry

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

func (a *Commands) registryFlavorCommand() *cobra.Command {
	return command.Group("flavor", "See the flavors of container registries",
		"  zen container-registry flavor list\n  zen container-registry flavor describe default",
		a.registryFlavorListCommand(), a.registryFlavorDescribeCommand(),
		command.Absent(map[string]string{
			"register": "zenml container-registry flavor register",
			"delete":   "zenml container-registry flavor delete",
		}))
}

func (a *Commands) registryFlavorListCommand() *cobra.Command {
	var o ui.Output
	cmd := &cobra.Command{
		Use: "list", Short: "List the flavors of container registries",
		Example: "  zen container-registry flavor list\n  zen container-registry flavor list -o json",
		Args:    command.Arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := zend.Call[api.Flavors](cmd.Context(), a.zend, api.MethodRegistryFlavors, api.Empty{})
			if err != nil {
				return err
			}
			type flavor = api.Flavor
			return command.ShowList(a.UI, cmd, o, command.Listing[flavor]{
				Items: list.Items, Page: &api.Page{
					Index: 1, MaxSize: len(list.Items), TotalPages: 1,
					Total: len(list.Items),
				},
				Columns: []command.Column[flavor]{
					{Key: "flavor", Value: func(f flavor) any { return f.Name }},
					{Key: "integration", Value: func(f flavor) any { return f.Integration }},
					{Key: "uri", Value: func(f flavor) any { return f.URIHelp }},
					{
						Key:   "connector_type",
						Value: func(f flavor) any { return ui.OrNull(f.ConnectorType) },
						Cell:  func(f flavor) string { return ui.OrDash(f.ConnectorType) },
					},
					{Key: "resource_type", Value: func(f flavor) any { return f.ResourceType }},
				},
			})
		},
	}
	command.AddOutput(a.UI, cmd, &o)
	return cmd
}

func (a *Commands) registryFlavorDescribeCommand() *cobra.Command {
	var o ui.Output
	cmd := &cobra.Command{
		Use: "describe FLAVOR", Short: "Describe a flavor of container registries",
		Example: "  zen container-registry flavor describe default\n  zen container-registry flavor " +
			"describe github -o yaml",
		Args: command.Arguments(
			1,
			1,
			"FLAVOR",
		), ValidArgsFunction: command.CompleteFrom(a.zend, 1, flavorNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := a.flavor(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.Show(o, f, func() { fmt.Fprintln(a.Out, safetext.Text(describeFlavor(f))) })
		},
	}
	command.AddOutput(a.UI, cmd, &o)
	return cmd
}

func (a *Commands) flavor(ctx context.Context, name string) (api.Flavor, error) {
	list, err := zend.Call[api.Flavors](ctx, a.zend, api.MethodRegistryFlavors, api.Empty{})
	if err != nil {
		return api.Flavor{}, err
	}
	i := slices.IndexFunc(list.Items, func(f api.Flavor) bool { return f.Name == name })
	if i < 0 {
		return api.Flavor{}, credential.NewError(
			credential.NoSuchEntity,
			fmt.Sprintf(
				"No flavor with name '%s' and type 'container_registry' exists.",
				name,
			),
			"zen container-registry flavor list",
		)
	}
	return list.Items[i], nil
}

// describeFlavor is the page about a flavor, with its properties as ZenML lists them.
func describeFlavor(f api.Flavor) string {
	lines := []string{
		"Container registry flavor: " + f.Name, "", ui.Prose(f.Description), "",
		"Uri: " + f.URIHelp, "", "Properties",
	}
	for _, attr := range f.Attributes {
		line := attr.Name + ", " + attr.Type
		if attr.Required {
			line += ", REQUIRED"
		}
		if attr.Default != "" {
			line += ", default " + attr.Default
		}
		lines = append(lines, line, "  "+strings.Join(ui.Wrap(attr.Description, ui.PageWidth-2), "\n  "))
	}
	needs, list := "a '"+f.ResourceType+"' resource", "zen service-connector list-resources "+
		"--resource-type "+f.ResourceType
	if f.ConnectorType != "" {
		needs += " of a '" + f.ConnectorType + "' connector"
		list += " --connector-type " + f.ConnectorType
	}
	return strings.Join(append(lines, "",
		ui.Prose("This flavor supports connecting to external resources with a Service Connector. It "+
			"requires "+needs+". See all "+
			"service connectors and the resources that they give access to:"), "", "  "+list, "",
		"Register a new one:", "", "  zen service-connector register -i"), "\n")
}
