package machine

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/safetext"
	"github.com/zen-agent/zen/internal/safetext/textwidth"
)

// watched is what is known at one moment of a watch.
type watched struct {
	status api.Status // the last one that zend sent
	known  bool       // there was one
	err    error      // zend cannot be asked now
}

// view draws the moment as lines for a screen of that many columns and rows, without
// control characters. Logins before first are left out; it returns what first can be at
// most.
func (w watched) view(now time.Time, first, columns, rows int) (lines []string, last int) {
	head := w.head(now, columns)
	for _, n := range w.notes() { // before the list, which could push them off a low screen
		head = append(head, textwidth.Cut(n, columns))
	}
	head = append(head, "")
	logins := w.logins(now, columns)
	switch {
	case len(logins) > 1:
		head, logins = append(head, logins[0]), logins[1:] // the headings
	case w.known:
		head, logins = append(head, textwidth.Cut("Not logged in to any registry.", columns)), nil
	}
	tail := []string{"", textwidth.Cut("q: quit   up/down: scroll", columns)}
	room := max(rows-len(head)-len(tail), 1)
	last = max(len(logins)-room, 0)
	first = min(first, last)
	shown := logins[first:min(first+room, len(logins))]
	if len(shown) < len(logins) {
		tail[0] = textwidth.Cut(fmt.Sprintf("%d of %d logins", len(shown), len(logins)), columns)
	}
	lines = slices.Concat(head, shown, tail)
	return lines[:min(len(lines), rows)], last
}

// head says what zend and the vault are like.
func (w watched) head(now time.Time, columns int) []string {
	at := now.UTC().Format("15:04:05") + " UTC"
	title := "zend"
	if w.known {
		s := w.status
		title = fmt.Sprintf(
			"zend %s, process %d, for %s (%s)",
			safetext.Line(s.Version),
			s.PID,
			rough(now.Sub(s.Started)),
			safetext.Line(s.Activity),
		)
	}
	if w.err != nil {
		title = "zend does not answer: " + safetext.Line(w.err.Error())
	}
	lines := []string{beside(title, at, columns)}
	if !w.known {
		return lines
	}
	vault := []string{
		"vault " + strings.TrimSuffix(
			w.status.Vault.State+": "+w.status.Vault.Problem,
			": ",
		) + locksIn(
			w.status,
			now,
		),
	}
	for _, slot := range w.status.Vault.Slots {
		vault = append(vault, slot.Kind+", "+slot.Detail)
	}
	return append(lines, textwidth.Cut(safetext.Line(strings.Join(vault, "; ")), columns))
}

// notes are what a person should know.
func (w watched) notes() (lines []string) {
	for _, n := range w.status.Notices {
		text := "! " + safetext.Line(n.Text)
		if n.Done {
			text = "✓ " + safetext.Line(n.Text)
		}
		if n.Hint != "" {
			text += " (" + safetext.Line(n.Hint) + ")"
		}
		lines = append(lines, text)
	}
	return lines
}

// watchColumn is a column of the list.
type watchColumn struct {
	name  string
	least int // how narrow it may become before others are left out; 1000: it is left out at once
	drop  int // when it is left out of a narrow screen: the highest first; 0: never
}

func watchColumns() []watchColumn {
	return []watchColumn{
		{
			"REGISTRY",
			16,
			0,
		},
		{"ANSWERED BY", 12, 4},
		{"FOR", 1000, 6},
		{"ENDS IN", 7, 2},
		{"TOKEN", 6, 5},
		{"LAST USE", 10, 3},
		{"STATE", 11, 1},
	}
}

// logins draws the list, its headings first.
func (w watched) logins(now time.Time, columns int) []string {
	if !w.known {
		return nil
	}
	var header []string
	for _, c := range watchColumns() {
		header = append(header, c.name)
	}
	rows := [][]string{header}
	for _, l := range w.status.Logins {
		rows = append(rows, loginCells(l, now))
	}
	widths := watchWidths(rows, columns)
	var lines []string
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			if widths[i] == 0 {
				continue
			}
			if b.Len() > 0 {
				b.WriteString("  ")
			}
			b.WriteString(ui.Pad(textwidth.Cut(cell, widths[i]), widths[i]))
		}
		lines = append(lines, strings.TrimRight(b.String(), " "))
	}
	return lines
}

func loginCells(l api.Login, now time.Time) []string {
	state := "ready"
	if l.Problem != "" {
		state = l.Problem
	}
	cells := []string{
		l.Address, cmp.Or(l.ConnectorName, l.Source), scopeHere(l), until(l.Until, now),
		until(l.TokenExpires, now), "-", state,
	}
	if l.LastUsed != nil {
		cells[5] = rough(now.Sub(*l.LastUsed)) + " ago"
	}
	for i := range cells {
		cells[i] = safetext.Line(cells[i])
	}
	return cells
}

func until(t *time.Time, now time.Time) string {
	if t == nil {
		return "-"
	}
	return rough(t.Sub(now))
}

// watchWidths finds the columns' widths: what does not fit is made narrower, and then
// left out (0).
func watchWidths(rows [][]string, columns int) []int {
	natural := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			natural[i] = max(natural[i], textwidth.Of(cell))
		}
	}
	all := watchColumns()
	for {
		widths := slices.Clone(natural)
		if squeeze(widths, columns, func(i int) int { return all[i].least }) {
			return widths
		}
		drop := 0
		for i, c := range all {
			if natural[i] > 0 && c.drop > all[drop].drop {
				drop = i
			}
		}
		if drop == 0 {
			squeeze(natural, columns, func(int) int { return 1 })
			return natural
		}
		natural[drop] = 0
	}
}

// squeeze makes the widest columns narrower until all fit, and reports whether they do.
func squeeze(widths []int, columns int, least func(column int) int) bool {
	for {
		total, widest := -2, -1
		for i, w := range widths {
			if w > 0 {
				total += w + 2
			}
			if w > least(i) && (widest < 0 || w > widths[widest]) {
				widest = i
			}
		}
		if total <= columns {
			return true
		}
		if widest < 0 {
			return false
		}
		widths[widest]--
	}
}

// beside puts b at the right end of a line that begins with a.
func beside(a, b string, columns int) string {
	room := columns - textwidth.Of(b) - 2
	if room < 10 {
		return textwidth.Cut(a, columns)
	}
	return ui.Pad(textwidth.Cut(a, room), room) + "  " + b
}

// rough prints a duration in its two greatest units: "3d4h", "1h30m", "59m10s", "7s".
func rough(d time.Duration) string {
	switch {
	case d >= 24*time.Hour:
		return ui.Span(d.Truncate(time.Hour))
	case d >= time.Hour:
		return ui.Span(d.Truncate(time.Minute))
	}
	return ui.Span(d)
}
