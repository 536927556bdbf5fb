package command

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
)

// Filter is a field by which a list can be filtered.
type Filter struct {
	Field string // ZenML's name
	Kind  string // "STRING", "UUID" or "DATETIME"
}

// CommonFilters are those of every entity.
func CommonFilters() []Filter {
	return []Filter{
		{"id", "UUID"},
		{"created", "DATETIME"},
		{"updated", "DATETIME"},
		{"user", "STRING"},
		{"name", "STRING"},
	}
}

// ListFlags are ZenML's options of every list.
type ListFlags struct {
	Output   ui.Output
	Columns  string
	labels   []string
	sortBy   string
	operator string
	page     int
	size     int
	filters  []Filter
	values   map[string]*[]string
}

// AddListFlags gives a command ZenML's list options. Each filter takes "value" or
// "op:value" and may be repeated.
func AddListFlags(a *ui.UI, cmd *cobra.Command, o *ListFlags, filters []Filter, columns []string) {
	if cmd.Long == "" {
		cmd.Long = cmd.Short + "."
	}
	cmd.Long += "\n\nJSON and YAML have the entries in \"items\" and ZenML's \"pagination\": index, " +
		"max_size, total_pages and total. " +
		"CSV\nand TSV have a header with the names of the columns. Values are plain, without emojis."
	flags := cmd.Flags()
	flags.StringVar(&o.sortBy, "sort_by", "", "`FIELD`, asc:FIELD or desc:FIELD")
	flags.StringVar(&o.operator, "logical_operator", "and", "how filters are combined: `and|or`")
	flags.IntVar(&o.page, "page", 1, "which page")
	flags.IntVar(&o.size, "size", 20, "entries of a page")
	flags.StringArrayVarP(&o.labels, "label", "l", nil, "label to filter by: `KEY=VALUE` or KEY; may be "+
		"repeated")
	flags.StringVarP(&o.Columns, "columns", "c", "", "`COLUMN,...` to show, or all; "+
		"available: "+strings.Join(columns, ", "))
	AddOutput(a, cmd, &o.Output)
	o.filters = filters
	o.values = map[string]*[]string{}
	for _, f := range filters {
		o.values[f.Field] = flags.StringArray(f.Field, nil, f.help())
	}
	Complete(cmd, "columns", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return append([]string{"all"}, columns...), cobra.ShellCompDirectiveNoFileComp
	})
	Complete(cmd, "sort_by", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return sortings(filters), cobra.ShellCompDirectiveNoFileComp
	})
	Complete(
		cmd,
		"logical_operator",
		func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"and", "or"}, cobra.ShellCompDirectiveNoFileComp
		},
	)
}

func sortings(filters []Filter) []string {
	var list []string
	for _, f := range filters {
		list = append(list, "asc:"+f.Field, "desc:"+f.Field)
	}
	return list
}

func (f Filter) help() string {
	switch f.Kind {
	case "UUID":
		return "`UUID`, or startswith:ab53ca"
	case "DATETIME":
		return "`DATETIME`, such as 'gte:2026-12-31 23:59:59'"
	}
	return fmt.Sprintf("`STRING`, or contains:%s, startswith:, endswith:, oneof:, ...", f.Field)
}

// Query is what the options ask for.
func (o *ListFlags) Query(cmd *cobra.Command) (api.Query, error) {
	q := api.Query{
		SortBy:   o.sortBy,
		Operator: o.operator,
		Page:     o.page,
		Size:     o.size,
		Filters:  map[string][]string{},
	}
	if o.operator != "and" && o.operator != "or" {
		return q, ui.Misused(cmd, "Invalid value for '--logical_operator': '%s' is not one of 'or', "+
			"'and'.", o.operator)
	}
	if o.page < 1 || o.size < 1 {
		return q, ui.Misused(cmd, "'--page' and '--size' are at least 1.")
	}
	for _, f := range o.filters {
		if values := *o.values[f.Field]; len(values) > 0 {
			q.Filters[f.Field] = values
		}
	}
	if len(o.labels) > 0 {
		q.Labels = map[string]*string{}
	}
	for _, l := range o.labels {
		key, value, ok := strings.Cut(l, "=")
		if key == "" {
			return q, ui.Refused("Labels must be in the format key=value", "--label env=dev")
		}
		q.Labels[key] = nil
		if ok {
			q.Labels[key] = &value
		}
	}
	return q, nil
}

// LabelsOf reads the labels of a new entity: key=value each.
func LabelsOf(args []string) (map[string]string, error) {
	labels := map[string]string{}
	for _, arg := range args {
		key, value, ok := strings.Cut(arg, "=")
		if !ok || key == "" || strings.Contains(value, "=") {
			return nil, ui.Refused("Labels must be in the format key=value", "--label env=dev")
		}
		labels[key] = value
	}
	return labels, nil
}

// LabelChanges reads the labels of an update: key=value sets, key or key= removes (nil).
func LabelChanges(args []string) (map[string]*string, error) {
	changes := map[string]*string{}
	for _, arg := range args {
		key, value, _ := strings.Cut(arg, "=")
		if key == "" || strings.Contains(value, "=") {
			return nil, ui.Refused("Labels must be in the format key=value", "--label env=dev, or "+
				"--label env to remove it")
		}
		changes[key] = nil
		if value != "" {
			changes[key] = &value
		}
	}
	return changes, nil
}

// AddLabels gives a command --label.
func AddLabels(flags *pflag.FlagSet, labels *[]string, usage string) {
	flags.StringArrayVarP(labels, "label", "l", nil, usage)
}

// AddServer gives a command --server, for a service connector.
func AddServer(connect zend.Connect, cmd *cobra.Command, server *string) {
	AddServerOf(connect, cmd, server, "connector")
}

// AddServerOf gives a command --server, for whatever can live on one.
func AddServerOf(connect zend.Connect, cmd *cobra.Command, server *string, what string) {
	cmd.Flags().StringVar(server, "server", "", "the "+what+" of this ZenML server `NAME`, not one of "+
		"this machine")
	NeverEmpty(cmd, "server")
	Complete(cmd, "server", CompleteFrom(connect, 0, ServerNames))
}
