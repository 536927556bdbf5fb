package cli

import (
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/ui"
)

func (a *app) stackListCommand() *cobra.Command {
	var o listFlags
	cmd := &cobra.Command{
		Use: "list", Short: "List all stacks that fulfill the filter requirements",
		Long: `List the stacks of this machine and of ZenML servers; the mark shows the active one. Filters take a value or
OPERATOR:VALUE with one of the operators equals, notequals, contains, startswith, endswith, oneof, gt, gte, lt, lte,
and may be repeated.`,
		Example: `  zen stack list
  zen stack list --container_registry hub
  zen stack list --columns name,container_registry,image_builder -o csv`,
		Args: arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			query, err := o.query(cmd)
			if err != nil {
				return err
			}
			list, err := call[api.StackList](cmd.Context(), a, api.MethodStackList, query)
			if err != nil {
				return err
			}
			a.warnServers(list.Warnings)
			return showList(a, cmd, o.output, listing[api.Stack]{
				columns: stackColumns(), items: list.Items, page: &list.Page, chosen: o.columns,
				empty: "No stacks found for the given filters.",
			})
		},
	}
	filters := append(commonFilters(), filter{"component_id", "UUID"}, filter{"component", "STRING"}, filter{"server", "STRING"})
	for _, t := range componentTypes() {
		filters = append(filters, filter{t.name, "STRING"})
	}
	a.addListFlags(cmd, &o, filters, listing[api.Stack]{columns: stackColumns()}.names())
	return cmd
}

// stackColumns are ZenML's columns and the container registry, which is what zen is about.
func stackColumns() []column[api.Stack] {
	type stack = api.Stack
	columns := []column[stack]{
		{key: "active", value: func(s stack) any { return s.Active }, cell: func(s stack) string { return ui.ActiveMark(s.Active) }},
		{key: "id", value: func(s stack) any { return s.ID }},
		{key: "name", value: func(s stack) any { return s.Name }},
		{key: "server", when: ifItem, value: func(s stack) any { return ui.OrNull(s.Server) }},
		{key: "user", value: func(s stack) any { return ui.OrNull(s.Owner) }, cell: func(s stack) string { return ui.OrDash(s.Owner) }},
	}
	shown := []string{registryComponent, "artifact_store", "orchestrator", "deployer"}
	for _, name := range shown {
		columns = append(columns, componentColumn(name, always))
	}
	for _, t := range componentTypes() {
		if !slices.Contains(shown, t.name) {
			columns = append(columns, componentColumn(t.name, byName))
		}
	}
	return append(columns,
		labelColumn("labels", func(s stack) map[string]string { return s.Labels }),
		timeColumn("created", func(s stack) time.Time { return s.Created }),
		timeColumn("updated", func(s stack) time.Time { return s.Updated }),
		column[stack]{key: "owner", when: byName, value: func(s stack) any { return ui.OrNull(s.Owner) }},
	)
}

// componentColumn shows the components of one type by name.
func componentColumn(componentType string, when shown) column[api.Stack] {
	return column[api.Stack]{
		key: componentType, when: when,
		value: func(s api.Stack) any { return ui.OrNull(strings.Join(componentsOf(s, componentType), ", ")) },
		cell:  func(s api.Stack) string { return ui.OrDash(strings.Join(componentsOf(s, componentType), "\n")) },
	}
}
