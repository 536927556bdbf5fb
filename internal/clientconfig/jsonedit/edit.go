package jsonedit

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"
)

// ErrNotObject means that an edit goes through a value which is neither an object nor
// null.
var ErrNotObject = errors.New("not an object")

// errNotText means that a key cannot be written as JSON.
var errNotText = errors.New("the key is not UTF-8")

// Change is what one Set did, and enough to revert it later in a file that others have
// changed since. It can be kept as JSON. It holds the replaced text: do not Set what
// replaces a secret.
type Change struct {
	Path []string `json:"path"`
	New  string   `json:"new"` // text of the value that was set
	// how much of Path was replaced or inserted: Path[:Depth] is one member
	Depth int     `json:"depth"`
	Old   *string `json:"old,omitempty"` // text of that member's value before; nil: there was none
	// white space between { and } that an inserted member stands in place of
	Body  string  `json:"body,omitempty"`
	Blank *string `json:"blank,omitempty"` // the whole text, if it was white space only
}

// Outcome says what Revert found.
type Outcome int

// Outcomes of Revert.
const (
	Reverted Outcome = iota
	Gone             // the member is not there any more
	Changed          // the member has another value by now
)

// Set gives the member at path the value whose JSON text is value, inserting it and the
// objects it needs, after the last member and in the style of the text. The Change is nil
// when the member had that text already.
func (d *Document) Set(value string, path ...string) (*Document, *Change, error) {
	if slices.ContainsFunc(path, func(key string) bool { return !utf8.ValidString(key) }) {
		return nil, nil, errNotText
	}
	c := &Change{Path: slices.Clone(path), New: value, Depth: len(path)}
	if d.root == nil {
		return d.fill(c)
	}
	n := d.root
	for i, key := range path {
		m := n.member(key)
		switch {
		case m == nil:
			c.Depth = i + 1
			return d.insert(c, n, path[:i], path[i:])
		case i == len(path)-1, d.isNull(m):
			c.Depth = i + 1
			return d.replace(c, m, path[i+1:])
		case !m.object:
			return nil, nil, ErrNotObject
		}
		n = m
	}
	return nil, nil, ErrNotObject // the empty path
}

// Remove takes the member at path out, with the comma it needs. It reports whether there
// was one.
func (d *Document) Remove(path ...string) (*Document, bool, error) {
	if len(path) == 0 || d.find(path) == nil {
		return d, false, nil
	}
	next, err := d.remove(path, "")
	return next, err == nil, err
}

// Revert undoes c as far as others have not undone it: it is the exact inverse of the Set
// that returned c, and in a text that was changed since, it touches nothing but c's
// members.
func (d *Document) Revert(c *Change) (*Document, Outcome, error) {
	n := d.find(c.Path)
	if n == nil || len(c.Path) == 0 {
		return d, Gone, nil
	}
	if string(d.src[n.start:n.end]) != c.New {
		return d, Changed, nil
	}
	next, err := d.revert(c)
	return next, Reverted, err
}

func (d *Document) revert(c *Change) (*Document, error) {
	path, err := c.Path, error(nil)
	for len(path) > c.Depth { // objects that were inserted go when nothing else came into them
		if d, err = d.remove(path, ""); err != nil {
			return nil, err
		}
		if path = path[:len(path)-1]; len(d.Keys(path...)) > 0 {
			return d, nil
		}
	}
	if c.Old != nil {
		n := d.find(path)
		return d.splice(n.start, n.end, *c.Old)
	}
	if d, err = d.remove(path, c.Body); err != nil {
		return nil, err
	}
	if c.Blank != nil && len(d.root.members) == 0 {
		return Parse([]byte(*c.Blank))
	}
	return d, nil
}

// remove takes out the member at path, which exists; an object that becomes empty gets
// body between its braces.
func (d *Document) remove(path []string, body string) (*Document, error) {
	parent := d.find(path[:len(path)-1])
	i := slices.IndexFunc(parent.members, func(m *node) bool { return m.key == path[len(path)-1] })
	m := parent.members[i]
	switch {
	case len(parent.members) == 1:
		return d.splice(parent.start+1, parent.end-1, body)
	case i == len(parent.members)-1:
		return d.splice(parent.members[i-1].end, m.end, "")
	}
	return d.splice(m.keyAt, parent.members[i+1].keyAt, "")
}

// fill makes a text of its own where there is nothing but white space.
func (d *Document) fill(c *Change) (*Document, *Change, error) {
	blank := string(d.src)
	c.Blank, c.Depth = &blank, 1
	text := "{\n}\n"
	if strings.HasPrefix(blank, bom) {
		text = bom + text
	}
	empty, err := Parse([]byte(text))
	if err != nil {
		return nil, nil, err
	}
	next, _, err := empty.insert(&Change{New: c.New}, empty.root, nil, c.Path)
	return next, c, err
}

// replace puts value, inside the objects that rest needs, in m's place.
func (d *Document) replace(c *Change, m *node, rest []string) (*Document, *Change, error) {
	old := string(d.src[m.start:m.end])
	if len(rest) == 0 && old == c.New {
		return d, nil, nil
	}
	c.Old = &old
	st := d.styleOf(c.Path[:c.Depth-1], m)
	next, err := d.splice(m.start, m.end, st.wrap(rest, c.New))
	return next, c, err
}

// insert adds the member rest[0], which is missing in the object parent at path, after
// the last one.
func (d *Document) insert(c *Change, parent *node, path, rest []string) (*Document, *Change, error) {
	var next *Document
	var err error
	if len(parent.members) == 0 {
		c.Body = string(d.src[parent.start+1 : parent.end-1])
		st := d.styleInside(path, parent)
		text := st.lead + quote(rest[0]) + st.colon + st.wrap(rest[1:], c.New) + st.trail
		next, err = d.splice(parent.start+1, parent.end-1, text)
		return next, c, err
	}
	last := parent.members[len(parent.members)-1]
	st := d.styleOf(path, last)
	next, err = d.splice(
		last.end,
		last.end,
		d.separator(parent)+quote(rest[0])+st.colon+st.wrap(rest[1:], c.New),
	)
	return next, c, err
}

// separator is what stands, or would stand, between the last two members of parent.
func (d *Document) separator(parent *node) string {
	n := len(parent.members)
	last := parent.members[n-1]
	if n == 1 {
		return "," + string(d.src[parent.start+1:last.keyAt])
	}
	return string(d.src[parent.members[n-2].end:last.keyAt])
}

func (d *Document) splice(start, end int, text string) (*Document, error) {
	return Parse(slices.Concat(d.src[:start], []byte(text), d.src[end:]))
}

func (d *Document) isNull(n *node) bool { return string(d.src[n.start:n.end]) == "null" }

// quote returns s as JSON.
func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return `""` // not reached: every string can be marshalled
	}
	return string(b)
}
