package safejson

import (
	"unicode/utf8"

	"github.com/zen-agent/zen/internal/credential"
)

// Valid reports whether b is one JSON value.
func Valid(b []byte) bool { return valid(scanner{b: b}) }

// Compact reports whether b is one JSON value without white space around its parts.
func Compact(b []byte) bool { return valid(scanner{b: b, compact: true}) }

func valid(s scanner) bool {
	_, err := s.value(0)
	return err == nil && s.end()
}

// scanner walks over JSON without decoding it.
type scanner struct {
	b       []byte
	i       int
	compact bool // white space is not skipped
}

func (s *scanner) space() {
	for s.i < len(s.b) && !s.compact {
		switch s.b[s.i] {
		case ' ', '\t', '\r', '\n':
			s.i++
		default:
			return
		}
	}
}

// peek skips space and returns the next byte, 0 at the end.
func (s *scanner) peek() byte {
	s.space()
	if s.i < len(s.b) {
		return s.b[s.i]
	}
	return 0
}

// take skips space and c, and reports whether c was there.
func (s *scanner) take(c byte) bool {
	if s.peek() != c || s.i == len(s.b) {
		return false
	}
	s.i++
	return true
}

// end reports whether nothing but space is left.
func (s *scanner) end() bool {
	s.space()
	return s.i == len(s.b)
}

// value walks over any value and returns its text.
func (s *scanner) value(depth int) (raw []byte, err error) {
	c := s.peek()
	start := s.i
	switch {
	case c == '"':
		err = s.str()
	case c == '{' || c == '[':
		err = s.container(depth)
	case c == '-' || isDigit(c):
		err = s.number()
	default:
		err = s.literal(c)
	}
	return s.b[start:s.i], err
}

// container walks over an array or object.
func (s *scanner) container(depth int) error {
	if depth >= MaxDepth {
		return credential.NewError(credential.ParseError, "JSON is nested too deep", "")
	}
	if s.b[s.i] == '{' {
		return s.object(depth, func(_, _ []byte) error { return nil })
	}
	s.i++
	if s.take(']') {
		return nil
	}
	for {
		if _, err := s.value(depth + 1); err != nil {
			return err
		}
		switch {
		case s.take(']'):
			return nil
		case !s.take(','):
			return s.fail()
		}
	}
}

// object walks over an object and calls f with each member's key and value as they are
// written.
func (s *scanner) object(depth int, f func(key, value []byte) error) error {
	if !s.take('{') {
		return s.fail()
	}
	if s.take('}') {
		return nil
	}
	for {
		if err := s.member(depth, f); err != nil {
			return err
		}
		switch {
		case s.take('}'):
			return nil
		case !s.take(','):
			return s.fail()
		}
	}
}

func (s *scanner) member(depth int, f func(key, value []byte) error) error {
	if s.peek() != '"' {
		return s.fail()
	}
	start := s.i
	if err := s.str(); err != nil {
		return err
	}
	key := s.b[start:s.i]
	if !s.take(':') {
		return s.fail()
	}
	value, err := s.value(depth + 1)
	if err != nil {
		return err
	}
	return f(key, value)
}

func (s *scanner) literal(first byte) error {
	var word string
	switch first {
	case 't':
		word = "true"
	case 'f':
		word = "false"
	case 'n':
		word = "null"
	default:
		return s.fail()
	}
	if len(s.b)-s.i < len(word) || string(s.b[s.i:s.i+len(word)]) != word {
		return s.fail()
	}
	s.i += len(word)
	return nil
}

// number walks over int [frac] [exp].
func (s *scanner) number() error {
	s.accept('-', '-')
	if !s.accept('0', '0') && !s.digits() {
		return s.fail()
	}
	if s.accept('.', '.') && !s.digits() {
		return s.fail()
	}
	if s.accept('e', 'E') {
		s.accept('+', '-')
		if !s.digits() {
			return s.fail()
		}
	}
	return nil
}

// accept skips one byte if it is a or b.
func (s *scanner) accept(a, b byte) bool {
	if s.i == len(s.b) || s.b[s.i] != a && s.b[s.i] != b {
		return false
	}
	s.i++
	return true
}

// digits skips digits and reports whether there were any.
func (s *scanner) digits() bool {
	start := s.i
	for s.i < len(s.b) && isDigit(s.b[s.i]) {
		s.i++
	}
	return s.i > start
}

// str walks over a string, from quote to quote.
func (s *scanner) str() error {
	b, i := s.b, s.i+1
	for i < len(b) {
		c := b[i]
		if plain(c) {
			i++
			continue
		}
		n := 0
		switch {
		case c == '"':
			s.i = i + 1
			return nil
		case c == '\\':
			n = escapeLen(b[i:])
		case c >= 0x7f:
			var r rune
			if r, n = utf8.DecodeRune(b[i:]); r == utf8.RuneError && n == 1 {
				n = 0
			}
		}
		if n == 0 {
			break
		}
		i += n
	}
	s.i = i
	return s.fail()
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
