package registry

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
)

func (a *Commands) registryListCommand() *cobra.Command {
	var o command.ListFlags
	cmd := &cobra.Command{
		Use: "list", Short: "List all registered container registries",
		Long: `List the container registries of this machine and of ZenML servers; the mark shows
the one of the active stack. Filters take a value or OPERATOR:VALUE with one of the operators
equals, notequals, contains, startswith, endswith, oneof, gt, gte, lt, lte, and may be repeated.`,
		Example: `  zen container-registry list
  zen container-registry list --flavor dockerhub --sort_by name
  zen container-registry list --columns name,uri,connector -o csv`,
		Args: command.Arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			query, err := o.Query(cmd)
			if err != nil {
				return err
			}
			list, err := zend.Call[api.RegistryList](cmd.Context(), a.zend, api.MethodRegistryList, query)
			if err != nil {
				return err
			}
			command.WarnServers(a.UI, list.Warnings)
			return command.ShowList(a.UI, cmd, o.Output, command.Listing[api.ContainerRegistry]{
				Columns: registryColumns(), Items: list.Items, Page: &list.Page, Chosen: o.Columns,
				Empty: "No components found for the given filters.",
			})
		},
	}
	filters := append(
		command.CommonFilters(),
		command.Filter{Field: "flavor", Kind: "STRING"},
		command.Filter{Field: "type", Kind: "STRING"},
		command.Filter{Field: "uri", Kind: "STRING"},
		command.Filter{Field: "connector", Kind: "STRING"},
		command.Filter{
			Field: "connector_id",
			Kind:  "UUID",
		},
		command.Filter{Field: "stack_id", Kind: "UUID"},
		command.Filter{Field: "server", Kind: "STRING"},
	)
	command.AddListFlags(
		a.UI,
		cmd,
		&o,
		filters,
		command.Listing[api.ContainerRegistry]{Columns: registryColumns()}.Names(),
	)
	return cmd
}

// registryColumns are ZenML's columns, and more for anyone who asks for them.
func registryColumns() []command.Column[api.ContainerRegistry] {
	type registry = api.ContainerRegistry
	return []command.Column[registry]{
		{
			Key: "active", Value: func(r registry) any { return r.Active },
			Cell: func(r registry) string { return ui.ActiveMark(r.Active) },
		},
		{Key: "id", Value: func(r registry) any { return r.ID }},
		{Key: "name", Value: func(r registry) any { return r.Name }},
		{Key: "flavor", Value: func(r registry) any { return r.Flavor }},
		{Key: "server", When: command.IfItem, Value: func(r registry) any { return ui.OrNull(r.Server) }},
		{Key: "owner", Value: func(r registry) any { return r.Owner }},
		{Key: "uri", When: command.ByName, Value: func(r registry) any { return r.URI() }},
		{
			Key:   "connector",
			When:  command.ByName,
			Value: func(r registry) any { return ui.OrNull(r.ConnectorName) },
		},
		{
			Key:   "connector_id",
			When:  command.ByName,
			Value: func(r registry) any { return ui.OrNull(r.ConnectorID) },
		},
		{
			Key:   "connector_resource_id",
			When:  command.ByName,
			Value: func(r registry) any { return ui.OrNull(r.ConnectorResourceID) },
		},
		command.LabelColumn("configuration", func(r registry) map[string]string { return r.Configuration }),
		command.LabelColumn("labels", func(r registry) map[string]string { return r.Labels }),
		command.TimeColumn("created", func(r registry) time.Time { return r.Created }),
		command.TimeColumn("updated", func(r registry) time.Time { return r.Updated }),
		{Key: "user", When: command.ByName, Value: func(r registry) any { return r.Owner }},
	}
}
