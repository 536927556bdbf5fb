package ui

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/safejson"
)

// OrEmpty is [] in JSON instead of null.
func OrEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// OrNull is nil for an empty text.
func OrNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// OrNA is N/A for an empty text, as in ZenML's tables.
func OrNA(s string) string {
	if s == "" {
		return "N/A"
	}
	return s
}

// OrDash is a dash for an empty text.
func OrDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// LabelsOrEmpty is {} in JSON instead of null.
func LabelsOrEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

// SortedRows are rows of keys and values, by key.
func SortedRows(m map[string]string) [][]string {
	var rows [][]string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		rows = append(rows, []string{key, m[key]})
	}
	return rows
}

// SecondsOr is a number with its unit, N/A without one.
func SecondsOr(n *int, unit string) string {
	if n == nil {
		return "N/A"
	}
	return strconv.Itoa(*n) + unit
}

// ActiveMark is how ZenML marks what the active stack uses.
func ActiveMark(active bool) string {
	if active {
		return "●"
	}
	return "-"
}

// Optional is the only argument, or "" where ZenML means what is active.
func Optional(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

// JSONLine encodes v as one line of JSON that a terminal may show.
func JSONLine(v any) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return string(safejson.Escape(b.Bytes())), err
}

// ParseTime reads a point in time as ZenML takes it: UTC unless it has a zone.
func ParseTime(s string) (time.Time, error) {
	for _, layout := range []string{
		"2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02",
		time.RFC3339,
	} {
		if t, err := time.ParseInLocation(layout, s, time.UTC); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf(
		"'%s' does not match the formats '%%Y-%%m-%%d', '%%Y-%%m-%%dT%%H:%%M:%%S', '%%Y-%%m-%%d "+
			"%%H:%%M:%%S'", s)
}

// Bullets is a list with an entry a line, or several where it is longer than a page is
// wide.
func Bullets(list []string) string {
	var lines []string
	for _, entry := range list {
		wrapped := Wrap(entry, PageWidth-3)
		lines = append(lines, " • "+strings.Join(wrapped, "\n   "))
	}
	return strings.Join(lines, "\n")
}

// PageWidth is the width of explanations, ZenML's.
const PageWidth = 80

// Heading is a title in the middle of a page.
func Heading(s string) string { return strings.TrimRight(center(s, PageWidth), " ") }

// Prose wraps the paragraphs of a description. Lists in it keep their lines.
func Prose(text string) string {
	var paragraphs []string
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		paragraphs = append(paragraphs, strings.Join(Wrap(paragraph, PageWidth), "\n"))
	}
	return strings.Join(paragraphs, "\n\n")
}

// AnsweredBy says whose credentials a login uses.
func AnsweredBy(l api.Login) string {
	switch {
	case l.ConnectorName == "":
		return l.Source
	case l.Server != "":
		return "service connector '" + l.ConnectorName + "' on server '" + l.Server + "'"
	}
	return "service connector '" + l.ConnectorName + "'"
}

// LoginScope says which clients a login is for.
func LoginScope(l api.Login) string {
	var scope []string
	if l.Dir != "" {
		scope = append(scope, "below "+l.Dir)
	}
	if l.Profile != "" {
		scope = append(scope, "profile "+l.Profile)
	}
	if scope == nil {
		return "every client"
	}
	return strings.Join(scope, ", ")
}

// Pictured is a text behind its emoji, if it has one.
func Pictured(emoji, text string) string {
	if emoji == "" {
		return text
	}
	return emoji + " " + text
}
