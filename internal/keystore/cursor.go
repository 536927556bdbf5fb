package keystore

import (
	"bytes"
	"encoding/hex"
	"strconv"
)

// cursor walks over text of a fixed layout. After the first thing that does not fit it is failed, and stays so.
type cursor struct {
	rest   []byte
	failed bool
}

// has skips text if it comes next and reports whether it did.
func (c *cursor) has(text string) bool {
	if c.failed || len(c.rest) < len(text) || string(c.rest[:len(text)]) != text {
		return false
	}
	c.rest = c.rest[len(text):]
	return true
}

// expect skips text, which must come next.
func (c *cursor) expect(text string) {
	if !c.has(text) {
		c.failed = true
	}
}

func (c *cursor) peek(b byte) bool { return !c.failed && len(c.rest) > 0 && c.rest[0] == b }

// until returns what comes before the next b and leaves b in place.
func (c *cursor) until(b byte) []byte {
	n := bytes.IndexByte(c.rest, b)
	if c.failed || n < 0 {
		c.failed = true
		return nil
	}
	out := c.rest[:n]
	c.rest = c.rest[n:]
	return out
}

// name returns a name that ends before the next quote.
func (c *cursor) name() []byte {
	s := c.until('"')
	if !validName(s) {
		c.failed = true
	}
	return s
}

// number returns a decimal number without leading zeros.
func (c *cursor) number() uint64 {
	n := 0
	for n < len(c.rest) && '0' <= c.rest[n] && c.rest[n] <= '9' {
		n++
	}
	v, err := strconv.ParseUint(string(c.rest[:n]), 10, 64)
	if c.failed || err != nil || (n > 1 && c.rest[0] == '0') {
		c.failed = true
		return 0
	}
	c.rest = c.rest[n:]
	return v
}

// hex fills dst from lower-case hexadecimal digits.
func (c *cursor) hex(dst []byte) {
	n := hex.EncodedLen(len(dst))
	if c.failed || len(c.rest) < n || bytes.ContainsAny(c.rest[:n], "ABCDEF") {
		c.failed = true
		return
	}
	_, err := hex.Decode(dst, c.rest[:n])
	c.failed = err != nil
	c.rest = c.rest[n:]
}

// line returns the next line of a list without its comma, and whether the comma promised another.
func (c *cursor) line() (line []byte, more bool) {
	line = c.until('\n')
	if c.failed {
		return nil, false
	}
	c.rest = c.rest[1:]
	return bytes.CutSuffix(line, []byte{','})
}

// maxName bounds ids and kinds.
const maxName = 128

// validName reports whether s can stand in the file as it is: letters, digits and a few signs.
func validName[T string | []byte](s T) bool {
	if len(s) == 0 || len(s) > maxName {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '-' || c == '_' || c == '.' || c == ':' || c == '/' || c == '@':
		default:
			return false
		}
	}
	return true
}
