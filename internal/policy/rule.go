package policy

import (
	"fmt"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/zen-agent/zen/internal/address"
)

// Rule is one of the user's rules. Its paths are absolute.
type Rule struct {
	Number int // as a person counts them in config.toml
	// name of service connectors, or a pattern (path.Match); "": every one, and logins
	// without one
	Connector string
	Registry  address.Address // the registry or repository; zero: every one
	// paths, patterns of paths (path.Match) or names of programs of which one must ask;
	// nil: any
	Executables []string
	Directories []string      // in or below one of which the client must work; nil: anywhere
	Confirm     bool          // a person is asked first
	Keep        time.Duration // for how long a yes counts; 0: once
	Rate        Rate          // zero: as often as anybody likes
}

// Rate is how often a credential may be used.
type Rate struct {
	Count int           // times
	Per   time.Duration // in this time
}

func (r Rate) String() string { return fmt.Sprintf("%d times in %s", r.Count, span(r.Per)) }

// Use is a use of a credential that somebody wants to make.
type Use struct {
	Connector string // name; "" for a login without one
	// that was asked for; zero when that does not matter, as for revealing a connector's
	// secrets
	Address address.Address
	Login   address.Address // of the login that answers; zero when there is none
	// executables of the client and its ancestors, nearest first; "[name]" or "" where
	// unknown
	Programs []string
	Dir      string // working directory of the client; "" when unknown
}

// What names what is to be used, for a person and for counting. One login may serve all
// repositories of a registry.
func (u Use) What() string {
	if u.Connector != "" {
		return "service connector '" + u.Connector + "'"
	}
	return "the login for " + u.Address.Host()
}

// helper is what clients ask through, as its path and as the kernel calls a process that
// forbids to be looked at (the first 15 characters of its name).
const helper = "docker-credential-zen"

// Asker is the program that wants the credential: the nearest that is not
// docker-credential-zen. "" when it is not known.
func (u Use) Asker() string {
	for _, p := range u.Programs {
		name := strings.Trim(path.Base(p), "[]")
		if p != "" && !strings.HasPrefix(name, helper) && name != helper[:15] {
			return p
		}
	}
	return ""
}

// About returns the rules that are about a use.
func About(rules []Rule, u Use) []Rule {
	var about []Rule
	for _, r := range rules {
		if r.isAbout(u) {
			about = append(about, r)
		}
	}
	return about
}

func (r Rule) isAbout(u Use) bool {
	var anywhere address.Address
	if r.Registry != anywhere && u.Address != anywhere && !r.Registry.Covers(u.Address) &&
		!r.guards(u.Login) {
		return false
	}
	return r.fits(u.Connector)
}

// fits reports whether the rule is about a service connector of that name.
func (r Rule) fits(connector string) bool {
	fits, _ := path.Match(r.Connector, connector)
	return r.Connector == "" || fits
}

// guards reports whether a login opens what the rule is about, or part of it: it does so
// whatever address it is asked for by.
func (r Rule) guards(login address.Address) bool {
	return login != address.Address{} && (r.Registry.Covers(login) || login.Covers(r.Registry))
}

// LostByName returns a rule that is about a service connector and would not be after a
// change of its name, unless another rule asks the same of the new one.
func LostByName(rules []Rule, from, to string) (lost Rule, ok bool) {
	for _, r := range rules {
		if !r.fits(from) || r.fits(to) {
			continue
		}
		if !slices.ContainsFunc(rules, func(o Rule) bool { return o.fits(to) && o.asksAs(r) }) {
			return r, true
		}
	}
	return Rule{}, false
}

// asksAs reports whether two rules differ in nothing but the connectors that they are
// about.
func (r Rule) asksAs(o Rule) bool {
	r.Number, r.Connector = o.Number, o.Connector
	return reflect.DeepEqual(r, o)
}

// resolver follows symbolic links, as filepath.EvalSymlinks does; it returns its argument
// when it cannot.
type resolver func(string) string

// hasProgram reports whether one of the programs is one of the rule's. What is not known
// is nobody.
func (r Rule) hasProgram(programs []string, resolve resolver) bool {
	return slices.ContainsFunc(programs, func(program string) bool {
		return filepath.IsAbs(program) && slices.ContainsFunc(r.Executables, func(want string) bool {
			return isProgram(want, program, resolve)
		})
	})
}

func isProgram(want, program string, resolve resolver) bool {
	if !strings.Contains(want, "/") {
		program = path.Base(program)
	}
	if fits, _ := path.Match(want, program); fits {
		return true
	}
	return isPlain(want) && strings.Contains(want, "/") && resolve(want) == program
}

// isPlain reports whether a pattern is a name rather than a pattern.
func isPlain(pattern string) bool { return !strings.ContainsAny(pattern, `*?[\`) }

// NamesConnector returns the one service connector that the rule names; it is not ok when
// it names none, or a pattern.
func (r Rule) NamesConnector() (name string, ok bool) {
	return r.Connector, r.Connector != "" && isPlain(r.Connector)
}

// hasDir reports whether a directory is one of the rule's, or below.
func (r Rule) hasDir(dir string, resolve resolver) bool {
	if !filepath.IsAbs(dir) {
		return false
	}
	return slices.ContainsFunc(r.Directories, func(want string) bool {
		return isBelow(dir, want) || isBelow(resolve(dir), resolve(want))
	})
}

func isBelow(dir, top string) bool {
	rest, ok := strings.CutPrefix(filepath.Clean(dir), strings.TrimSuffix(filepath.Clean(top), "/"))
	return ok && (rest == "" || rest[0] == '/')
}

// Text says what the rule asks for.
func (r Rule) Text() string {
	var parts []string
	if r.Executables != nil {
		parts = append(parts, "only for "+oneOf(r.Executables))
	}
	if r.Directories != nil {
		parts = append(parts, "only below "+oneOf(r.Directories))
	}
	if r.Rate.Count > 0 {
		parts = append(parts, "at most "+r.Rate.String())
	}
	switch {
	case r.Confirm && r.Keep > 0:
		parts = append(parts, "a person is asked first, and approval is remembered for "+span(r.Keep))
	case r.Confirm:
		parts = append(parts, "a person is asked each time")
	}
	return fmt.Sprintf("rule %d of the policy: %s", r.Number, strings.Join(parts, "; "))
}

func oneOf(list []string) string {
	if len(list) == 1 {
		return list[0]
	}
	last := len(list) - 1
	return strings.Join(list[:last], ", ") + " or " + list[last]
}

// span writes a time as config.toml has it, without parts that are zero.
func span(d time.Duration) string {
	var b strings.Builder
	for _, unit := range []struct {
		name string
		size time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}} {
		if n := d / unit.size; n > 0 {
			fmt.Fprintf(&b, "%d%s", n, unit.name)
			d %= unit.size
		}
	}
	if b.Len() == 0 {
		return "0s"
	}
	return b.String()
}
