package registry

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
)

// registryResource is the type of resource that every container registry is (ZenML,
// DOCKER_REGISTRY_RESOURCE_TYPE).
const registryResource = "docker-registry"

func (a *Commands) registryDescribeCommand() *cobra.Command {
	var (
		o      ui.Output
		server string
	)
	cmd := &cobra.Command{
		Use: "describe [NAME_ID_OR_PREFIX]", Short: "Show details about the (active) container registry",
		Long: "Show everything about a container registry: the one with that name, or that of the " +
			"active stack.",
		Example: "  zen container-registry describe hub\n  zen container-registry describe -o json",
		Args: command.Arguments(
			0,
			1,
		), ValidArgsFunction: command.CompleteFrom(a.zend, 1, command.RegistryNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			result, err := zend.Call[api.RegistryResult](
				cmd.Context(),
				a.zend,
				api.MethodRegistryGet,
				api.Ref{Name: ui.Optional(args), Server: server},
			)
			if err != nil {
				return err
			}
			return a.Show(o, registryObject(result.Registry), func() { a.drawRegistry(result.Registry) })
		},
	}
	command.AddOutput(a.UI, cmd, &o)
	command.AddServerOf(a.zend, cmd, &server, "container registry")
	return cmd
}

func (a *Commands) registryGetCommand() *cobra.Command {
	var o ui.Output
	cmd := &cobra.Command{
		Use: "get", Short: "Get the name of the active container registry",
		Example: "  zen container-registry get\n  zen container-registry get -o json",
		Args:    command.Arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			result, err := zend.Call[api.RegistryResult](
				cmd.Context(),
				a.zend,
				api.MethodRegistryGet,
				api.Ref{},
			)
			if err != nil {
				return err
			}
			return a.Show(o, registryObject(result.Registry), func() {
				a.Say("Active container registry: '%s'", result.Registry.Name)
			})
		},
	}
	command.AddOutput(a.UI, cmd, &o)
	return cmd
}

// registryObject is a container registry as JSON has it, with ZenML's keys.
func registryObject(r api.ContainerRegistry) ui.Object {
	var connector any
	if r.ConnectorID != "" {
		connector = ui.Object{
			{"id", r.ConnectorID},
			{"name", r.ConnectorName},
			{"type", r.ConnectorType},
			{"resource_type", registryResource},
			{"resource_name", ui.OrNull(r.ConnectorResourceID)},
		}
	}
	o := ui.Object{
		{"id", r.ID},
		{"name", r.Name},
		{"type", "container_registry"},
		{"flavor", r.Flavor},
		{"active", r.Active},
		{"owner", r.Owner},
		{"configuration", ui.LabelsOrEmpty(r.Configuration)},
		{"labels", ui.LabelsOrEmpty(r.Labels)},
		{"service_connector", connector},
		{"created", r.Created},
		{"updated", r.Updated},
	}
	if r.Server != "" {
		o = append(o, ui.Member{"server", r.Server})
	}
	return o
}

func (a *Commands) drawRegistry(r api.ContainerRegistry) {
	a.Say(
		"Container_Registry '%s' of flavor '%s' with id '%s' is owned by user '%s'.",
		r.Name,
		r.Flavor,
		r.ID,
		r.Owner,
	)
	title := fmt.Sprintf("'%s' CONTAINER_REGISTRY Component Configuration", r.Name)
	if r.Active {
		title += " (ACTIVE)"
	}
	rows := ui.SortedRows(r.Configuration)
	for _, row := range rows {
		row[0] = strings.ToUpper(row[0])
	}
	if r.Server != "" {
		rows = append(rows, []string{"SERVER", r.Server})
	}
	a.DrawProperties(title, "COMPONENT_PROPERTY", rows)
	a.DrawLabels(r.Labels, "component")
	if r.ConnectorID == "" {
		a.Say("No connector is set for this component.")
		return
	}
	a.DrawProperties("Service Connector", "PROPERTY", [][]string{
		{"ID", r.ConnectorID},
		{"NAME", r.ConnectorName},
		{"TYPE", r.ConnectorType},
		{"RESOURCE TYPE", registryResource},
		{"RESOURCE NAME", r.ConnectorResourceID},
	})
}
