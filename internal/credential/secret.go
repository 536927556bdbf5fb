package credential

import "errors"

// redacted is what every accidental print of a Secret shows.
const redacted = "REDACTED"

// Secret holds bytes that must not be printed, logged or marshalled. The bytes hang
// behind two pointers: fmt follows one when it is given a wrong verb. The zero Secret is
// empty. Copies of a Secret share the same bytes: Wipe clears all.
type Secret struct{ p **[]byte }

// NewSecret takes ownership of b: the caller must not use b afterwards.
func NewSecret(b []byte) Secret {
	if len(b) == 0 {
		return Secret{}
	}
	p := &b
	return Secret{p: &p}
}

// SecretString copies s, which itself cannot be wiped: use it for text that came as a
// string anyway.
func SecretString(s string) Secret { return NewSecret([]byte(s)) }

// Reveal returns the bytes themselves, not a copy: do not keep or change them. A search
// for Reveal lists every way out.
func (s Secret) Reveal() []byte {
	if s.p == nil {
		return nil
	}
	return **s.p
}

// Clone returns a Secret with bytes of its own.
func (s Secret) Clone() Secret { return NewSecret(append([]byte(nil), s.Reveal()...)) }

// Len is the number of bytes.
func (s Secret) Len() int { return len(s.Reveal()) }

// IsEmpty reports whether there is nothing to keep secret.
func (s Secret) IsEmpty() bool { return s.Len() == 0 }

// Equal reports whether both hold the same bytes, in time that depends on the lengths
// only.
func (s Secret) Equal(o Secret) bool {
	a, b := s.Reveal(), o.Reveal()
	if len(a) != len(b) {
		return false
	}
	var diff byte
	for i := range a {
		diff |= a[i] ^ b[i]
	}
	return diff == 0
}

// Wipe overwrites the bytes, for every copy of this Secret.
func (s Secret) Wipe() {
	if s.p == nil {
		return
	}
	b := *s.p
	clear((*b)[:cap(*b)])
	*b = nil
}

// String returns a placeholder.
func (s Secret) String() string { return redacted }

// GoString returns a placeholder.
func (s Secret) GoString() string { return redacted }

// MarshalJSON always fails: the few places that send a secret write it out by hand.
func (s Secret) MarshalJSON() ([]byte, error) {
	return nil, errors.New("a secret must not be marshalled")
}

// MarshalText returns a placeholder, which is what log/slog prints.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
