package keystore

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/zen-agent/zen/internal/credential"
)

// KeySlot keeps one key per id outside the vault: in the OS keyring, in the kernel, in
// memory. Implementations are safe for concurrent use, bound every call in time, and
// return errors a person can read (*credential.Error):
//
//   - KeyringUnavailable: it cannot be reached, or does not do what it says
//   - KeyringRefused: a person dismissed or did not answer its prompt
//   - KeyLost: it works and has no such key
//
// keystoretest holds the tests that every implementation passes.
type KeySlot interface {
	Kind() string   // one of the Kind constants
	Detail() string // for a person: what keeps the key, and what that protects from
	// Probe reports, without any prompt, whether the slot can be used here.
	Probe(ctx context.Context) error
	// Load returns the key in memory that the caller wipes.
	Load(ctx context.Context, id string) ([]byte, error)
	// Save keeps a copy of the key, replacing what is there. After it returns nil, Load
	// returns the key.
	Save(ctx context.Context, id string, key []byte) error
	// Delete removes the key; that there is none is not an error.
	Delete(ctx context.Context, id string) error
}

// Kinds of key slots, as the file and api.VaultSlot name them.
const (
	KindOSKeyring  = "os-keyring"
	KindSession    = "session"
	KindMemory     = "memory"
	KindPassphrase = "passphrase"
)

// endsWithSession reports whether a kind's keys are gone after a reboot (or sooner) as a
// matter of course.
func endsWithSession(kind string) bool { return kind == KindSession || kind == KindMemory }

const detailPassphrase = "a passphrase (Argon2id), asked for by zen unlock: anyone who gets the file " +
	"must guess it"

// keyID is the name under which a slot keeps its key. Each slot entry has its own, so
// that a rotation can store the new key before the file changes and delete the old one
// after.
func keyID(vaultID, slotID string) string { return vaultID + "/" + slotID }

func newSlotID(random io.Reader) (string, error) {
	var b [6]byte
	_, err := io.ReadFull(random, b[:])
	return hex.EncodeToString(b[:]), err
}

// slotSet is the slots that this process was given and how they keep, find and lose a
// vault's key.
type slotSet struct{ opt Options }

// candidate is the slot of a kind that this process was given.
func (set slotSet) candidate(kind string) (KeySlot, error) {
	for _, s := range set.opt.Slots {
		if s.Kind() == kind {
			return s, nil
		}
	}
	return nil, fail(credential.KeyringUnavailable, hintStatus,
		"the key of this vault is kept in a place this zen cannot use here (%s)", kind)
}

// arm makes a fresh key, has the slot keep it, reads it back, and wraps k with it. When
// it fails the slot keeps nothing, unless removing it would show the person who just said
// no another prompt.
func (set slotSet) arm(
	ctx context.Context,
	slot KeySlot,
	vaultID string,
	k *keys,
) (entry slotEntry, err error) {
	entry = slotEntry{Kind: slot.Kind(), Created: set.opt.Now().UTC().Truncate(1e9)}
	if entry.ID, err = newSlotID(set.opt.Rand); err != nil {
		return entry, err
	}
	kek := make([]byte, KeySize)
	defer clear(kek)
	if _, err := io.ReadFull(set.opt.Rand, kek); err != nil {
		return entry, err
	}
	id := keyID(vaultID, entry.ID)
	if err = saveAndCheck(ctx, slot, id, kek); err == nil {
		err = entry.wrap(set.opt.Rand, vaultID, kek, k)
	}
	if err != nil && !credential.KeyringRefused.Is(err) {
		set.discard(ctx, slot, id)
	}
	return entry, err
}

// saveAndCheck stores a key and reads it back: services exist that report success and
// keep nothing.
func saveAndCheck(ctx context.Context, slot KeySlot, id string, kek []byte) error {
	if err := slot.Save(ctx, id, kek); err != nil {
		return err
	}
	back, err := slot.Load(ctx, id)
	defer clear(back)
	if credential.KeyLost.Is(err) {
		return fail(credential.KeyringUnavailable, hintStatus, "%s said it stored the key but does not "+
			"have it", slot.Kind())
	}
	if err != nil {
		return err
	}
	if !bytes.Equal(back, kek) {
		return fail(credential.KeyringUnavailable, hintStatus, "%s gave back another key than was "+
			"stored", slot.Kind())
	}
	return nil
}

// discard removes a key that nothing refers to any more. A failure leaves a random number
// that opens nothing.
func (set slotSet) discard(ctx context.Context, slot KeySlot, id string) {
	_ = slot.Delete(context.WithoutCancel(ctx), id)
}

// choose makes the first slot of a new vault: the first candidate that works here. A
// person's refusal is not passed over: dismissing the keyring's prompt does not ask for
// a weaker place. Other reasons are noted in the entry.
func (set slotSet) choose(ctx context.Context, vaultID string, k *keys) (slotEntry, error) {
	var notes []string
	for _, slot := range set.opt.Slots {
		err := slot.Probe(ctx)
		if err == nil {
			var entry slotEntry
			if entry, err = set.arm(ctx, slot, vaultID, k); err == nil {
				entry.Note = strings.Join(notes, "; ")
				return entry, nil
			}
		}
		if credential.KeyringRefused.Is(err) || ctx.Err() != nil {
			return slotEntry{}, err
		}
		notes = append(notes, fmt.Sprintf("no %s: %s", slot.Kind(), err))
	}
	return slotEntry{}, fail(credential.KeyringUnavailable, "set a passphrase: zen vault passphrase",
		"there is no place to keep the vault's key: %s", strings.Join(notes, "; "))
}

// open loads one slot's key and opens the vault key with it.
func (set slotSet) open(ctx context.Context, f *file, s *slotEntry) (*keys, error) {
	slot, err := set.candidate(s.Kind)
	if err != nil {
		return nil, err
	}
	kek, err := slot.Load(ctx, keyID(f.vault, s.ID))
	defer clear(kek)
	if err != nil {
		return nil, err
	}
	k, err := s.unwrap(f.vault, kek)
	if errors.Is(err, errSealed) {
		return nil, fail(credential.VaultDamaged, hintRestore,
			"%s and its key do not belong together: somebody edited key slot %s of the file, or the key "+
				"that %s keeps for it",
			set.opt.Path, s.ID, s.Kind)
	}
	return k, err
}
