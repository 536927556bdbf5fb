package cli

import (
	"strings"
	"testing"

	"github.com/zen-agent/zen/internal/safetext/textwidth"
)

// The tables of ZenML's page about the default container registry, to the character.
const (
	pageRegister = `┏━━━━━━━━━━━━━━━━━━━━┯━━━━━━━━━━━━━━━━┓
┃   RESOURCE TYPE    │ RESOURCE NAMES ┃
┠────────────────────┼────────────────┨
┃ 🐳 docker-registry │ docker.io      ┃
┗━━━━━━━━━━━━━━━━━━━━┷━━━━━━━━━━━━━━━━┛
`
	pageResources = `┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┯━━━━━━━━━━━━━━━━┯━━━━━━━━━━━━━━━━┯━━━━━━━━━━━━━━━━━━━━┯━━━━━━━━━━━━━━━━┓
┃             CONNECTOR ID             │ CONNECTOR NAME │ CONNECTOR TYPE │ RESOURCE TYPE      │ RESOURCE NAMES ┃
┠──────────────────────────────────────┼────────────────┼────────────────┼────────────────────┼────────────────┨
┃ cf55339f-dbc8-4ee6-862e-c25aff411292 │ dockerhub      │ 🐳 docker      │ 🐳 docker-registry │ docker.io      ┃
┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┷━━━━━━━━━━━━━━━━┷━━━━━━━━━━━━━━━━┷━━━━━━━━━━━━━━━━━━━━┷━━━━━━━━━━━━━━━━┛
`
)

func TestCommandsDrawThePagesTables(t *testing.T) {
	w := smallWorld()
	w.connectors = nil
	z := startZend(t, w)
	for _, tt := range []struct{ line, stdout, stderr string }{
		{
			"service-connector register dockerhub --type docker --username=username --password-stdin", pageRegister,
			"Successfully registered service connector `dockerhub` with access to the following resources:\n",
		}, {
			"service-connector list-resources --connector-type docker --resource-id docker.io", pageResources,
			"The  resource with name 'docker.io' can be accessed by 'docker' service connectors that you have configured:\n",
		}, {
			"service-connector login dockerhub", "",
			"Attempting to configure local client using service connector 'dockerhub'...\nThe 'dockerhub' Docker Service Connector " +
				"connector was used to successfully configure the local Docker/OCI container registry client/SDK.\n" +
				"Hint: docker does not ask zen for credentials yet: zen setup docker\n",
		},
	} {
		r := zen(t, z, canary, terminalOf{}, words(tt.line)...)
		if r.code != 0 || r.stdout != tt.stdout || r.stderr != tt.stderr {
			t.Errorf("zen %s: exit %d\n%s\n%s\nwant\n%s\n%s", tt.line, r.code, r.stdout, r.stderr, tt.stdout, tt.stderr)
		}
	}
}

func drawn(tab table, width int) (string, []string) {
	var b strings.Builder
	hidden := tab.draw(&b, width)
	return b.String(), hidden
}

func TestTableFitsTheTerminal(t *testing.T) {
	tab := table{
		title:  "A title",
		header: []string{"ID", "NAME", "TEXT"},
		rows: [][]string{
			{"ba5046e8-ca5e-45e6-a7b7-6f969cac96e7", "🐳 docker", "words that are longer than a line\nand another"},
			{"x", "日本語テキスト", ""},
		},
		centerFirst: true,
	}
	for width := 20; width <= 130; width++ {
		text, hidden := drawn(tab, width)
		if len(hidden) > 0 && width > 40 {
			t.Errorf("width %d: left out %q", width, hidden)
		}
		sameWidth(t, text, width)
	}
}

// sameWidth checks that every line of a table is as wide as its border, and that that fits.
func sameWidth(t *testing.T, text string, most int) {
	t.Helper()
	border := 0
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case border == 0 && strings.HasPrefix(line, "┏"):
			border = textwidth.Of(line)
		case border != 0 && textwidth.Of(line) != border:
			t.Errorf("width %d: a line of %d columns in a table of %d:\n%s", most, textwidth.Of(line), border, text)
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
	text, _ := drawn(table{header: []string{"ID", "N"}, rows: [][]string{{id, "n"}}}, 22)
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
		if got := strings.Join(wrap(tt.text, tt.width), "|"); got != tt.want {
			t.Errorf("wrap(%q, %d) = %q, want %q", tt.text, tt.width, got, tt.want)
		}
	}
}

// What comes from elsewhere cannot break out of its cell, steer the terminal or make the table ragged.
func FuzzTable(f *testing.F) {
	f.Add("title", "cell", "🐳 docker-registry", 40)
	f.Add("\x1b[2J", "a\tb\r\nc", "\u202eevil", 30)
	f.Add("", strings.Repeat("x", 300), "\x9b31m\x7f", 0)
	f.Add("e\u0301", "👩‍👩‍👧‍👦 family", "한글\u200b", 24)
	f.Fuzz(func(t *testing.T, title, a, b string, width int) {
		if width < 0 || width > 400 || len(title)+len(a)+len(b) > 2000 {
			return
		}
		tab := table{title: title, header: []string{"ONE", "TWO"}, rows: [][]string{{a, b}, {b, a}}, centerFirst: true}
		text, _ := drawn(tab, width)
		if strings.ContainsFunc(text, unsafe) {
			t.Errorf("the table steers the terminal: %q", text)
		}
		if width >= 24 && !strings.ContainsFunc(text, func(r rune) bool { return r == '\u200d' || r == '\ufffd' }) {
			sameWidth(t, text[strings.Index(text, "┏"):], width)
		}
	})
}
