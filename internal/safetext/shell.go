package safetext

import (
	"strings"
)

// ShellWord returns s as one word of a POSIX shell that can be shown and pasted. A word
// with unsafe characters is written as $'...' (POSIX.1-2024, 2.2.4), which older shells
// do not know.
func ShellWord(s string) string {
	switch {
	case s != "" && strings.IndexFunc(s, special) < 0:
		return s
	case Safe(s):
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	b := []byte("$'")
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\'' || c == '\\':
			b = append(b, '\\', c)
		case ' ' <= c && c < 0x7f:
			b = append(b, c)
		default:
			b = append(b, '\\', '0'+c>>6, '0'+c>>3&7, '0'+c&7)
		}
	}
	return string(append(b, '\''))
}

// special reports whether r may mean something to a shell.
func special(r rune) bool {
	letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	return !letter && !strings.ContainsRune("%+,-./:=@_", r)
}
