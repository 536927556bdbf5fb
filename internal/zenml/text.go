package zenml

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// text decodes the first JSON string that is present and not empty into bytes of its own. encoding/json would leave copies of
// a secret in memory; it has checked that the strings are well-formed.
func text(candidates ...json.RawMessage) ([]byte, bool) {
	for _, raw := range candidates {
		raw = bytes.TrimSpace(raw) // of what JSON calls white space: the rest is well-formed
		if len(raw) > 2 && raw[0] == '"' {
			return unquote(raw[1 : len(raw)-1])
		}
	}
	return nil, false
}

// unquote decodes the inside of a well-formed JSON string. Half a surrogate pair is not text.
func unquote(in []byte) ([]byte, bool) {
	out := make([]byte, 0, len(in))
	for i := 0; i < len(in); i++ {
		if in[i] != '\\' {
			out = append(out, in[i])
			continue
		}
		i++
		if in[i] != 'u' {
			out = append(out, unescaped(in[i]))
			continue
		}
		r := hex(in[i+1:])
		i += 4
		if utf16.IsSurrogate(r) {
			if i+6 >= len(in) || in[i+1] != '\\' || in[i+2] != 'u' {
				return nil, false
			}
			if r = utf16.DecodeRune(r, hex(in[i+3:])); r == utf8.RuneError {
				return nil, false
			}
			i += 6
		}
		out = utf8.AppendRune(out, r)
	}
	return slices.Clip(out), true
}

func unescaped(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}

func hex(in []byte) rune {
	n, err := strconv.ParseUint(string(in[:4]), 16, 16)
	if err != nil {
		return utf8.RuneError
	}
	return rune(n)
}
