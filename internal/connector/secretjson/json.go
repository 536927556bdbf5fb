package secretjson

import (
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds the nesting of values; the deepest answer known has four levels.
const maxDepth = 16

// Value is one JSON value (RFC 8259). Its texts lie in one buffer that wipe clears: encoding/json would leave copies of
// secrets in memory. Names are compared as encoding/json does, without regard to ASCII case, and must not stand twice.
type Value struct {
	Kind    byte   // '{', '[', '"', '0' for a number, or 't', 'f', 'n'; 0 of a value that is not there
	Text    []byte // of a string, decoded; of a number, as it stands
	Members []Member
}

// Member is a member of an object.
type Member struct {
	Name  []byte
	Value Value
}

// parser decodes one document into buf, which never has to grow: a decoded string is no longer than its text.
type parser struct {
	in  []byte
	at  int
	buf []byte
}

// Parse reads a document that is one value. The caller clears buf, which holds all its texts.
func Parse(in []byte) (doc Value, buf []byte, err error) {
	p := parser{in: in, buf: make([]byte, 0, len(in))}
	doc, err = p.value(0)
	if err == nil {
		if p.space(); p.at != len(in) {
			err = p.fail("something follows the value")
		}
	}
	if err != nil {
		clear(p.buf[:cap(p.buf)])
		return Value{}, nil, err
	}
	return doc, p.buf, nil
}

// Get is a member of an object by name; the zero value if there is none.
func (v Value) Get(name string) Value {
	for _, m := range v.Members {
		if equalFold(m.Name, name) {
			return m.Value
		}
	}
	return Value{}
}

// IsString reports whether v is a string; a missing value is none.
func (v Value) IsString() bool { return v.Kind == '"' }

func equalFold[A, B []byte | string](a A, b B) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}

// fail tells where, and nothing of what stands there.
func (p *parser) fail(what string) error {
	return fmt.Errorf("not JSON at byte %d: %s", p.at, what)
}

func (p *parser) space() {
	for p.at < len(p.in) {
		switch p.in[p.at] {
		case ' ', '\t', '\r', '\n':
			p.at++
		default:
			return
		}
	}
}

// take skips space, and c if it comes next.
func (p *parser) take(c byte) bool {
	p.space()
	if p.at < len(p.in) && p.in[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *parser) value(depth int) (Value, error) {
	p.space()
	switch {
	case depth > maxDepth:
		return Value{}, p.fail("too deep")
	case p.at == len(p.in):
		return Value{}, p.fail("it ends too early")
	case p.take('{'):
		return p.object(depth)
	case p.take('['):
		return p.array(depth)
	case p.take('"'):
		text, err := p.text()
		return Value{Kind: '"', Text: text}, err
	}
	return p.word()
}

func (p *parser) object(depth int) (Value, error) {
	v := Value{Kind: '{'}
	for more := !p.take('}'); more; {
		if !p.take('"') {
			return v, p.fail("a name is missing")
		}
		name, err := p.text()
		if err != nil {
			return v, err
		}
		for _, m := range v.Members {
			if equalFold(m.Name, name) {
				return v, p.fail("a name stands twice")
			}
		}
		if !p.take(':') {
			return v, p.fail("a colon is missing")
		}
		inner, err := p.value(depth + 1)
		if err != nil {
			return v, err
		}
		v.Members = append(v.Members, Member{name, inner})
		if more = p.take(','); !more && !p.take('}') {
			return v, p.fail("an object does not end")
		}
	}
	return v, nil
}

// array walks over the items; nobody asks for them.
func (p *parser) array(depth int) (Value, error) {
	v := Value{Kind: '['}
	for more := !p.take(']'); more; {
		if _, err := p.value(depth + 1); err != nil {
			return v, err
		}
		if more = p.take(','); !more && !p.take(']') {
			return v, p.fail("an array does not end")
		}
	}
	return v, nil
}

// word reads true, false, null or a number.
func (p *parser) word() (Value, error) {
	rest := p.in[p.at:]
	for _, w := range []string{"true", "false", "null"} {
		if len(rest) >= len(w) && string(rest[:len(w)]) == w {
			p.at += len(w)
			return Value{Kind: w[0]}, nil
		}
	}
	n := numberLen(rest)
	if n == 0 {
		return Value{}, p.fail("no value begins like this")
	}
	p.at += n
	return Value{Kind: '0', Text: p.keep(rest[:n])}, nil
}

// numberLen is the length of the number at the start of b, 0 if there is none.
func numberLen(b []byte) int {
	i := 0
	digits := func() int {
		start := i
		for i < len(b) && '0' <= b[i] && b[i] <= '9' {
			i++
		}
		return i - start
	}
	one := func(set string) bool {
		for _, c := range []byte(set) {
			if i < len(b) && b[i] == c {
				i++
				return true
			}
		}
		return false
	}
	one("-")
	if !one("0") && digits() == 0 {
		return 0
	}
	if one(".") && digits() == 0 {
		return 0
	}
	if one("eE") {
		one("+-")
		if digits() == 0 {
			return 0
		}
	}
	return i
}

// keep copies b into the buffer.
func (p *parser) keep(b []byte) []byte {
	start := len(p.buf)
	p.buf = append(p.buf, b...)
	return p.buf[start:len(p.buf):len(p.buf)]
}

// text decodes a string whose opening quote was taken.
func (p *parser) text() ([]byte, error) {
	start := len(p.buf)
	for p.at < len(p.in) {
		c := p.in[p.at]
		switch {
		case c == '"':
			p.at++
			return p.buf[start:len(p.buf):len(p.buf)], nil
		case c < ' ':
			return nil, p.fail("a control character in a string")
		case c == '\\':
			if err := p.escape(); err != nil {
				return nil, err
			}
		case c < utf8.RuneSelf:
			p.buf = append(p.buf, c)
			p.at++
		default:
			r, n := utf8.DecodeRune(p.in[p.at:])
			if r == utf8.RuneError && n == 1 {
				return nil, p.fail("a string is not UTF-8")
			}
			p.buf = append(p.buf, p.in[p.at:p.at+n]...)
			p.at += n
		}
	}
	return nil, p.fail("a string does not end")
}

// escape decodes what begins with a backslash.
func (p *parser) escape() error {
	if p.at+1 >= len(p.in) {
		return p.fail("a string does not end")
	}
	c := p.in[p.at+1]
	const from, to = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	for i := range len(from) {
		if c == from[i] {
			p.buf = append(p.buf, to[i])
			p.at += 2
			return nil
		}
	}
	r, err := p.unit()
	if err != nil {
		return err
	}
	if utf16.IsSurrogate(r) {
		second, err := p.unit()
		if r = utf16.DecodeRune(r, second); err != nil || r == utf8.RuneError {
			return p.fail("half a surrogate pair")
		}
	}
	p.buf = utf8.AppendRune(p.buf, r)
	return nil
}

// unit decodes \uXXXX.
func (p *parser) unit() (r rune, err error) {
	if len(p.in)-p.at < 6 || p.in[p.at] != '\\' || p.in[p.at+1] != 'u' {
		return 0, p.fail("an escape that is none")
	}
	for _, c := range p.in[p.at+2 : p.at+6] {
		switch c = lower(c); {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		default:
			return 0, p.fail("an escape that is none")
		}
	}
	p.at += 6
	return r, nil
}
