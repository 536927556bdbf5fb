package cli

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zen-agent/zen/internal/safetext"
)

// say prints a sentence for a person.
func (a *app) say(format string, args ...any) {
	fmt.Fprintln(a.err, safetext.Text(fmt.Sprintf(format, args...)))
}

// warn prints what a person should know although the command goes on, and with a hint what to type about it.
func (a *app) warn(message, hint string) {
	a.labelled(styleWarning, "Warning: ", message)
	a.hint(hint)
}

func (a *app) hint(hint string) {
	if hint != "" {
		a.labelled(styleHint, "Hint: ", hint)
	}
}

// Styles of labels on a terminal (ECMA-48, SGR).
const (
	styleError   = "31"
	styleWarning = "33"
	styleHint    = "36"
)

func (a *app) labelled(style, label, text string) {
	if a.term.color {
		label = "\x1b[" + style + "m" + label + "\x1b[0m"
	}
	fmt.Fprintln(a.err, label+safetext.Text(strings.TrimRight(text, "\n")))
}

// span prints a duration as ZenML does: "31d14h8m17s", without parts that are zero.
func span(d time.Duration) string {
	seconds := int64(d / time.Second)
	if seconds <= 0 {
		return "0s"
	}
	var b strings.Builder
	for _, unit := range []struct {
		name string
		size int64
	}{{"d", 86400}, {"h", 3600}, {"m", 60}, {"s", 1}} {
		if n := seconds / unit.size; n > 0 {
			b.WriteString(strconv.FormatInt(n, 10) + unit.name)
			seconds -= n * unit.size
		}
	}
	return b.String()
}

// stamp prints a time as ZenML's tables do: UTC, microseconds, no zone.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000000") }

// clock prints a time for a person: UTC, to the second.
func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// count is "1 login", "2 logins".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// paragraph breaks prose for a table's cell, which would otherwise be as wide as the prose where there is no terminal.
func paragraph(text string) string { return strings.Join(wrap(text, pageWidth), "\n") }

// labelLines prints labels for a table's cell, one a line.
func labelLines(labels map[string]string) string {
	var lines []string
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		lines = append(lines, key+":"+labels[key])
	}
	return strings.Join(lines, "\n")
}

// decimal is a number as text, "" for zero.
func decimal(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// parseSeconds reads a positive number.
func parseSeconds(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && n > 0
}
