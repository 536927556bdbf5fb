package ui

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/zen-agent/zen/internal/safetext"
)

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", -time.Hour: "0s", 999 * time.Millisecond: "0s", time.Second: "1s", 90 * time.Minute: "1h30m",
		31*24*time.Hour + 14*time.Hour + 8*time.Minute + 17*time.Second: "31d14h8m17s", 48 * time.Hour: "2d",
	} {
		if got := Span(d); got != want {
			t.Errorf("span(%s) = %q, want %q", d, got, want)
		}
	}
}

func TestParseTime(t *testing.T) {
	for text, want := range map[string]string{
		"2026-12-25": "2026-12-25T00:00:00Z", "2026-12-25 01:02:03": "2026-12-25T01:02:03Z",
		"2026-12-25T01:02:03":       "2026-12-25T01:02:03Z",
		"2026-12-25T01:02:03+02:00": "2026-12-24T23:02:03Z",
	} {
		got, err := ParseTime(text)
		if err != nil || got.Format(time.RFC3339) != want {
			t.Errorf("parseTime(%q) = %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "x", "2026-13-01", "25.12.2026"} {
		if got, err := ParseTime(text); err == nil {
			t.Errorf("parseTime(%q) = %s", text, got)
		}
	}
}

// Whatever a name or a message holds, nothing that is printed steers the terminal, and
// JSON and YAML give it back as it was.
func FuzzForeignText(f *testing.F) {
	f.Add("plain")
	f.Add("\x1b]0;title\a\x9b2J\x7f")
	f.Add("a\nb\tc\r")
	f.Add("\u202etxt.exe\u2066 ")
	f.Add("yes")
	f.Add("1e3")
	f.Add("- a: [b]\n# c")
	f.Add("🐳 \u0085 \ufeff")
	f.Fuzz(func(t *testing.T, s string) {
		s = strings.ToValidUTF8(s, "?")
		if got := safetext.Text(s); strings.ContainsFunc(got, unsafe) {
			t.Errorf("safetext.Text(%q) = %q", s, got)
		}
		if strings.Contains(safetext.Line(s), "\n") {
			t.Errorf("safetext.Line(%q) has several", s)
		}
		encoded, err := IndentedJSON(Object{{"text", s}})
		if err != nil {
			t.Fatal(err)
		}
		if bytes.ContainsFunc(encoded, unsafe) {
			t.Errorf("JSON steers the terminal: %q", encoded)
		}
		var fromJSON, fromYAML struct{ Text string }
		if err := json.Unmarshal(encoded, &fromJSON); err != nil || fromJSON.Text != s {
			t.Errorf("JSON of %q gives %q: %v", s, fromJSON.Text, err)
		}
		var b bytes.Buffer
		if err := WriteYAML(&b, encoded); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsFunc(b.String(), unsafe) {
			t.Errorf("YAML steers the terminal: %q", b.String())
		}
		if err := yaml.Unmarshal(b.Bytes(), &fromYAML); err != nil || fromYAML.Text != s {
			t.Errorf("YAML of %q is %q, gives %q: %v", s, b.String(), fromYAML.Text, err)
		}
	})
}

func TestRowsCannotBeBroken(t *testing.T) {
	row := Object{
		{"a", "x\ty\nz"},
		{"b", "\x1b[2J"},
		{"c", nil},
		{"d", 3},
		{"e", []string{"p", "q"}},
		{"f", map[string]string{"k": "v"}},
	}
	header := []string{"a", "b", "c", "d", "e", "f"}
	var tsv, csv bytes.Buffer
	if err := WriteRows(&tsv, FormatTSV, header, []Object{row}); err != nil {
		t.Fatal(err)
	}
	if err := WriteRows(&csv, FormatCSV, header, []Object{row}); err != nil {
		t.Fatal(err)
	}
	if want := "a\tb\tc\td\te\tf\nx\\ty\\nz\t\\x1b[2J\t\t3\tp, q\t{\"k\":\"v\"}\n"; tsv.String() != strings.
		ReplaceAll(
			want,
			`x\ty`,
			`x\ty`,
		) {
		t.Errorf("TSV is %q", tsv.String())
	}
	if want := "a,b,c,d,e,f\n\"x\ty\nz\",\\x1b[2J,,3,\"p, " +
		"q\",\"{\"\"k\"\":\"\"v\"\"}\"\n"; csv.String() != want {
		t.Errorf("CSV is %q", csv.String())
	}
}

// unsafe is what must not be shown in a text of several lines.
func unsafe(r rune) bool { return r != '\n' && r != '\t' && safetext.Unsafe(r) }
