package audit

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxText bounds one text of an entry, in bytes; clients choose some of them.
const maxText = 1024

// clean makes a text safe to print: what is not printable (control characters, escapes, marks that turn the direction of
// writing, broken UTF-8) is shown as Go would escape it, and what is too long is cut.
func clean(s string) string {
	if isPlain(s) {
		return s
	}
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "") + "..."
	}
	if strings.IndexFunc(s, unsafe) < 0 {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case !unsafe(r):
			b.WriteString(s[:size])
		case size == 1 && r == utf8.RuneError: // not a character but a stray byte
			b.WriteString(`\x` + strconv.FormatUint(uint64(s[0]), 16))
		default:
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		}
		s = s[size:]
	}
	return b.String()
}

// isPlain reports whether a text is short and printable ASCII, as nearly all are.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] >= 0x7f {
			return false
		}
	}
	return len(s) <= maxText
}

func unsafe(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError }

func cleanAll(list []string) []string {
	if !slices.ContainsFunc(list, func(s string) bool { return !isPlain(s) }) {
		return list // nobody changes it
	}
	out := make([]string, 0, len(list))
	for _, s := range list {
		out = append(out, clean(s))
	}
	return out
}
