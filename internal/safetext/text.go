// Package safetext is the one rule of what a terminal, a log or a dialog may be shown of
// a text that somebody else chose, and the one way to write a word for a shell.
//
// It is a leaf that docker-credential-zen links: no fmt, no tables of its own. How wide a
// text is on a terminal needs such tables and is package textwidth's.
package safetext

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Unsafe reports whether r must not be shown as it is: controls (C0, DEL, C1), marks,
// overrides and isolates of bidirectional text, zero-width characters, line separators,
// private and unassigned characters, and letters and selectors that show nothing. A line
// feed and a tab are unsafe too. Spaces of any width are not, nor is U+FFFD.
func Unsafe(r rune) bool {
	if r < utf8.RuneSelf {
		return r < ' ' || r == 0x7f
	}
	return !strconv.IsGraphic(r) || invisible(r)
}

// IsControl reports whether r ends a line or is a control character: C0, DEL, C1, U+2028,
// U+2029. It is for what may be a name; what may be shown is Unsafe's.
func IsControl(r rune) bool { return r < ' ' || 0x7f <= r && r <= 0x9f || r == 0x2028 || r == 0x2029 }

// invisible reports whether r has a graphic category and yet shows nothing of its own
// (Unicode, Default_Ignorable_Code_Point). The selectors U+FE0E and U+FE0F stay: emoji
// need them.
func invisible(r rune) bool {
	switch r {
	case 0x034f, 0x115f, 0x1160, 0x17b4, 0x17b5, 0x3164, 0xffa0:
		return true
	}
	return 0x180b <= r && r <= 0x180f || 0xfe00 <= r && r <= 0xfe0d || 0xe0100 <= r && r <= 0xe01ef
}

// Safe reports whether s is UTF-8 without unsafe characters.
func Safe(s string) bool { return firstUnsafe(s) == len(s) }

// firstUnsafe is the index of the first byte that cannot stay, len(s) if there is none.
func firstUnsafe(s string) int {
	for i := 0; i < len(s); {
		if s[i] >= ' ' && s[i] < 0x7f {
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if Unsafe(r) || stray(r, n) {
			return i
		}
		i += n
	}
	return len(s)
}

// stray reports whether what was decoded is not a character but a byte that is not UTF-8.
func stray(r rune, n int) bool { return r == utf8.RuneError && n == 1 }

// Escape returns s with what is unsafe as Go writes it in a literal: \x1b, \u202e, \n.
func Escape(s string) string { return escape(s, escapeBreaks) }

// Text is Escape for a text of several lines: line feeds and tabs stay.
func Text(s string) string { return escape(s, keepBreaks) }

// Line is Escape for a text that belongs on one line: line breaks and tabs become spaces.
func Line(s string) string { return escape(s, joinBreaks) }

// Short is Line with runs of spaces as one, cut to at most n characters with an ellipsis.
func Short(s string, n int) string { return cut(strings.Join(strings.Fields(Line(s)), " "), n) }

// Name returns a name or path as it stands if that is not empty and safe, else in double
// quotes.
func Name(s string) string {
	if s != "" && Safe(s) {
		return s
	}
	return quote(s)
}

// maxQuote is how many characters Quote repeats.
const maxQuote = 80

// Quote returns s in double quotes, for messages that repeat what somebody else sent: its
// beginning, if it is long.
func Quote(s string) string { return quote(cut(s, maxQuote)) }

func quote(s string) string {
	return `"` + Escape(strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s)) + `"`
}

// cut shortens s to n characters, the dots included, and never inside of one.
func cut(s string, n int) string {
	const dots = "..."
	end, count := 0, 0
	for i := range s {
		if count == n-len(dots) {
			end = i
		}
		if count++; count > n {
			return strings.TrimRight(s[:end], " ") + dots
		}
	}
	return s
}

// breaks says what becomes of line breaks and tabs.
type breaks int

const (
	escapeBreaks breaks = iota
	keepBreaks
	joinBreaks
)

func escape(s string, mode breaks) string {
	first := firstUnsafe(s)
	if first == len(s) {
		return s
	}
	b := make([]byte, 0, len(s)+16)
	b = append(b, s[:first]...)
	for s = s[first:]; len(s) > 0; {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case mode != escapeBreaks && strings.HasPrefix(s, "\r\n"):
			// the line feed alone stands for both
		case mode == keepBreaks && (r == '\n' || r == '\t'):
			b = append(b, byte(r))
		case mode == joinBreaks && isBreak(r):
			b = append(b, ' ')
		case stray(r, n):
			b = append(b, '\\', 'x', hexDigits[s[0]>>4], hexDigits[s[0]&15])
		case Unsafe(r):
			b = appendEscape(b, r)
		default:
			b = append(b, s[:n]...)
		}
		s = s[n:]
	}
	return string(b)
}

// isBreak reports whether r ends a line (Unicode, UAX 14) or is a tab.
func isBreak(r rune) bool { return '\t' <= r && r <= '\r' || r == 0x85 || r == 0x2028 || r == 0x2029 }

const hexDigits = "0123456789abcdef"

// appendEscape appends r as it is written in a Go literal.
func appendEscape(b []byte, r rune) []byte {
	const letters = `abtnvfr` // of U+0007 to U+000D
	b = append(b, '\\')
	digits := 4
	switch {
	case 0x07 <= r && r <= 0x0d:
		return append(b, letters[r-0x07])
	case r < utf8.RuneSelf:
		b, digits = append(b, 'x'), 2
	case r > 0xffff:
		b, digits = append(b, 'U'), 8
	default:
		b = append(b, 'u')
	}
	for digits--; digits >= 0; digits-- {
		b = append(b, hexDigits[r>>(4*digits)&15])
	}
	return b
}
