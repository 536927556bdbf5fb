package cli

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/ui"
)

func (a *app) registryListCommand() *cobra.Command {
	var o listFlags
	cmd := &cobra.Command{
		Use: "list", Short: "List all registered container registries",
		Long: `List the container registries of this machine and of ZenML servers; the mark shows the one of the active stack.
Filters take a value or OPERATOR:VALUE with one of the operators equals, notequals, contains, startswith, endswith,
oneof, gt, gte, lt, lte, and may be repeated.`,
		Example: `  zen container-registry list
  zen container-registry list --flavor dockerhub --sort_by name
  zen container-registry list --columns name,uri,connector -o csv`,
		Args: arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			query, err := o.query(cmd)
			if err != nil {
				return err
			}
			list, err := call[api.RegistryList](cmd.Context(), a, api.MethodRegistryList, query)
			if err != nil {
				return err
			}
			a.warnServers(list.Warnings)
			return showList(a, cmd, o.output, listing[api.ContainerRegistry]{
				columns: registryColumns(), items: list.Items, page: &list.Page, chosen: o.columns,
				empty: "No components found for the given filters.",
			})
		},
	}
	filters := append(commonFilters(), filter{"flavor", "STRING"}, filter{"uri", "STRING"}, filter{"connector", "STRING"},
		filter{"connector_id", "UUID"}, filter{"stack_id", "UUID"}, filter{"server", "STRING"})
	a.addListFlags(cmd, &o, filters, listing[api.ContainerRegistry]{columns: registryColumns()}.names())
	return cmd
}

// registryColumns are ZenML's columns, and more for who asks for them.
func registryColumns() []column[api.ContainerRegistry] {
	type registry = api.ContainerRegistry
	return []column[registry]{
		{
			key: "active", value: func(r registry) any { return r.Active },
			cell: func(r registry) string { return ui.ActiveMark(r.Active) },
		},
		{key: "id", value: func(r registry) any { return r.ID }},
		{key: "name", value: func(r registry) any { return r.Name }},
		{key: "flavor", value: func(r registry) any { return r.Flavor }},
		{key: "server", when: ifItem, value: func(r registry) any { return ui.OrNull(r.Server) }},
		{key: "owner", value: func(r registry) any { return r.Owner }},
		{key: "uri", when: byName, value: func(r registry) any { return r.URI() }},
		{key: "connector", when: byName, value: func(r registry) any { return ui.OrNull(r.ConnectorName) }},
		{key: "connector_id", when: byName, value: func(r registry) any { return ui.OrNull(r.ConnectorID) }},
		{key: "connector_resource_id", when: byName, value: func(r registry) any { return ui.OrNull(r.ConnectorResourceID) }},
		labelColumn("configuration", func(r registry) map[string]string { return r.Configuration }),
		labelColumn("labels", func(r registry) map[string]string { return r.Labels }),
		timeColumn("created", func(r registry) time.Time { return r.Created }),
		timeColumn("updated", func(r registry) time.Time { return r.Updated }),
		{key: "user", when: byName, value: func(r registry) any { return r.Owner }},
	}
}
