package safetext

import (
	"os/exec"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestUnsafe(t *testing.T) {
	unsafe := map[string]string{
		"C0": "\x00\a\b\t\n\v\f\r\x1b\x1f", "DEL": "\x7f", "C1": "\u0080\u0085\u009b\u009f",
		"bidi marks": "\u061c\u200e\u200f", "bidi embeddings and overrides": "\u202a\u202b\u202c\u202d\u202e",
		"bidi isolates": "\u2066\u2067\u2068\u2069",
		"zero width":    "\u200b\u200c\u200d\u2060\ufeff\u00ad\u180e",
		"separators":    "\u2028\u2029", "tags": "\U000e0001\U000e0041", "private": "\ue000\U000f0000",
		"selectors": "\u180b\ufe00\U000e0100", "fillers": "\u115f\u1160\u3164\uffa0\u034f",
		"not assigned": "\u0378\uffff",
	}
	for name, text := range unsafe {
		for _, r := range text {
			if !Unsafe(r) || Safe("a"+string(r)) {
				t.Errorf("%s: U+%04X is shown", name, r)
			}
		}
	}
	for _, text := range []string{
		"", " aZ~", "äöüß", "日本語", "🐳☸️", "e\u0301", "\u00a0\u3000", "\ufffd",
		"مرحبا", "עברית",
	} {
		if !Safe(text) {
			t.Errorf("%q is not shown", text)
		}
	}
	if Safe("\xff") || Safe("a\xe2\x82") {
		t.Error("a byte that is no UTF-8 is shown")
	}
}

func TestForms(t *testing.T) {
	tests := []struct{ in, escape, text, line, name string }{
		{"", "", "", "", `""`},
		{"plain ä 🐳", "plain ä 🐳", "plain ä 🐳", "plain ä 🐳", "plain ä 🐳"},
		{"a\nb\tc", `a\nb\tc`, "a\nb\tc", "a b c", `"a\nb\tc"`},
		{"a\r\nb\rc", `a\r\nb\rc`, "a\nb\\rc", "a b c", `"a\r\nb\rc"`},
		{"\x1b[31m", `\x1b[31m`, `\x1b[31m`, `\x1b[31m`, `"\x1b[31m"`},
		{"\a\b\v\f\x7f", `\a\b\v\f\x7f`, `\a\b\v\f\x7f`, `\a\b  \x7f`, `"\a\b\v\f\x7f"`},
		{"a\u202eb\u2028c\u0085", `a\u202eb\u2028c\u0085`, `a\u202eb\u2028c\u0085`, `a\u202eb ` +
			`c `, `"a\u202eb\u2028c\u0085"`},
		{
			"\U000e0041\xff\xe2\x82",
			`\U000e0041\xff\xe2\x82`,
			`\U000e0041\xff\xe2\x82`,
			`\U000e0041\xff\xe2\x82`,
			`"\U000e0041\xff\xe2\x82"`,
		},
		{"ghcr.io\u200b", `ghcr.io\u200b`, `ghcr.io\u200b`, `ghcr.io\u200b`, `"ghcr.io\u200b"`},
		{`say "hi" \`, `say "hi" \`, `say "hi" \`, `say "hi" \`, `say "hi" \`},
		{"\"\\\x00", `"\\x00`, `"\\x00`, `"\\x00`, `"\"\\\x00"`},
	}
	for _, tt := range tests {
		for form, got := range map[string][2]string{
			"Escape": {Escape(tt.in), tt.escape}, "Text": {Text(tt.in), tt.text},
			"Line": {Line(tt.in), tt.line}, "Name": {Name(tt.in), tt.name},
		} {
			if got[0] != got[1] {
				t.Errorf("%s(%q) = %s, want %s", form, tt.in, got[0], got[1])
			}
		}
	}
}

func TestCut(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"", ""},
		{"12345678", "12345678"},
		{"123456789", "12345..."},
		{"1234 6789", "1234..."},
		{"ää🐳äää🐳ä", "ää🐳äää🐳ä"},
		{"ää🐳äää🐳ää", "ää🐳ää..."},
		{"a \n\t b", "a b"},
		{"a\x1bb\x1bc\x1b", `a\x1b...`},
	} {
		if got := Short(tt.in, 8); got != tt.want {
			t.Errorf("Short(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
	if got, want := Quote(strings.Repeat("ä", 81)), `"`+strings.Repeat("ä", 77)+`..."`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := Quote(strings.Repeat("ä", 80)); got != `"`+strings.Repeat("ä", 80)+`"` {
		t.Errorf("got %s", got)
	}
}

func TestShellWord(t *testing.T) {
	for in, want := range map[string]string{
		"":                          "''",
		"/var/home/.config/zen-1_x": "/var/home/.config/zen-1_x",
		"user@host:5000/a+b,c%d=":   "user@host:5000/a+b,c%d=",
		"/my dir":                   "'/my dir'",
		"it's $HOME `x` \\ \"":      `'it'\''s $HOME ` + "`x` \\ \"'",
		"~":                         "'~'",
		"-x":                        "-x",
		"ä":                         "'ä'",
		"a\nb\x1b'\\":               `$'a\012b\033\'\\'`,
		"a\u202eb":                  `$'a\342\200\256b'`,
		"\xff":                      `$'\377'`,
	} {
		if got := ShellWord(in); got != want {
			t.Errorf("ShellWord(%q) = %s, want %s", in, got, want)
		}
	}
}

// A shell reads back what was quoted.
func TestShellReadsWord(t *testing.T) {
	words := []string{"", "plain", "it's", "$(id)", "`id`", "a\\b", "*", "~", "a b\tc", "!x", "#", "ä"}
	check := func(shell string, words []string) {
		for _, word := range words {
			out, err := exec.Command(shell, "-c", "printf %s "+ShellWord(word)).Output()
			if err != nil || string(out) != word {
				t.Errorf("%s reads %s as %q, want %q (%v)", shell, ShellWord(word), out, word, err)
			}
		}
	}
	check("/bin/sh", words[:8])
	if bash, err := exec.LookPath("bash"); err == nil {
		check(bash, append(words, "\n\x1b[31m'\\", "\u202e", "\xff\x7f"))
	}
}

// What is shown has nothing unsafe in it, and showing it again changes nothing.
func FuzzText(f *testing.F) {
	for _, s := range []string{
		"", "a\x1b[31m\nb", "\u202e\r\n\xff", "\r\r\n\n", "\u3164\ufe0f", `\x1b`,
		strings.Repeat("ä \u200b", 40),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for name, show := range map[string]func(string) string{
			"Escape": Escape, "Text": Text, "Line": Line,
			"Short": func(s string) string { return Short(s, 40) },
		} {
			got := show(s)
			bad := func(r rune) bool {
				return Unsafe(r) && (name != "Text" || r != '\n' && r != '\t') || unicode.Is(unicode.Cf, r)
			}
			if !utf8.ValidString(got) || strings.ContainsFunc(got, bad) {
				t.Errorf("%s(%q) = %q", name, s, got)
			}
			if again := show(got); again != got {
				t.Errorf("%s(%q) = %q, and again %q", name, s, got, again)
			}
			if Safe(s) && name != "Short" && got != s {
				t.Errorf("%s changes %q to %q", name, s, got)
			}
		}
		if n := utf8.RuneCountInString(Short(s, 40)); n > 40 {
			t.Errorf("Short(%q) has %d characters", s, n)
		}
		for _, got := range []string{Name(s), Quote(s), ShellWord(s)} {
			if !Safe(got) {
				t.Errorf("%q is shown as %q", s, got)
			}
		}
	})
}
