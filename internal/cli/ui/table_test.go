package ui

import (
	"strings"
	"testing"

	"github.com/zen-agent/zen/internal/safetext/textwidth"
)

func drawn(tab Table, width int) (string, []string) {
	var b strings.Builder
	hidden := tab.draw(&b, width)
	return b.String(), hidden
}

func TestTableFitsTheTerminal(t *testing.T) {
	tab := Table{
		Title:  "A title",
		Header: []string{"ID", "NAME", "TEXT"},
		Rows: [][]string{
			{"ba5046e8-ca5e-45e6-a7b7-6f969cac96e7", "🐳 docker", "words that are longer than a line\nand " +
				"another"},
			{"x", "日本語テキスト", ""},
		},
		CenterFirst: true,
	}
	for width := 20; width <= 130; width++ {
		text, hidden := drawn(tab, width)
		if len(hidden) > 0 && width > 40 {
			t.Errorf("width %d: left out %q", width, hidden)
		}
		sameWidth(t, text, width)
	}
}

// sameWidth checks that every line of a table is as wide as its border, and that that
// fits.
func sameWidth(t *testing.T, text string, most int) {
	t.Helper()
	border := 0
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case border == 0 && strings.HasPrefix(line, "┏"):
			border = textwidth.Of(line)
		case border != 0 && textwidth.Of(line) != border:
			t.Errorf(
				"width %d: a line of %d columns in a table of %d:\n%s",
				most,
				textwidth.Of(line),
				border,
				text,
			)
			return
		}
		if strings.HasPrefix(line, "┗") {
			break
		}
	}
	if border == 0 || border > most {
		t.Errorf("width %d: the table has %d columns\n%s", most, border, text)
	}
}

func TestNarrowTableLosesNoText(t *testing.T) {
	const id = "ba5046e8-ca5e-45e6-a7b7-6f969cac96e7"
	text, _ := drawn(Table{Header: []string{"ID", "N"}, Rows: [][]string{{id, "n"}}}, 22)
	var cells strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "┃") {
			cells.WriteString(strings.TrimSpace(strings.Split(line, "│")[0][len("┃"):]))
		}
	}
	if got := strings.TrimPrefix(cells.String(), "ID"); got != id {
		t.Errorf("the id became %q in\n%s", got, text)
	}
}

func TestWrap(t *testing.T) {
	for _, tt := range []struct {
		text  string
		width int
		want  string
	}{
		{"", 5, ""},
		{"one two three", 7, "one two|three"},
		{"one two three", 13, "one two three"},
		{"abcdefghij", 4, "abcd|efgh|ij"},
		{"a bcdefghij k", 4, "a|bcde|fghi|j k"},
		{"a\nb", 9, "a|b"},
		{"🐳🐳🐳", 4, "🐳🐳|🐳"},
		{"🐳", 1, "🐳"},
	} {
		if got := strings.Join(Wrap(tt.text, tt.width), "|"); got != tt.want {
			t.Errorf("wrap(%q, %d) = %q, want %q", tt.text, tt.width, got, tt.want)
		}
	}
}

// What comes from elsewhere cannot break out of its cell, steer the terminal or make the
// table ragged.
func FuzzTable(f *testing.F) {
	f.Add("title", "cell", "🐳 docker-registry", 40)
	f.Add("\x1b[2J", "a\tb\r\nc", "\u202eevil", 30)
	f.Add("", strings.Repeat("x", 300), "\x9b31m\x7f", 0)
	f.Add("e\u0301", "👩‍👩‍👧‍👦 family", "한글\u200b", 24)
	f.Fuzz(func(t *testing.T, title, a, b string, width int) {
		if width < 0 || width > 400 || len(title)+len(a)+len(b) > 2000 {
			return
		}
		tab := Table{
			Title:       title,
			Header:      []string{"ONE", "TWO"},
			Rows:        [][]string{{a, b}, {b, a}},
			CenterFirst: true,
		}
		text, _ := drawn(tab, width)
		if strings.ContainsFunc(text, unsafe) {
			t.Errorf("the table steers the terminal: %q", text)
		}
		if width >= 24 &&
			!strings.ContainsFunc(text, func(r rune) bool { return r == '\u200d' || r == '\ufffd' }) {
			sameWidth(t, text[strings.Index(text, "┏"):], width)
		}
	})
}
