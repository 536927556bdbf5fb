package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/ui"
)

// filter is a field by which a list can be filtered.
type filter struct {
	field string // ZenML's name
	kind  string // "STRING", "UUID" or "DATETIME"
}

// commonFilters are those of every entity.
func commonFilters() []filter {
	return []filter{{"id", "UUID"}, {"created", "DATETIME"}, {"updated", "DATETIME"}, {"user", "STRING"}, {"name", "STRING"}}
}

// listFlags are ZenML's options of every list.
type listFlags struct {
	output   ui.Output
	columns  string
	labels   []string
	sortBy   string
	operator string
	page     int
	size     int
	filters  []filter
	values   map[string]*[]string
}

// addListFlags gives a command ZenML's list options. Each filter takes "value" or "op:value" and may be repeated.
func (a *app) addListFlags(cmd *cobra.Command, o *listFlags, filters []filter, columns []string) {
	if cmd.Long == "" {
		cmd.Long = cmd.Short + "."
	}
	cmd.Long += "\n\nJSON and YAML have the entries in \"items\" and ZenML's \"pagination\": index, max_size, total_pages and total. " +
		"CSV\nand TSV have a header with the names of the columns. Values are plain, without emojis."
	flags := cmd.Flags()
	flags.StringVar(&o.sortBy, "sort_by", "", "`FIELD`, asc:FIELD or desc:FIELD")
	flags.StringVar(&o.operator, "logical_operator", "and", "how filters are combined: `and|or`")
	flags.IntVar(&o.page, "page", 1, "which page")
	flags.IntVar(&o.size, "size", 20, "entries of a page")
	flags.StringArrayVarP(&o.labels, "label", "l", nil, "label to filter by: `KEY=VALUE` or KEY; may be repeated")
	flags.StringVarP(&o.columns, "columns", "c", "", "`COLUMN,...` to show, or all; available: "+strings.Join(columns, ", "))
	addOutput(a.UI, cmd, &o.output)
	o.filters = filters
	o.values = map[string]*[]string{}
	for _, f := range filters {
		o.values[f.field] = flags.StringArray(f.field, nil, f.help())
	}
	complete(cmd, "columns", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return append([]string{"all"}, columns...), cobra.ShellCompDirectiveNoFileComp
	})
	complete(cmd, "sort_by", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return sortings(filters), cobra.ShellCompDirectiveNoFileComp
	})
	complete(cmd, "logical_operator", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{"and", "or"}, cobra.ShellCompDirectiveNoFileComp
	})
}

func sortings(filters []filter) []string {
	var list []string
	for _, f := range filters {
		list = append(list, "asc:"+f.field, "desc:"+f.field)
	}
	return list
}

func (f filter) help() string {
	switch f.kind {
	case "UUID":
		return "`UUID`, or startswith:ab53ca"
	case "DATETIME":
		return "`DATETIME`, such as 'gte:2026-12-31 23:59:59'"
	}
	return fmt.Sprintf("`STRING`, or contains:%s, startswith:, endswith:, oneof:, ...", f.field)
}

// query is what the options ask for.
func (o *listFlags) query(cmd *cobra.Command) (api.Query, error) {
	q := api.Query{SortBy: o.sortBy, Operator: o.operator, Page: o.page, Size: o.size, Filters: map[string][]string{}}
	if o.operator != "and" && o.operator != "or" {
		return q, ui.Misused(cmd, "Invalid value for '--logical_operator': '%s' is not one of 'or', 'and'.", o.operator)
	}
	if o.page < 1 || o.size < 1 {
		return q, ui.Misused(cmd, "'--page' and '--size' are at least 1.")
	}
	for _, f := range o.filters {
		if values := *o.values[f.field]; len(values) > 0 {
			q.Filters[f.field] = values
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

// labelsOf reads the labels of a new entity: key=value each.
func labelsOf(args []string) (map[string]string, error) {
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

// labelChanges reads the labels of an update: key=value sets, key or key= removes (nil).
func labelChanges(args []string) (map[string]*string, error) {
	changes := map[string]*string{}
	for _, arg := range args {
		key, value, _ := strings.Cut(arg, "=")
		if key == "" || strings.Contains(value, "=") {
			return nil, ui.Refused("Labels must be in the format key=value", "--label env=dev, or --label env to remove it")
		}
		changes[key] = nil
		if value != "" {
			changes[key] = &value
		}
	}
	return changes, nil
}

// addLabels gives a command --label.
func addLabels(flags *pflag.FlagSet, labels *[]string, usage string) {
	flags.StringArrayVarP(labels, "label", "l", nil, usage)
}
