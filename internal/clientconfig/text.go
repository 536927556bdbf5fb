package clientconfig

import (
	"strconv"
	"strings"
	"unicode"
)

// printable makes text from a file or the environment safe to show on a terminal.
func printable(s string) string {
	bad := func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }
	if s == "" || strings.ContainsFunc(s, bad) {
		return strconv.QuoteToGraphic(s)
	}
	return s
}

// shellWord makes a path safe to paste.
func shellWord(s string) string {
	plain := func(r rune) bool {
		return strings.ContainsRune("/._-+:@", r) || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
