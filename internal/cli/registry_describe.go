package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
)

// registryResource is the type of resource that every container registry is (ZenML, DOCKER_REGISTRY_RESOURCE_TYPE).
const registryResource = "docker-registry"

func (a *app) registryDescribeCommand() *cobra.Command {
	var (
		o      output
		server string
	)
	cmd := &cobra.Command{
		Use: "describe [NAME_ID_OR_PREFIX]", Short: "Show details about the (active) container registry",
		Long:    "Show everything about a container registry: the one with that name, or that of the active stack.",
		Example: "  zen container-registry describe hub\n  zen container-registry describe -o json",
		Args:    arguments(0, 1), ValidArgsFunction: a.completeFrom(1, registryNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			result, err := call[api.RegistryResult](cmd.Context(), a, api.MethodRegistryGet, api.Ref{Name: optional(args), Server: server})
			if err != nil {
				return err
			}
			return a.show(o, registryObject(result.Registry), func() { a.drawRegistry(result.Registry) })
		},
	}
	a.addOutput(cmd, &o)
	a.addServerOf(cmd, &server, "container registry")
	return cmd
}

func (a *app) registryGetCommand() *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use: "get", Short: "Get the name of the active container registry",
		Example: "  zen container-registry get\n  zen container-registry get -o json",
		Args:    arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			result, err := call[api.RegistryResult](cmd.Context(), a, api.MethodRegistryGet, api.Ref{})
			if err != nil {
				return err
			}
			return a.show(o, registryObject(result.Registry), func() {
				a.say("Active container registry: '%s'", result.Registry.Name)
			})
		},
	}
	a.addOutput(cmd, &o)
	return cmd
}

// registryObject is a container registry as JSON has it, with ZenML's keys.
func registryObject(r api.ContainerRegistry) object {
	var connector any
	if r.ConnectorID != "" {
		connector = object{
			{"id", r.ConnectorID},
			{"name", r.ConnectorName},
			{"type", r.ConnectorType},
			{"resource_type", registryResource},
			{"resource_name", orNull(r.ConnectorResourceID)},
		}
	}
	o := object{
		{"id", r.ID},
		{"name", r.Name},
		{"type", "container_registry"},
		{"flavor", r.Flavor},
		{"active", r.Active},
		{"owner", r.Owner},
		{"configuration", labelsOrEmpty(r.Configuration)},
		{"labels", labelsOrEmpty(r.Labels)},
		{"service_connector", connector},
		{"created", r.Created},
		{"updated", r.Updated},
	}
	if r.Server != "" {
		o = append(o, member{"server", r.Server})
	}
	return o
}

func (a *app) drawRegistry(r api.ContainerRegistry) {
	a.say("Container_Registry '%s' of flavor '%s' with id '%s' is owned by user '%s'.", r.Name, r.Flavor, r.ID, r.Owner)
	title := fmt.Sprintf("'%s' CONTAINER_REGISTRY Component Configuration", r.Name)
	if r.Active {
		title += " (ACTIVE)"
	}
	rows := sortedRows(r.Configuration)
	for _, row := range rows {
		row[0] = strings.ToUpper(row[0])
	}
	if r.Server != "" {
		rows = append(rows, []string{"SERVER", r.Server})
	}
	a.drawProperties(title, "COMPONENT_PROPERTY", rows)
	a.drawLabels(r.Labels, "component")
	if r.ConnectorID == "" {
		a.say("No connector is set for this component.")
		return
	}
	a.drawProperties("Service Connector", "PROPERTY", [][]string{
		{"ID", r.ConnectorID},
		{"NAME", r.ConnectorName},
		{"TYPE", r.ConnectorType},
		{"RESOURCE TYPE", registryResource},
		{"RESOURCE NAME", r.ConnectorResourceID},
	})
}
