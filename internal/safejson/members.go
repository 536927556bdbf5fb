package safejson

import (
	"bytes"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

// Members calls f with the key (decoded) and the value (as it is written) of each member
// of a JSON object, in order. Both are parts of obj or valid until f returns. Anything
// but one object, a member that is there twice, and an error of f end it. Errors are a
// *credential.Error with reason ParseError or InvalidInput, or what f returned.
func Members(obj []byte, f func(key, value []byte) error) error {
	s := scanner{b: obj}
	if c := s.peek(); c != '{' {
		if _, err := s.value(0); err != nil {
			return err
		}
		return notObject()
	}
	var seen keys
	err := s.object(0, func(rawKey, value []byte) error {
		key := rawKey[1 : len(rawKey)-1]
		if bytes.IndexByte(key, '\\') >= 0 {
			var ok bool
			if key, ok = unquoteInto(make([]byte, 0, len(key)), key); !ok {
				return halfPair()
			}
		}
		if !seen.add(key) {
			return twice(key)
		}
		return f(key, value)
	})
	if err == nil && !s.end() {
		return s.fail()
	}
	return err
}

// keys is a set that allocates nothing while it is as small as requests are.
type keys struct {
	few  [12][]byte
	n    int
	many map[string]struct{}
}

// add reports whether key was new.
func (k *keys) add(key []byte) bool {
	for _, have := range k.few[:k.n] {
		if string(have) == string(key) {
			return false
		}
	}
	if k.n < len(k.few) {
		k.few[k.n] = key
		k.n++
		return true
	}
	if _, ok := k.many[string(key)]; ok {
		return false
	}
	if k.many == nil {
		k.many = map[string]struct{}{}
	}
	k.many[string(key)] = struct{}{}
	return true
}

// Fields returns the values, as they are written, of the members of a JSON object that
// names name; nil for one that is not there. Names are compared as encoding/json does for
// the fields of a struct, without regard to ASCII case, and a field in two spellings
// counts as there twice.
func Fields(obj []byte, names ...string) ([][]byte, error) {
	values := make([][]byte, len(names))
	err := Members(obj, func(key, value []byte) error {
		for i, name := range names {
			if !equalFold(key, name) {
				continue
			}
			if values[i] != nil {
				return twice(key)
			}
			values[i] = value
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return values, nil
}

// Texts returns the decoded texts of the members that names name, as Fields finds them;
// nil for one that is not there or not a string. Each has a buffer of its own, which the
// caller clears.
func Texts(obj []byte, names ...string) ([][]byte, error) {
	texts, err := Fields(obj, names...)
	for i, raw := range texts {
		if err != nil || len(raw) == 0 || raw[0] != '"' {
			texts[i] = nil
			continue
		}
		texts[i], err = Unquote(raw)
	}
	if err != nil {
		Wipe(texts...)
		return nil, err
	}
	return texts, nil
}

// IsNumber reports whether a value, as it is written, is a number.
func IsNumber(raw []byte) bool { return len(raw) > 0 && (raw[0] == '-' || isDigit(raw[0])) }

// Wipe clears buffers.
func Wipe(buffers ...[]byte) {
	for _, b := range buffers {
		clear(b[:cap(b)])
	}
}

func equalFold(key []byte, name string) bool {
	if len(key) != len(name) {
		return false
	}
	for i, c := range key {
		if lower(c) != lower(name[i]) {
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

// Strings calls f with the decoded key and text of each member of a JSON object whose
// members are all strings. Both are valid until f returns: the text's buffer is wiped.
// After an error, what f kept of earlier members is the caller's to wipe.
func Strings(obj []byte, f func(key string, text []byte)) error {
	var scratch []byte
	defer func() { Wipe(scratch) }()
	return Members(obj, func(key, value []byte) error {
		if value[0] != '"' {
			return credential.NewError(credential.InvalidInput,
				"not a JSON string: member "+safetext.Quote(string(key[:min(len(key), maxQuoted)])), "")
		}
		scratch = Grow(scratch[:0], len(value))
		text, ok := unquoteInto(scratch, value[1:len(value)-1])
		if !ok {
			return halfPair()
		}
		f(string(key), text)
		return nil
	})
}
