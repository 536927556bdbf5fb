package cli

import (
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/ui"
)

// column is one thing that a list shows of its items.
type column[T any] struct {
	key    string         // in JSON, YAML, CSV, TSV and --columns: ZenML's
	header string         // heading in a table; "" is the key in capitals with spaces
	value  func(T) any    // plain value; text, number, bool, list of texts or nil
	cell   func(T) string // text in a table; nil: the value's
	when   shown
}

// shown says when a column is there without having been asked for.
type shown int

const (
	always  shown = iota
	byName        // only when --columns names it, or all
	ifAny         // in a table only when an item has a value; always in the other formats
	inTable       // in tables only
	ifItem        // in any format only when an item has a value
	exact         // in the other formats only, and in a table when --columns names it
)

func (c column[T]) heading() string {
	if c.header != "" {
		return c.header
	}
	return strings.ToUpper(strings.ReplaceAll(c.key, "_", " "))
}

func (c column[T]) text(item T) string {
	if c.cell != nil {
		return c.cell(item)
	}
	if list, ok := c.value(item).([]string); ok {
		return strings.Join(list, "\n")
	}
	return ui.Plain(c.value(item))
}

// listing is a list that is to be shown.
type listing[T any] struct {
	columns []column[T]
	items   []T
	page    *api.Page // nil: it has no pages
	chosen  string    // the value of --columns
	empty   string    // the sentence when there is nothing
	title   string
}

// document is the listing in JSON: ZenML's items and pagination.
type document struct {
	Items []ui.Object `json:"items"`
	Page  *api.Page   `json:"pagination,omitempty"`
}

// showList prints a listing in the format asked for.
func showList[T any](a *app, cmd *cobra.Command, o ui.Output, l listing[T]) error {
	columns, err := l.choose(cmd, o)
	if err != nil {
		return err
	}
	if o.IsTable() {
		l.draw(a, columns)
		return nil
	}
	doc := document{Items: []ui.Object{}, Page: l.page}
	for _, item := range l.items {
		row := ui.Object{}
		for _, c := range columns {
			row = append(row, ui.Member{c.key, c.value(item)})
		}
		doc.Items = append(doc.Items, row)
	}
	if o.Format == ui.FormatCSV || o.Format == ui.FormatTSV {
		var header []string
		for _, c := range columns {
			header = append(header, c.key)
		}
		return ui.WriteRows(a.Out, o.Format, header, doc.Items)
	}
	return a.Show(o, doc, nil)
}

// draw prints the table on standard output and the rest as sentences.
func (l listing[T]) draw(a *app, columns []column[T]) {
	if len(l.items) == 0 {
		a.Say("%s", l.empty)
		return
	}
	t := ui.Table{CenterFirst: true, Title: l.title}
	for _, c := range columns {
		t.Header = append(t.Header, c.heading())
	}
	for _, item := range l.items {
		var row []string
		for _, c := range columns {
			row = append(row, c.text(item))
		}
		t.Rows = append(t.Rows, row)
	}
	a.DrawTable(t)
	if l.page != nil {
		a.Say("Page (%d/%d), %d items found for the applied filters.", l.page.Index, max(1, l.page.TotalPages), l.page.Total)
	}
}

// choose picks the columns that are shown.
func (l listing[T]) choose(cmd *cobra.Command, o ui.Output) ([]column[T], error) {
	var columns []column[T]
	switch l.chosen {
	case "":
		for _, c := range l.columns {
			if l.visible(c, o) {
				columns = append(columns, c)
			}
		}
		return columns, nil
	case "all":
		return slices.DeleteFunc(slices.Clone(l.columns), func(c column[T]) bool { return c.when == inTable && !o.IsTable() }), nil
	}
	for name := range strings.SplitSeq(l.chosen, ",") {
		name = strings.ReplaceAll(strings.TrimSpace(name), "-", "_")
		i := slices.IndexFunc(l.columns, func(c column[T]) bool { return c.key == name })
		if i < 0 {
			return nil, ui.Misused(cmd, "There is no column '%s'. Available: %s.", name, strings.Join(l.names(), ", "))
		}
		columns = append(columns, l.columns[i])
	}
	return columns, nil
}

func (l listing[T]) visible(c column[T], o ui.Output) bool {
	switch c.when {
	case byName:
		return false
	case inTable:
		return o.IsTable()
	case exact:
		return !o.IsTable()
	case ifItem:
		return slices.ContainsFunc(l.items, func(item T) bool { return ui.Plain(c.value(item)) != "" })
	case ifAny:
		return !o.IsTable() || slices.ContainsFunc(l.items, func(item T) bool { return ui.Plain(c.value(item)) != "" })
	}
	return true
}

func (l listing[T]) names() []string {
	var names []string
	for _, c := range l.columns {
		names = append(names, c.key)
	}
	return slices.Sorted(slices.Values(names))
}

// labelColumn is a column of texts by name, which is there when it is asked for.
func labelColumn[T any](key string, get func(T) map[string]string) column[T] {
	return column[T]{
		key: key, when: byName,
		value: func(item T) any { return ui.LabelsOrEmpty(get(item)) },
		cell:  func(item T) string { return ui.LabelLines(get(item)) },
	}
}

// timeColumn is a column of points in time, which is there when it is asked for.
func timeColumn[T any](key string, get func(T) time.Time) column[T] {
	return column[T]{
		key: key, when: byName,
		value: func(item T) any { return get(item) },
		cell:  func(item T) string { return ui.Stamp(get(item)) },
	}
}
