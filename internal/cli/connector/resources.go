package connector

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/resource"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
)

type resourcesOptions struct {
	resource.Flags

	output        ui.Output
	connectorType string
	excludeErrors bool
	verify        bool
	server        string
}

func (a *Commands) connectorResourcesCommand() *cobra.Command {
	var o resourcesOptions
	cmd := &cobra.Command{
		Use: "list-resources", Short: "List all resources accessible by service connectors",
		Example: `  zen service-connector list-resources
  zen service-connector list-resources --connector-type docker --resource-id docker.io
  zen service-connector list-resources --verify`,
		Args: command.Arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.listResources(cmd, &o) },
	}
	cmd.Flags().StringVarP(&o.connectorType, "connector-type", "c", "", "only connectors of this `TYPE`")
	cmd.Flags().BoolVarP(&o.excludeErrors, "exclude-errors", "e", false, "leave out what cannot be used")
	cmd.Flags().BoolVar(&o.verify, "verify", false, "ask the registries whether the credentials are right")
	resource.AddFlags(a.zend, cmd, &o.Flags)
	command.AddServer(a.zend, cmd, &o.server)
	command.AddOutput(a.UI, cmd, &o.output)
	command.Complete(cmd, "connector-type", command.CompleteOn(a.zend, 0, command.ConnectorTypeNames))
	return cmd
}

func (a *Commands) listResources(cmd *cobra.Command, o *resourcesOptions) error {
	ctx := cmd.Context()
	list, err := zend.Call[api.ResourceList](ctx, a.zend, api.MethodConnectorResources, api.ResourcesQuery{
		ConnectorType: o.connectorType, ResourceType: o.ResourceType, ResourceID: o.ResourceID,
		Verify: o.verify, Server: o.server,
	})
	if err != nil {
		return ui.Prefixed(err, "Could not fetch service connector resources: ")
	}
	command.WarnServers(a.UI, list.Warnings)
	if o.excludeErrors {
		list.Items = slices.DeleteFunc(list.Items, func(r api.Resource) bool { return r.Error != "" })
	}
	if o.output.IsTable() {
		if len(list.Items) == 0 {
			a.Say("No service connector resources match the given filters.")
			return nil
		}
		a.Say("%s", o.heading())
		resource.DrawOfConnectors(ctx, a.UI, a.TypeCache, list.Items)
		if o.verify {
			resource.WarnUnchecked(a.UI, list.Items)
		}
		return nil
	}
	type resource = api.Resource
	return command.ShowList(
		a.UI,
		cmd,
		o.output,
		command.Listing[resource]{Items: list.Items, Columns: []command.Column[resource]{
			{Key: "connector_id", Value: func(r resource) any { return r.ConnectorID }},
			{Key: "connector_name", Value: func(r resource) any { return r.ConnectorName }},
			{Key: "connector_type", Value: func(r resource) any { return r.ConnectorType }},
			{Key: "resource_type", Value: func(r resource) any { return r.ResourceType }},
			{Key: "resource_names", Value: func(r resource) any { return ui.OrEmpty(r.ResourceIDs) }},
			{Key: "verification", Value: func(r resource) any { return ui.OrNull(r.Verification) }},
			{Key: "error", Value: func(r resource) any { return ui.OrNull(r.Error) }},
		}},
	)
}

// heading is ZenML's sentence, with its two spaces where a resource type was left out.
func (o *resourcesOptions) heading() string {
	by := "service connectors that you have configured:"
	if o.connectorType != "" {
		by = "'" + o.connectorType + "' " + by
	}
	resourceType := ""
	if o.ResourceType != "" {
		resourceType = "'" + o.ResourceType + "'"
	}
	if o.ResourceID != "" {
		return "The " + resourceType + " resource with name '" + o.ResourceID + "' can be accessed by " + by
	}
	if resourceType != "" {
		resourceType += " "
	}
	return "The following " + resourceType + "resources can be accessed by " + by
}
