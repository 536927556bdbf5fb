package jsonedit

import "strings"

// style is how members are written at some place of a text.
type style struct {
	// white space before a key, from the last line break on; without one, the object is
	// on one line
	lead  string
	trail string // white space before the closing brace
	colon string // between key and value
	unit  string // one more level of indentation
}

// styleOf is the style in which m, a member of the object at path, is written.
func (d *Document) styleOf(path []string, m *node) style {
	parent := d.find(path)
	lead := d.lead(parent, m)
	return style{lead: lead, colon: string(d.src[m.keyEnd:m.start]), unit: d.unit(len(path)+1, lead)}
}

// styleInside is the style for the first member of the empty object n at path: one level
// deeper than the member n is.
func (d *Document) styleInside(path []string, n *node) style {
	if len(path) == 0 {
		nl := "\n"
		if strings.Contains(string(d.src), "\r\n") {
			nl = "\r\n"
		}
		return style{lead: nl + "\t", trail: nl, colon: ": ", unit: "\t"}
	}
	outer := d.styleOf(path[:len(path)-1], n)
	if !strings.Contains(outer.lead, "\n") {
		return style{colon: outer.colon}
	}
	return style{lead: outer.lead + outer.unit, trail: outer.lead, colon: outer.colon, unit: outer.unit}
}

// lead is the white space before m's key from the last line break on.
func (d *Document) lead(parent, m *node) string {
	start := parent.start + 1
	for _, other := range parent.members {
		if other.end < m.keyAt {
			start = other.end
		}
	}
	between := string(d.src[start:m.keyAt])
	between = between[strings.LastIndexByte(between, ',')+1:]
	i := strings.LastIndexByte(between, '\n')
	if i > 0 && between[i-1] == '\r' {
		i--
	}
	return between[max(i, 0):]
}

// unit is one level of indentation, found from a lead at the given depth.
func (d *Document) unit(depth int, lead string) string {
	indent := strings.TrimLeft(lead, "\r\n")
	if strings.Contains(lead, "\n") && len(indent)%depth == 0 {
		return indent[:len(indent)/depth]
	}
	return "\t"
}

// wrap writes the objects for keys around value, which stands as a member in style s.
func (s style) wrap(keys []string, value string) string {
	if len(keys) == 0 {
		return value
	}
	if !strings.Contains(s.lead, "\n") {
		return "{" + quote(keys[0]) + s.colon + s.wrap(keys[1:], value) + "}"
	}
	inner := s
	inner.lead += s.unit
	return "{" + inner.lead + quote(keys[0]) + s.colon + inner.wrap(keys[1:], value) + s.lead + "}"
}
