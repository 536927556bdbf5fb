package jsonedit

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

// bom is the UTF-8 byte order mark some editors put in front.
const bom = "\ufeff"

// Document is a JSON object and the bytes it is written with. It is immutable: edits
// return a new one.
type Document struct {
	src  []byte
	root *node // nil when there is nothing but white space
}

// node is a value and, in an object, its key.
type node struct {
	key           string
	keyAt, keyEnd int // of the quoted key
	start, end    int // of the value
	object        bool
	members       []*node // of an object, in order
}

// SyntaxError says where a text is not a JSON object that can be edited.
type SyntaxError struct {
	Line, Column int // from 1; columns count characters
	Message      string
}

func (e *SyntaxError) Error() string {
	return "line " + strconv.Itoa(e.Line) + ", column " + strconv.Itoa(e.Column) + ": " + e.Message
}

// Parse reads src, which must not be changed afterwards. White space alone is an object
// without members. The error is a *SyntaxError.
func Parse(src []byte) (*Document, error) {
	start := 0
	if bytes.HasPrefix(src, []byte(bom)) {
		start = len(bom)
	}
	if !json.Valid(src[start:]) {
		if skipSpace(src, start) == len(src) {
			return &Document{src: src}, nil
		}
		return nil, invalid(src, start)
	}
	p := parser{src: src, at: skipSpace(src, start)}
	if src[p.at] != '{' {
		return nil, errorAt(src, p.at, "not an object")
	}
	root := &node{}
	if err := p.value(root); err != nil {
		return nil, err
	}
	return &Document{src: src, root: root}, nil
}

// Bytes returns the text, which must not be changed.
func (d *Document) Bytes() []byte { return d.src }

// Position returns the line and column, from 1, of the value at path.
func (d *Document) Position(path ...string) (line, column int) {
	n := d.find(path)
	if n == nil {
		return 1, 1
	}
	return position(d.src, n.start)
}

// Raw returns the text of the value at path, and whether there is one. It must not be
// changed.
func (d *Document) Raw(path ...string) ([]byte, bool) {
	n := d.find(path)
	if n == nil {
		return nil, false
	}
	return d.src[n.start:n.end], true
}

// Text returns the value at path if it is a string.
func (d *Document) Text(path ...string) (string, bool) {
	raw, ok := d.Raw(path...)
	if !ok || raw[0] != '"' {
		return "", false
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err == nil
}

// Keys returns the keys of the object at path in order; none if there is no object.
func (d *Document) Keys(path ...string) []string {
	n := d.find(path)
	if n == nil {
		return nil
	}
	var keys []string
	for _, m := range n.members {
		keys = append(keys, m.key)
	}
	return keys
}

// IsObject reports whether the value at path is an object.
func (d *Document) IsObject(path ...string) bool {
	n := d.find(path)
	return n != nil && n.object
}

func (d *Document) find(path []string) *node {
	n := d.root
	for _, key := range path {
		if n = n.member(key); n == nil {
			return nil
		}
	}
	return n
}

func (n *node) member(key string) *node {
	if n == nil {
		return nil
	}
	for _, m := range n.members {
		if m.key == key {
			return m
		}
	}
	return nil
}

// parser finds the places of members in a text that json.Valid accepted.
type parser struct {
	src []byte
	at  int
}

// value reads the value at p.at into n.
func (p *parser) value(n *node) error {
	n.start = p.at
	var err error
	switch p.src[p.at] {
	case '{':
		n.object = true
		err = p.object(n)
	case '[':
		p.array()
	case '"':
		p.at = stringEnd(p.src, p.at)
	default:
		for p.at < len(p.src) && bytes.IndexByte([]byte(" \t\r\n,]}"), p.src[p.at]) < 0 {
			p.at++
		}
	}
	n.end = p.at
	return err
}

func (p *parser) object(n *node) error {
	seen := map[string]bool{}
	for p.next(); p.src[p.at] != '}'; p.token() {
		m := &node{keyAt: p.at, keyEnd: stringEnd(p.src, p.at)}
		if err := json.Unmarshal(p.src[m.keyAt:m.keyEnd], &m.key); err != nil {
			return errorAt(p.src, m.keyAt, err.Error())
		}
		if seen[m.key] {
			return errorAt(p.src, m.keyAt, "the member "+strconv.QuoteToASCII(m.key)+" is there twice")
		}
		seen[m.key] = true
		p.at = skipSpace(p.src, m.keyEnd)
		p.next() // the colon
		if err := p.value(m); err != nil {
			return err
		}
		n.members = append(n.members, m)
	}
	p.at++
	return nil
}

// array skips an array with all that is in it.
func (p *parser) array() {
	depth := 0
	for {
		switch p.src[p.at] {
		case '"':
			p.at = stringEnd(p.src, p.at)
			continue
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		}
		if p.at++; depth == 0 {
			return
		}
	}
}

// next skips one byte and the white space after it.
func (p *parser) next() { p.at = skipSpace(p.src, p.at+1) }

// token skips white space, and a comma with the white space after it.
func (p *parser) token() {
	if p.at = skipSpace(p.src, p.at); p.src[p.at] == ',' {
		p.next()
	}
}

// stringEnd returns the offset after the string that starts at i.
func stringEnd(src []byte, i int) int {
	for i++; src[i] != '"'; i++ {
		if src[i] == '\\' {
			i++
		}
	}
	return i + 1
}

func skipSpace(src []byte, i int) int {
	for i < len(src) && isSpace(src[i]) {
		i++
	}
	return i
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// invalid finds out why encoding/json does not take src[start:].
func invalid(src []byte, start int) error {
	var raw json.RawMessage
	err := json.Unmarshal(src[start:], &raw)
	syntax, ok := errors.AsType[*json.SyntaxError](err)
	if !ok {
		return errorAt(src, start, "not JSON")
	}
	at := start + int(syntax.Offset)
	message := syntax.Error()
	if !strings.HasPrefix(message, "unexpected end") {
		at-- // the offset is that after the offending byte
	}
	return errorAt(src, at, message)
}

func errorAt(src []byte, at int, message string) error {
	line, column := position(src, at)
	return &SyntaxError{Line: line, Column: column, Message: message}
}

func position(src []byte, at int) (line, column int) {
	at = min(max(at, 0), len(src))
	before := src[:at]
	line = bytes.Count(before, []byte("\n")) + 1
	before = before[bytes.LastIndexByte(before, '\n')+1:]
	return line, utf8.RuneCount(bytes.TrimPrefix(before, []byte(bom))) + 1
}
