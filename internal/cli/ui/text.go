package ui

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zen-agent/zen/internal/safetext"
)

// Say prints a sentence for a person.
func (a *UI) Say(format string, args ...any) {
	fmt.Fprintln(a.Err, safetext.Text(fmt.Sprintf(format, args...)))
}

// Warn prints what a person should know although the command goes on, and with a hint
// what to type about it.
func (a *UI) Warn(message, hint string) {
	a.Labelled(styleWarning, "Warning: ", message)
	a.Hint(hint)
}

// Hint prints what to type, if there is something.
func (a *UI) Hint(hint string) {
	if hint != "" {
		a.Labelled(StyleHint, "Hint: ", hint)
	}
}

// Styles of labels on a terminal (ECMA-48, SGR).
const (
	StyleError   = "31"
	styleWarning = "33"
	StyleHint    = "36"
)

// Labelled prints a text behind a label, which has a style on a terminal.
func (a *UI) Labelled(style, label, text string) {
	if a.Term.Color {
		label = "\x1b[" + style + "m" + label + "\x1b[0m"
	}
	fmt.Fprintln(a.Err, label+safetext.Text(strings.TrimRight(text, "\n")))
}

// Span prints a duration as ZenML does: "31d14h8m17s", without parts that are zero.
func Span(d time.Duration) string {
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

// Stamp prints a time as ZenML's tables do: UTC, microseconds, no zone.
func Stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000000") }

// Clock prints a time for a person: UTC, to the second.
func Clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// Count is "1 login", "2 logins".
func Count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// Paragraph breaks prose for a table's cell, which would otherwise be as wide as the
// prose where there is no terminal.
func Paragraph(text string) string { return strings.Join(Wrap(text, PageWidth), "\n") }

// LabelLines prints labels for a table's cell, one a line.
func LabelLines(labels map[string]string) string {
	var lines []string
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		lines = append(lines, key+":"+labels[key])
	}
	return strings.Join(lines, "\n")
}

// Decimal is a number as text, "" for zero.
func Decimal(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// ParseSeconds reads a positive number.
func ParseSeconds(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && n > 0
}
