package command

import (
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/ui"
)

// Column is one thing that a list shows of its items.
type Column[T any] struct {
	Key    string         // in JSON, YAML, CSV, TSV and --columns: ZenML's
	Header string         // heading in a table; "" is the key in capitals with spaces
	Value  func(T) any    // plain value; text, number, bool, list of texts or nil
	Cell   func(T) string // text in a table; nil: the value's
	When   Shown
}

// Shown says when a column is there without having been asked for.
type Shown int

// When a column is there.
const (
	Always  Shown = iota
	ByName        // only when --columns names it, or all
	IfAny         // in a table only when an item has a value; always in the other formats
	InTable       // in tables only
	IfItem        // in any format only when an item has a value
	Exact         // in the other formats only, and in a table when --columns names it
)

func (c Column[T]) heading() string {
	if c.Header != "" {
		return c.Header
	}
	return strings.ToUpper(strings.ReplaceAll(c.Key, "_", " "))
}

func (c Column[T]) text(item T) string {
	if c.Cell != nil {
		return c.Cell(item)
	}
	if list, ok := c.Value(item).([]string); ok {
		return strings.Join(list, "\n")
	}
	return ui.Plain(c.Value(item))
}

// Listing is a list that is to be shown.
type Listing[T any] struct {
	Columns []Column[T]
	Items   []T
	Page    *api.Page // nil: it has no pages
	Chosen  string    // the value of --columns
	Empty   string    // the sentence when there is nothing
	title   string
}

// document is the listing in JSON: ZenML's items and pagination.
type document struct {
	Items []ui.Object `json:"items"`
	Page  *api.Page   `json:"pagination,omitempty"`
}

// ShowList prints a listing in the format asked for.
func ShowList[T any](a *ui.UI, cmd *cobra.Command, o ui.Output, l Listing[T]) error {
	columns, err := l.choose(cmd, o)
	if err != nil {
		return err
	}
	if o.IsTable() {
		l.draw(a, columns)
		return nil
	}
	doc := document{Items: []ui.Object{}, Page: l.Page}
	for _, item := range l.Items {
		row := ui.Object{}
		for _, c := range columns {
			row = append(row, ui.Member{c.Key, c.Value(item)})
		}
		doc.Items = append(doc.Items, row)
	}
	if o.Format == ui.FormatCSV || o.Format == ui.FormatTSV {
		var header []string
		for _, c := range columns {
			header = append(header, c.Key)
		}
		return ui.WriteRows(a.Out, o.Format, header, doc.Items)
	}
	return a.Show(o, doc, nil)
}

// draw prints the table on standard output and the rest as sentences.
func (l Listing[T]) draw(a *ui.UI, columns []Column[T]) {
	if len(l.Items) == 0 {
		a.Say("%s", l.Empty)
		return
	}
	t := ui.Table{CenterFirst: true, Title: l.title}
	for _, c := range columns {
		t.Header = append(t.Header, c.heading())
	}
	for _, item := range l.Items {
		var row []string
		for _, c := range columns {
			row = append(row, c.text(item))
		}
		t.Rows = append(t.Rows, row)
	}
	a.DrawTable(t)
	if l.Page != nil {
		a.Say(
			"Page (%d/%d), %d items found for the applied filters.",
			l.Page.Index,
			max(1, l.Page.TotalPages),
			l.Page.Total,
		)
	}
}

// choose picks the columns that are shown.
func (l Listing[T]) choose(cmd *cobra.Command, o ui.Output) ([]Column[T], error) {
	var columns []Column[T]
	switch l.Chosen {
	case "":
		for _, c := range l.Columns {
			if l.visible(c, o) {
				columns = append(columns, c)
			}
		}
		return columns, nil
	case "all":
		return slices.DeleteFunc(
			slices.Clone(l.Columns),
			func(c Column[T]) bool { return c.When == InTable && !o.IsTable() },
		), nil
	}
	for name := range strings.SplitSeq(l.Chosen, ",") {
		name = strings.ReplaceAll(strings.TrimSpace(name), "-", "_")
		i := slices.IndexFunc(l.Columns, func(c Column[T]) bool { return c.Key == name })
		if i < 0 {
			return nil, ui.Misused(
				cmd,
				"There is no column '%s'. Available: %s.",
				name,
				strings.Join(l.Names(), ", "),
			)
		}
		columns = append(columns, l.Columns[i])
	}
	return columns, nil
}

func (l Listing[T]) visible(c Column[T], o ui.Output) bool {
	switch c.When {
	case ByName:
		return false
	case InTable:
		return o.IsTable()
	case Exact:
		return !o.IsTable()
	case IfItem:
		return slices.ContainsFunc(l.Items, func(item T) bool { return ui.Plain(c.Value(item)) != "" })
	case IfAny:
		return !o.IsTable() ||
			slices.ContainsFunc(l.Items, func(item T) bool { return ui.Plain(c.Value(item)) != "" })
	}
	return true
}

// Names are the keys of all columns, sorted.
func (l Listing[T]) Names() []string {
	var names []string
	for _, c := range l.Columns {
		names = append(names, c.Key)
	}
	return slices.Sorted(slices.Values(names))
}

// LabelColumn is a column of texts by name, which is there when it is asked for.
func LabelColumn[T any](key string, get func(T) map[string]string) Column[T] {
	return Column[T]{
		Key: key, When: ByName,
		Value: func(item T) any { return ui.LabelsOrEmpty(get(item)) },
		Cell:  func(item T) string { return ui.LabelLines(get(item)) },
	}
}

// TimeColumn is a column of points in time, which is there when it is asked for.
func TimeColumn[T any](key string, get func(T) time.Time) Column[T] {
	return Column[T]{
		Key: key, When: ByName,
		Value: func(item T) any { return get(item) },
		Cell:  func(item T) string { return ui.Stamp(get(item)) },
	}
}
