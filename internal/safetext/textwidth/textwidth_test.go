package textwidth

import (
	"slices"
	"strings"
	"testing"
)

func TestOf(t *testing.T) {
	for s, want := range map[string]int{"": 0, "plain": 5, "ä": 1, "e\u0301": 1, "日本": 4, "🐳": 2, "…": 1} {
		if got := Of(s); got != want {
			t.Errorf("%q has %d columns, want %d", s, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	for _, tt := range []struct {
		in      string
		columns int
		want    string
	}{
		{"plain", 5, "plain"},
		{"plain", 4, "pla…"},
		{"日本語", 5, "日本…"},
		{"日本語", 4, "日…"},
		{"ae\u0301o\u0301", 2, "a…"},
		{"e\u0301o\u0301u", 2, "e\u0301…"},
		{"plain", 1, "…"},
		{"plain", 0, ""},
		{"plain", -1, ""},
	} {
		if got := Cut(tt.in, tt.columns); got != tt.want {
			t.Errorf("Cut(%q, %d) = %q, want %q", tt.in, tt.columns, got, tt.want)
		}
	}
}

func FuzzSplit(f *testing.F) {
	f.Add("日本語e\u0301🐳", 3)
	f.Fuzz(func(t *testing.T, s string, columns int) {
		columns = min(max(columns, 2), 1000)
		parts := Split(s, columns)
		if strings.Join(parts, "") != s {
			t.Errorf("%q becomes %q", s, parts)
		}
		if wide := slices.IndexFunc(parts, func(p string) bool { return Of(p) > columns }); wide >= 0 {
			t.Errorf("%q is wider than %d", parts[wide], columns)
		}
		if got := Cut(s, columns); Of(got) > columns {
			t.Errorf("Cut(%q, %d) = %q", s, columns, got)
		}
	})
}
