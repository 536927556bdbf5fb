package kernelkeyring

import (
	"context"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/keystore"
)

// Slot keeps keys in the kernel's user keyring, each as a key of type "user" described
// "zen:vault-key:<id>"; keyctl show @u lists them. The zero value is ready for use.
type Slot struct{}

var _ keystore.KeySlot = Slot{}

// Kind returns keystore.KindSession.
func (Slot) Kind() string { return keystore.KindSession }

// Detail describes the slot for a person.
func (Slot) Detail() string {
	return "the kernel keyring: until the next boot, nothing on the disk opens the vault"
}

const prefix = "zen:vault-key:"

func unavailable(text string, cause error) error {
	e := credential.NewError(credential.KeyringUnavailable, "the kernel keyring "+text, "")
	if cause != nil {
		e.Message += ": " + cause.Error()
		e.Cause = cause
	}
	return e
}

// Probe stores, reads and removes a key of its own: sandboxes allow some of the calls and
// forbid others.
func (s Slot) Probe(ctx context.Context) error { return s.probe(ctx) }

// Load returns the key.
func (Slot) Load(_ context.Context, id string) ([]byte, error) { return load(prefix + id) }

// Save keeps a copy of the key.
func (Slot) Save(_ context.Context, id string, key []byte) error { return save(prefix+id, key) }

// Delete removes the key.
func (Slot) Delete(_ context.Context, id string) error { return remove(prefix + id) }
