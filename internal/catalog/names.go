package catalog

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

// maxName is the longest name in characters (ZenML, STR_FIELD_MAX_LENGTH).
const maxName = 255

// Hints.
const (
	seeConnectors = "see all: zen service-connector list"
	seeRegistries = "see all: zen container-registry list"
	seeStacks     = "see all: zen stack list"
)

// checkName refuses names that nobody could type or that would write to the terminal when
// they are shown. ZenML forbids only \t \n \r \v \f (BANNED_NAME_CHARACTERS).
func checkName(what, name string) error {
	var problem string
	switch {
	case strings.TrimSpace(name) == "":
		return credential.NewError(credential.InvalidInput, fmt.Sprintf("The %s name cannot be "+
			"empty.", what), "give it a name")
	case utf8.RuneCountInString(name) > maxName:
		problem = fmt.Sprintf("is longer than %d characters", maxName)
	case !utf8.ValidString(name) || strings.ContainsFunc(name,
		func(r rune) bool { return !unicode.IsPrint(r) }):
		problem = "contains characters that cannot be printed"
	case strings.TrimSpace(name) != name:
		problem = "begins or ends with a space"
	case name[0] == '-':
		problem = "begins with '-', which looks like an option"
	default:
		return nil
	}
	return credential.NewError(
		credential.InvalidInput,
		fmt.Sprintf("The %s name %s %s.", what, safetext.Quote(name), problem),
		"choose another name",
	)
}

// shorten keeps a message readable that repeats what the caller sent.
func shorten(s string) string { return safetext.Short(s, 80) }

// entity is what resolving needs to know of a connector, registry or stack.
type entity struct{ id, name string }

// maxCandidates bounds how many entities an ambiguous prefix names.
const maxCandidates = 10

// Match is how much of a name finds an entity.
type Match int

// Ways to match. A script that deletes 'prod' twice must not delete 'prod-eu' the second
// time: whatever changes or ends something takes no prefix of a name.
const (
	ByPrefix Match = iota // name or id, or a prefix of either that fits just one: to read
	Exactly               // the whole name, or minID characters of an id: to change
)

// minID is how many characters of an id name an entity that is to be changed: those
// before the first dash.
const minID = 8

// fits reports whether ref is enough of a name or an id.
func (m Match) fits(e entity, ref string) bool {
	if m == Exactly {
		return len(ref) >= minID && strings.HasPrefix(e.id, strings.ToLower(ref))
	}
	return strings.HasPrefix(e.name, ref) || strings.HasPrefix(e.id, strings.ToLower(ref))
}

// words is what was looked for, in ZenML's words.
func (m Match) words() string {
	if m == Exactly {
		return "an ID prefix"
	}
	return "a name/ID prefix"
}

// resolve finds the entity that ref means: by its id, by its whole name, else by a prefix
// that fits just one (ZenML, Client._get_entity_by_id_or_name_or_prefix; there, too, only
// some commands take prefixes of names).
func resolve(plural, hint, ref string, all []entity, how Match) (string, error) {
	if ref == "" {
		return "", credential.NewError(credential.InvalidInput,
			"A name must be supplied. Please see the command help for more information.", hint)
	}
	var byID, byName, byPrefix []entity
	id := canonicalID(ref)
	for _, e := range all {
		switch {
		case e.id == id:
			byID = append(byID, e)
		case e.name == ref:
			byName = append(byName, e)
		case how.fits(e, ref):
			byPrefix = append(byPrefix, e)
		}
	}
	for _, found := range [][]entity{byID, byName, byPrefix} {
		switch len(found) {
		case 0:
		case 1:
			return found[0].id, nil
		default:
			return "", ambiguous(plural, ref, found, how)
		}
	}
	if similar := begunBy(ref, all); how == Exactly && len(similar) > 0 {
		hint = "type the whole name, of " + quoted(similar)
	}
	return "", credential.NewError(credential.NoSuchEntity, fmt.Sprintf(
		"No %s have been found that have %s that matches the provided string "+
			"'%s'.", plural, how.words(), shorten(ref)), hint)
}

// begunBy are the names that begin with ref, or have an id that does; of many, some.
func begunBy(ref string, all []entity) (names []string) {
	for _, e := range all {
		if ByPrefix.fits(e, ref) {
			names = append(names, e.name)
		}
	}
	slices.Sort(names)
	return names[:min(len(names), maxCandidates)]
}

// canonicalID brings a full UUID into the form that ids have; anything else stays as it
// is.
func canonicalID(ref string) string {
	if len(ref) != 36 {
		return ref
	}
	if id, err := uuid.Parse(ref); err == nil {
		return id.String()
	}
	return ref
}

func ambiguous(plural, ref string, found []entity, how Match) error {
	slices.SortFunc(
		found,
		func(a, b entity) int { return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.id, b.id)) },
	)
	var names []string
	for i, e := range found {
		if i == maxCandidates {
			names = append(names, "...")
			break
		}
		names = append(names, fmt.Sprintf("%s (%s)", e.name, e.id))
	}
	return credential.NewError(credential.Ambiguous, fmt.Sprintf(
		"%d %s have been found that have %s that matches the provided string '%s': [%s].",
		len(found), plural, how.words(), shorten(ref), strings.Join(names, ", ")),
		"Please provide more characters to uniquely identify only one of them.")
}

// quoted lists names for a person: 'a', 'b'.
func quoted(names []string) string { return "'" + strings.Join(names, "', '") + "'" }

// checkLabels refuses labels without a key.
func checkLabels[V any](labels map[string]V) error {
	if _, ok := labels[""]; ok {
		return credential.NewError(credential.InvalidInput, "Labels must be in the format key=value", "")
	}
	return nil
}
