package ui

import (
	"io"
	"strings"

	"github.com/zen-agent/zen/internal/safetext"
	"github.com/zen-agent/zen/internal/safetext/textwidth"
)

// Table is a table in ZenML's heavy box. Cells may have several lines.
type Table struct {
	Title       string
	Caption     string // below
	Header      []string
	Rows        [][]string
	CenterFirst bool // ZenML centres the first column of lists
}

// minColumn is how narrow a column may become before columns are left out instead.
const minColumn = 8

// draw prints the table. A width above 0 is the terminal's: cells are wrapped to fit into
// it, and when that is not enough columns are left out from the right. It returns the
// headings of those.
func (t Table) draw(w io.Writer, width int) (hidden []string) {
	t = t.cleaned()
	widths, hidden := t.fit(width)
	var b strings.Builder
	if t.Title != "" {
		b.WriteString(strings.TrimRight(center(t.Title, boxWidth(widths)), " ") + "\n")
	}
	b.WriteString(rule(widths, "┏", "━", "┯", "┓"))
	b.WriteString(t.line(t.Header, widths))
	for _, row := range t.Rows {
		b.WriteString(rule(widths, "┠", "─", "┼", "┨"))
		b.WriteString(t.line(row, widths))
	}
	b.WriteString(rule(widths, "┗", "━", "┷", "┛"))
	if t.Caption != "" {
		b.WriteString(strings.TrimRight(center(t.Caption, boxWidth(widths)), " ") + "\n")
	}
	_, _ = io.WriteString(w, b.String()) // dataWriter keeps the error
	return hidden
}

// cleaned is the table with nothing in it that steers a terminal.
func (t Table) cleaned() Table {
	t.Title, t.Caption = safetext.Text(t.Title), safetext.Text(t.Caption)
	rows := make([][]string, len(t.Rows))
	for i, row := range t.Rows {
		rows[i] = make([]string, len(row))
		for j, cell := range row {
			rows[i][j] = strings.ReplaceAll(safetext.Text(cell), "\t", " ")
		}
	}
	t.Rows = rows
	return t
}

// fit returns the columns' widths, of as many columns as fit into width.
func (t Table) fit(width int) (widths []int, hidden []string) {
	widths = t.natural()
	if width <= 0 {
		return widths, nil
	}
	least := make([]int, len(widths))
	for i, w := range widths {
		least[i] = min(w, minColumn)
	}
	n := len(widths)
	for n > 1 && boxWidth(least[:n]) > width {
		n--
	}
	hidden = t.Header[n:]
	widths = widths[:n]
	for boxWidth(widths) > width {
		widest := 0
		for i, w := range widths {
			if w > widths[widest] {
				widest = i
			}
		}
		if widths[widest] <= 1 {
			break
		}
		widths[widest]--
	}
	return widths, hidden
}

// natural is how wide each column is when nothing is wrapped.
func (t Table) natural() []int {
	widths := make([]int, len(t.Header))
	for _, row := range append([][]string{t.Header}, t.Rows...) {
		for i, cell := range row {
			for line := range strings.SplitSeq(cell, "\n") {
				widths[i] = max(widths[i], textwidth.Of(line))
			}
		}
	}
	return widths
}

// boxWidth is the width of a whole table: each cell has a space on both sides, and a line
// beside it.
func boxWidth(widths []int) int {
	total := 1
	for _, w := range widths {
		total += w + 3
	}
	return total
}

func rule(widths []int, left, line, cross, right string) string {
	var b strings.Builder
	b.WriteString(left)
	for i, w := range widths {
		if i > 0 {
			b.WriteString(cross)
		}
		b.WriteString(strings.Repeat(line, w+2))
	}
	return b.String() + right + "\n"
}

// line prints one row, over as many lines as its highest cell needs.
func (t Table) line(cells []string, widths []int) string {
	wrapped := make([][]string, len(widths))
	height := 1
	for i, w := range widths {
		wrapped[i] = Wrap(cells[i], w)
		height = max(height, len(wrapped[i]))
	}
	var b strings.Builder
	for l := range height {
		b.WriteString("┃")
		for i, w := range widths {
			if i > 0 {
				b.WriteString("│")
			}
			text := ""
			if l < len(wrapped[i]) {
				text = wrapped[i][l]
			}
			if i == 0 && t.CenterFirst && len(t.Header) > 1 {
				text = center(text, w)
			}
			b.WriteString(" " + Pad(text, w) + " ")
		}
		b.WriteString("┃\n")
	}
	return b.String()
}

// Pad fills s with spaces to the width in columns.
func Pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-textwidth.Of(s)))
}

// center puts s into the middle; the odd space goes to the right, as rich's tables have
// it.
func center(s string, width int) string {
	return Pad(strings.Repeat(" ", max(0, width-textwidth.Of(s))/2)+s, width)
}

// Wrap breaks text into lines of at most width columns: at its newlines, at spaces, and
// inside of a word that is longer.
func Wrap(text string, width int) []string {
	var lines []string
	for paragraph := range strings.SplitSeq(text, "\n") {
		if textwidth.Of(paragraph) <= width {
			lines = append(lines, paragraph)
			continue
		}
		lines = append(lines, wrapWords(paragraph, width)...)
	}
	return lines
}

func wrapWords(text string, width int) []string {
	var lines []string
	line, used := "", 0
	for word := range strings.FieldsSeq(text) {
		w := textwidth.Of(word)
		if line != "" && used+1+w <= width {
			line, used = line+" "+word, used+1+w
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		if w > width {
			parts := textwidth.Split(word, width)
			lines, word = append(lines, parts[:len(parts)-1]...), parts[len(parts)-1]
			w = textwidth.Of(word)
		}
		line, used = word, w
	}
	return append(lines, line)
}

// DrawTable prints a table and says so when the terminal was too narrow for it.
func (a *UI) DrawTable(t Table) {
	if hidden := t.draw(a.Out, a.Term.Width); len(hidden) > 0 {
		a.Say("The terminal is too narrow for %s.\nUse --output=json|yaml|csv|tsv for full data, or "+
			"--columns to choose.",
			strings.Join(hidden, ", "))
	}
}

// DrawProperties prints a table of names and values.
func (a *UI) DrawProperties(title, name string, rows [][]string) {
	a.DrawTable(Table{Title: title, Header: []string{name, "VALUE"}, Rows: rows})
}

// DrawLabels prints the labels of an entity, or that it has none.
func (a *UI) DrawLabels(labels map[string]string, what string) {
	if len(labels) == 0 {
		a.Say("No labels are set for this %s.", what)
		return
	}
	a.DrawProperties("Labels", "LABEL", SortedRows(labels))
}
