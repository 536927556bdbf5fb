package safejson

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/zen-agent/zen/internal/safetext"
)

const hexDigits = "0123456789abcdef"

// AppendString appends s as a JSON string. What is not UTF-8 becomes U+FFFD, as with
// encoding/json; what a terminal must not be shown is escaped. dst grows at most once,
// and the array it leaves is cleared: it may hold part of a secret.
func AppendString[T ~string | ~[]byte](dst []byte, s T) []byte {
	dst = Grow(dst, quotedLen(s))
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if plain(c) {
			dst = append(dst, c)
			i++
			continue
		}
		r, n := decodeRune(s, i)
		dst = appendRune(dst, r)
		i += n
	}
	return append(dst, '"')
}

// Escape returns a JSON text with what a terminal must not be shown escaped: raw itself
// if there is nothing of it. Outside of strings, white space is all that valid JSON can
// have of that, and stays.
func Escape(raw []byte) []byte {
	size := 0
	for i := 0; i < len(raw); {
		r, n := utf8.DecodeRune(raw[i:])
		size += len(appendShown(make([]byte, 0, utf16Escape), r, raw[i:i+n]))
		i += n
	}
	if size == len(raw) {
		return raw
	}
	out := make([]byte, 0, size)
	for i := 0; i < len(raw); {
		r, n := utf8.DecodeRune(raw[i:])
		out = appendShown(out, r, raw[i:i+n])
		i += n
	}
	return out
}

// utf16Escape is the length of the longest escape, of a surrogate pair.
const utf16Escape = len(`\ud83d\udc33`)

func appendShown(dst []byte, r rune, as []byte) []byte {
	if r < ' ' || !safetext.Unsafe(r) {
		return append(dst, as...)
	}
	return appendEscape(dst, r)
}

// plain reports whether c stands for itself in a JSON string.
func plain(c byte) bool { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\' }

// decodeRune is utf8.DecodeRune for s[i:], without a conversion that would copy a secret.
func decodeRune[T ~string | ~[]byte](s T, i int) (rune, int) {
	var buf [utf8.UTFMax]byte
	n := copy(buf[:], s[i:min(i+utf8.UTFMax, len(s))])
	return utf8.DecodeRune(buf[:n])
}

// quotedLen is the number of bytes AppendString appends.
func quotedLen[T ~string | ~[]byte](s T) int {
	total := 2
	for i := 0; i < len(s); {
		if plain(s[i]) {
			total++
			i++
			continue
		}
		r, n := decodeRune(s, i)
		var buf [utf16Escape]byte
		total += len(appendRune(buf[:0], r))
		i += n
	}
	return total
}

// appendRune appends r as it is written inside a JSON string.
func appendRune(dst []byte, r rune) []byte {
	switch r {
	case '"', '\\':
		return append(dst, '\\', byte(r))
	case '\b':
		return append(dst, `\b`...)
	case '\f':
		return append(dst, `\f`...)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	if safetext.Unsafe(r) {
		return appendEscape(dst, r)
	}
	return utf8.AppendRune(dst, r)
}

// appendEscape appends \uXXXX, twice for a surrogate pair.
func appendEscape(dst []byte, r rune) []byte {
	if r > 0xffff {
		high, low := utf16.EncodeRune(r)
		return appendEscape(appendEscape(dst, high), low)
	}
	return append(
		dst,
		'\\',
		'u',
		hexDigits[r>>12&15],
		hexDigits[r>>8&15],
		hexDigits[r>>4&15],
		hexDigits[r&15],
	)
}

// Grow makes room for n more bytes in dst. If that takes a new array, the old one is
// cleared.
func Grow(dst []byte, n int) []byte {
	if cap(dst)-len(dst) >= n {
		return dst
	}
	bigger := make([]byte, len(dst), max(2*cap(dst), len(dst)+n+64))
	copy(bigger, dst)
	clear(dst[:cap(dst)])
	return bigger
}

// Unquote returns the text of a JSON string in a buffer of its own, which the caller
// clears if it is a secret.
func Unquote(raw []byte) ([]byte, error) {
	s := scanner{b: raw}
	if s.peek() != '"' {
		return nil, notText()
	}
	start := s.i
	if err := s.str(); err != nil {
		return nil, err
	}
	body := raw[start+1 : s.i-1]
	if !s.end() {
		return nil, s.fail()
	}
	text, ok := unquoteInto(make([]byte, 0, len(body)), body)
	if !ok {
		Wipe(text)
		return nil, halfPair()
	}
	return text, nil
}

// unquoteInto appends the text of the inside of a JSON string that str has walked over,
// which is never longer than body. It fails at half a surrogate pair.
func unquoteInto(dst, body []byte) (text []byte, ok bool) {
	for {
		at := bytes.IndexByte(body, '\\')
		if at < 0 {
			return append(dst, body...), true
		}
		r, n := unescape(body[at:])
		if n == 0 {
			return dst, false
		}
		dst = utf8.AppendRune(append(dst, body[:at]...), r)
		body = body[at+n:]
	}
}

// escapeLen is the length of the escape at the start of b, 0 if there is none.
func escapeLen(b []byte) int {
	if len(b) >= 2 && bytes.IndexByte([]byte(`"\/bfnrt`), b[1]) >= 0 {
		return 2
	}
	_, ok := unicodeEscape(b)
	return lengthIf(ok, 6)
}

// unescape decodes the escape at the start of b and returns its length, 0 if it is none.
// A surrogate counts only with the other half of its pair.
func unescape(b []byte) (r rune, n int) {
	if len(b) < 2 {
		return 0, 0
	}
	switch b[1] {
	case '"', '\\', '/':
		return rune(b[1]), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	}
	r, ok := unicodeEscape(b)
	if !ok || !utf16.IsSurrogate(r) {
		return r, lengthIf(ok, 6)
	}
	low, ok := unicodeEscape(b[6:])
	pair := utf16.DecodeRune(r, low)
	return pair, lengthIf(ok && pair != utf8.RuneError, 12)
}

func lengthIf(ok bool, n int) int {
	if ok {
		return n
	}
	return 0
}

// unicodeEscape decodes \uXXXX.
func unicodeEscape(b []byte) (r rune, ok bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	for _, c := range b[2:6] {
		switch {
		case isDigit(c):
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
