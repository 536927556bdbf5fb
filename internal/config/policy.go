package config

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/zen-agent/zen/internal/address"
)

// Rule is one [[policy]] table: what is asked of those who want to use a credential. It
// is about a credential when both its connector and its registry are; what it leaves out
// it does not ask.
type Rule struct {
	// of service connectors' names; "": every one, and logins without one
	Connector   Pattern      `toml:"connector"`
	Registry    Registry     `toml:"registry"`     // "": every one
	Executables []Executable `toml:"executables"`  // one of them must be among the programs that ask
	Directories []Directory  `toml:"directories"`  // the client must work in or below one of them
	Confirm     bool         `toml:"confirm"`      // a person is asked first
	ConfirmKeep Duration     `toml:"confirm_keep"` // for how long a yes counts; 0: once
	Rate        Rate         `toml:"rate"`         // the zero Rate: as often as anybody likes
}

// equal reports whether both say the same.
func (r Rule) equal(o Rule) bool {
	return r.Connector == o.Connector && r.Registry == o.Registry &&
		slices.Equal(r.Executables, o.Executables) &&
		slices.Equal(r.Directories, o.Directories) && r.Confirm == o.Confirm &&
		r.ConfirmKeep == o.ConfirmKeep &&
		r.Rate == o.Rate
}

// check says what is wrong with a rule as a whole.
func (r Rule) check() string {
	switch {
	case r.Executables != nil && len(r.Executables) == 0:
		return "executables is empty, so nobody could be meant"
	case r.Directories != nil && len(r.Directories) == 0:
		return "directories is empty, so nowhere could be meant"
	case r.ConfirmKeep > 0 && !r.Confirm:
		return "confirm_keep has a meaning beside confirm = true only"
	case r.Executables == nil && r.Directories == nil && !r.Confirm && r.Rate == Rate{}:
		return "it asks for nothing; add executables, directories, confirm or rate"
	}
	return ""
}

// checkPolicy is check for all rules; rules are numbered as a person counts.
func checkPolicy(rules []Rule) (number int, text string) {
	for i, r := range rules {
		if text := r.check(); text != "" {
			return i + 1, fmt.Sprintf("policy, rule %d: %s", i+1, text)
		}
	}
	return 0, ""
}

// Pattern is a name, in which * and ? stand for any characters (path.Match).
type Pattern string

// UnmarshalTOML takes a text that path.Match understands.
func (p *Pattern) UnmarshalTOML(v any) error {
	text, ok := v.(string)
	if _, err := path.Match(text, ""); !ok || text == "" || err != nil {
		return fmt.Errorf("%s is not a name; write that of a service connector, or a pattern such as "+
			"\"prod-*\"", show(v))
	}
	*p = Pattern(text)
	return nil
}

// Registry is the canonical address of a registry, or of a repository on one.
type Registry string

// UnmarshalTOML takes every spelling of an address.
func (r *Registry) UnmarshalTOML(v any) error {
	text, ok := v.(string)
	a, err := address.Parse(text)
	if !ok || err != nil {
		return fmt.Errorf("%s is not a registry; write its address, such as \"ghcr.io\"", show(v))
	}
	*r = Registry(a.String())
	return nil
}

// Executable is the absolute path of a program, which may be a pattern (path.Match), or
// the name of one, wherever it lies.
type Executable string

// UnmarshalTOML takes absolute paths, those of the home directory ("~/"), and names.
func (e *Executable) UnmarshalTOML(v any) error {
	text, ok := v.(string)
	_, err := path.Match(text, "")
	if !ok || err != nil || text == "" || strings.Contains(text, "/") && !isAbsolute(text) ||
		strings.ContainsFunc(text, unicode.IsControl) {
		return fmt.Errorf("%s is not a program; write its path, such as \"/usr/bin/docker\", or its "+
			"name", show(v))
	}
	*e = Executable(text)
	return nil
}

// Directory is the absolute path of a directory.
type Directory string

// UnmarshalTOML takes absolute paths and those of the home directory ("~/").
func (d *Directory) UnmarshalTOML(v any) error {
	text, ok := v.(string)
	if !ok || !isAbsolute(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return fmt.Errorf("%s is not a directory; write an absolute path, such as \"~/src\"", show(v))
	}
	*d = Directory(text)
	return nil
}

func isAbsolute(text string) bool {
	return strings.HasPrefix(text, "/") || text == "~" || strings.HasPrefix(text, "~/")
}

// Rate is how often something may happen.
type Rate struct {
	Count int           // times, at least 1
	Per   time.Duration // in this time
}

// maxRate is the largest Count.
const maxRate = 1_000_000

// UnmarshalTOML takes a number and a time: "30/1m".
func (r *Rate) UnmarshalTOML(v any) error {
	text, _ := v.(string)
	times, span, _ := strings.Cut(text, "/")
	n, err := strconv.Atoi(times)
	per, spanErr := ParseDuration(span)
	if err != nil || spanErr != nil || n < 1 || n > maxRate || per < time.Second || per > maxDuration {
		return fmt.Errorf(`%s is not a valid rate; write a number and a time, such as "30/1m" for 30 `+
			`times a `+
			`minute`, show(v))
	}
	*r = Rate{Count: n, Per: per}
	return nil
}
