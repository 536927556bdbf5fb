package stack

import (
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
)

func (a *Commands) stackListCommand() *cobra.Command {
	var o command.ListFlags
	cmd := &cobra.Command{
		Use: "list", Short: "List all stacks that fulfill the filter requirements",
		Long: `List the stacks of this machine and of ZenML servers; the mark shows the active one.
Filters take a value or OPERATOR:VALUE with one of the operators equals, notequals, contains,
startswith, endswith, oneof, gt, gte, lt, lte, and may be repeated.`,
		Example: `  zen stack list
  zen stack list --container_registry hub
  zen stack list --columns name,container_registry,image_builder -o csv`,
		Args: command.Arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			query, err := o.Query(cmd)
			if err != nil {
				return err
			}
			list, err := zend.Call[api.StackList](cmd.Context(), a.zend, api.MethodStackList, query)
			if err != nil {
				return err
			}
			command.WarnServers(a.UI, list.Warnings)
			return command.ShowList(a.UI, cmd, o.Output, command.Listing[api.Stack]{
				Columns: stackColumns(), Items: list.Items, Page: &list.Page, Chosen: o.Columns,
				Empty: "No stacks found for the given filters.",
			})
		},
	}
	filters := append(
		command.CommonFilters(),
		command.Filter{Field: "description", Kind: "STRING"},
		command.Filter{Field: "component_id", Kind: "UUID"},
		command.Filter{Field: "component", Kind: "STRING"},
		command.Filter{Field: "server", Kind: "STRING"},
	)
	for _, t := range componentTypes() {
		filters = append(filters, command.Filter{Field: t.name, Kind: "STRING"})
	}
	command.AddListFlags(a.UI, cmd, &o, filters, command.Listing[api.Stack]{Columns: stackColumns()}.Names())
	return cmd
}

// stackColumns are ZenML's columns and the container registry, which is what zen is
// about.
func stackColumns() []command.Column[api.Stack] {
	type stack = api.Stack
	columns := []command.Column[stack]{
		{
			Key:   "active",
			Value: func(s stack) any { return s.Active },
			Cell:  func(s stack) string { return ui.ActiveMark(s.Active) },
		},
		{Key: "id", Value: func(s stack) any { return s.ID }},
		{Key: "name", Value: func(s stack) any { return s.Name }},
		{Key: "server", When: command.IfItem, Value: func(s stack) any { return ui.OrNull(s.Server) }},
		{
			Key:   "user",
			Value: func(s stack) any { return ui.OrNull(s.Owner) },
			Cell:  func(s stack) string { return ui.OrDash(s.Owner) },
		},
	}
	shown := []string{registryComponent, "artifact_store", "orchestrator", "deployer"}
	for _, name := range shown {
		columns = append(columns, componentColumn(name, command.Always))
	}
	for _, t := range componentTypes() {
		if !slices.Contains(shown, t.name) {
			columns = append(columns, componentColumn(t.name, command.ByName))
		}
	}
	return append(
		columns,
		command.LabelColumn("labels", func(s stack) map[string]string { return s.Labels }),
		command.TimeColumn("created", func(s stack) time.Time { return s.Created }),
		command.TimeColumn("updated", func(s stack) time.Time { return s.Updated }),
		command.Column[stack]{
			Key:   "owner",
			When:  command.ByName,
			Value: func(s stack) any { return ui.OrNull(s.Owner) },
		},
	)
}

// componentColumn shows the components of one type by name.
func componentColumn(componentType string, when command.Shown) command.Column[api.Stack] {
	return command.Column[api.Stack]{
		Key: componentType, When: when,
		Value: func(s api.Stack) any { return ui.OrNull(strings.Join(componentsOf(s, componentType), ", ")) },
		Cell: func(s api.Stack) string {
			return ui.OrDash(strings.Join(componentsOf(s, componentType),
				"\n"))
		},
	}
}
