package oskeyring

import (
	"bytes"
	"context"
	"encoding/base64"
	"time"

	"github.com/zen-agent/zen/internal/keystore"
)

// Service is the item's service attribute: "secret-tool search --all service zen" lists
// zen's items.
const Service = "zen"

// userPrefix begins the item's user attribute; the key's id follows.
const userPrefix = "vault-key:"

// Deadlines for one operation, unless Slot says otherwise.
const (
	DefaultDeadline       = 2 * time.Second  // everything answers at once
	DefaultStartDeadline  = 10 * time.Second // the bus has to start the service first
	DefaultPromptDeadline = 30 * time.Second // a person may be looking at a prompt
)

// Slot keeps keys in the OS keyring. Executable is required.
type Slot struct {
	// absolute path of a program that calls ChildMain when its first argument is
	// ChildArgument
	Executable     string
	Environ        func() []string // nil: os.Environ; where the bus and the display are
	Deadline       time.Duration   // zero: DefaultDeadline
	StartDeadline  time.Duration   // zero: DefaultStartDeadline
	PromptDeadline time.Duration   // zero: DefaultPromptDeadline
}

var _ keystore.KeySlot = (*Slot)(nil)

// Kind returns keystore.KindOSKeyring.
func (*Slot) Kind() string { return keystore.KindOSKeyring }

// Detail describes the slot for a person.
func (*Slot) Detail() string { return detail }

// Probe asks, without any prompt and without starting anything, whether there is a
// keyring.
func (s *Slot) Probe(ctx context.Context) error {
	_, err := s.call(ctx, opProbe, "", nil)
	return err
}

// Load returns the key; the keyring may show its prompt to unlock itself.
func (s *Slot) Load(ctx context.Context, id string) ([]byte, error) {
	value, err := s.call(ctx, opGet, id, nil)
	defer clear(value)
	if err != nil {
		return nil, err
	}
	key, ok := decode(value)
	if !ok {
		return nil, explain(faultWrongData, "")
	}
	return key, nil
}

// Save stores the key and reads it back in a new process, because a keyring may say that
// it stored what it did not.
func (s *Slot) Save(ctx context.Context, id string, key []byte) error {
	value := encode(key)
	defer clear(value)
	if _, err := s.call(ctx, opSet, id, value); err != nil {
		return err
	}
	back, err := s.call(ctx, opGet, id, nil)
	defer clear(back)
	switch {
	case isMissing(err):
		return explain(faultNotStored, "")
	case err != nil:
		return err
	case !bytes.Equal(back, value):
		return explain(faultWrongData, "")
	}
	return nil
}

// Delete removes the item.
func (s *Slot) Delete(ctx context.Context, id string) error {
	_, err := s.call(ctx, opDelete, id, nil)
	if isMissing(err) {
		return nil
	}
	return err
}

// valuePrefix is the version of an item's value.
const valuePrefix = "v1."

func encode(key []byte) []byte {
	return base64.RawURLEncoding.AppendEncode([]byte(valuePrefix), key)
}

func decode(value []byte) ([]byte, bool) {
	text, ok := bytes.CutPrefix(value, []byte(valuePrefix))
	// the decoder would skip line breaks
	if !ok || len(text) != base64.RawURLEncoding.EncodedLen(keystore.KeySize) {
		return nil, false
	}
	key, err := base64.RawURLEncoding.Strict().AppendDecode(nil, text)
	if err != nil || len(key) != keystore.KeySize {
		clear(key)
		return nil, false
	}
	return key, true
}
