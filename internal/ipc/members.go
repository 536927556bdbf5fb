package ipc

import (
	"maps"
	"slices"
	"strconv"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
)

// Members calls f with the key (decoded) and the value (as it is written) of each member of a JSON object, in order. Both
// are parts of obj or valid until f returns. Anything but one object, a member that stands twice, and an error of f end it.
// Errors are a *credential.Error with reason ParseError or InvalidInput, or what f returned.
func Members(obj []byte, f func(key, value []byte) error) error {
	s := scanner{b: obj}
	if c := s.peek(); c != '{' {
		if _, err := s.value(0); err != nil {
			return err
		}
		return credential.NewError(credential.InvalidInput, "a JSON object was expected", "")
	}
	var seen keys
	err := s.object(0, func(rawKey, value []byte) error {
		key := rawKey[1 : len(rawKey)-1]
		if slices.Contains(key, '\\') {
			key = unquoteInto(make([]byte, 0, len(key)), key)
		}
		if !seen.add(key) {
			return credential.NewError(credential.InvalidInput, "a member stands twice: "+strconv.Quote(string(key[:min(len(key), 64)])), "")
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

// Valid reports whether b is one JSON value.
func Valid(b []byte) bool {
	s := scanner{b: b}
	_, err := s.value(0)
	return err == nil && s.end()
}

// Strings calls f with the decoded key and text of each member of a JSON object whose members are all strings. Both are
// valid until f returns: the text's buffer is wiped.
func Strings(obj []byte, f func(key string, text []byte)) error {
	var scratch []byte
	defer func() { clear(scratch[:cap(scratch)]) }()
	return Members(obj, func(key, value []byte) error {
		if value[0] != '"' {
			return credential.NewError(credential.InvalidInput, "not a JSON string: member "+strconv.Quote(string(key[:min(len(key), 64)])), "")
		}
		scratch = grow(scratch[:0], len(value))
		text := unquoteInto(scratch, value[1:len(value)-1])
		f(string(key), text)
		return nil
	})
}

// Secrets reads the member api.SecretsMember of a JSON object: an object of strings. Without that member there are none.
func Secrets(params []byte) (map[string]credential.Secret, error) {
	secrets := map[string]credential.Secret{}
	err := Members(params, func(key, value []byte) error {
		if string(key) != api.SecretsMember {
			return nil
		}
		return Strings(value, func(name string, text []byte) {
			secrets[name] = credential.NewSecret(slices.Clone(text))
		})
	})
	if err != nil {
		for _, s := range secrets {
			s.Wipe()
		}
		return nil, err
	}
	return secrets, nil
}

// AppendSecrets appends m as a JSON object, ordered by name. Like AppendString it clears the arrays that dst outgrows.
func AppendSecrets(dst []byte, m map[string]credential.Secret) []byte {
	dst = append(grow(dst, 1), '{')
	for i, name := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			dst = append(grow(dst, 1), ',')
		}
		dst = AppendString(dst, name)
		dst = append(grow(dst, 1), ':')
		dst = AppendString(dst, m[name].Reveal())
	}
	return append(grow(dst, 1), '}')
}
