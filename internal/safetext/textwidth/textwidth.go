// Package textwidth says how many columns a terminal gives to a text, and cuts texts to
// columns. It is apart from safetext because its tables are too heavy for
// docker-credential-zen.
package textwidth

import (
	"strings"

	"github.com/clipperhouse/uax29/v2/graphemes"
	"github.com/mattn/go-runewidth"
)

// Of is how many columns a terminal gives to s. Ambiguous characters are narrow and emoji
// wide, as in every terminal that is not set to an East Asian locale.
func Of(s string) int {
	if strings.IndexFunc(s, notASCII) < 0 {
		return len(s)
	}
	condition := runewidth.Condition{StrictEmojiNeutral: true}
	return condition.StringWidth(s)
}

// notASCII reports whether r is anything but a printable ASCII character, of which each
// takes one column.
func notASCII(r rune) bool { return r < ' ' || r > '~' }

// Cut shortens s to at most columns, an ellipsis included.
func Cut(s string, columns int) string {
	if Of(s) <= columns {
		return s
	}
	if columns <= 1 {
		return strings.Repeat("…", max(columns, 0))
	}
	return Split(s, columns-1)[0] + "…"
}

// Split cuts s into parts of at most columns, between what a person sees as characters.
// Each part has at least one.
func Split(s string, columns int) []string {
	var parts []string
	part, used := "", 0
	for clusters := graphemes.FromString(s); clusters.Next(); {
		character := clusters.Value()
		w := Of(character)
		if part != "" && used+w > columns {
			parts = append(parts, part)
			part, used = "", 0
		}
		part, used = part+character, used+w
	}
	return append(parts, part)
}
