package audit

import (
	"slices"
	"strings"

	"github.com/zen-agent/zen/internal/safetext"
)

// maxText bounds one text of an entry, in bytes; clients choose some of them.
const maxText = 1024

// clean makes a text fit for an entry: what is too long is cut, and what must not be
// shown is escaped.
func clean(s string) string {
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "") + "..."
	}
	return safetext.Escape(s)
}

func cleanAll(list []string) []string {
	if !slices.ContainsFunc(list, func(s string) bool { return len(s) > maxText || !safetext.Safe(s) }) {
		return list // nobody changes it
	}
	out := make([]string, 0, len(list))
	for _, s := range list {
		out = append(out, clean(s))
	}
	return out
}
