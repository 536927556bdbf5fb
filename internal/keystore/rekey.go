package keystore

import (
	"context"
	"slices"

	"github.com/zen-agent/zen/internal/credential"
)

// maxPassphrase bounds a passphrase, in bytes.
const maxPassphrase = 64 << 10

// SetPassphrase adds a passphrase slot, or changes its passphrase. The previous
// generation is rewritten too, so that the old passphrase opens neither; it still opens
// copies made elsewhere, until Rotate. An absent vault is made.
func (v *Vault) SetPassphrase(ctx context.Context, passphrase credential.Secret) error {
	if passphrase.IsEmpty() || passphrase.Len() > maxPassphrase {
		return fail(credential.InvalidInput, "", "a passphrase has 1 to %d bytes", maxPassphrase)
	}
	return v.rekey(ctx, func(base *file, k *keys) error {
		entry, err := v.slots.passphraseSlot(base.vault, k, passphrase)
		if err != nil {
			return err
		}
		if len(base.slots) == 0 {
			return v.makeWithPassphrase(ctx, base, k, entry)
		}
		next := base.next()
		next.slots = append(exceptPassphrase(next.slots), entry)
		return v.writeTwice(ctx, next, k)
	})
}

// makeWithPassphrase makes a vault that has a passphrase from the start; it needs no
// other slot.
func (v *Vault) makeWithPassphrase(ctx context.Context, base *file, k *keys, entry slotEntry) error {
	next := base.next()
	chosen, err := v.slots.choose(ctx, base.vault, k)
	if err == nil {
		next.slots = []slotEntry{chosen, entry}
		return v.writeArmed(ctx, next, k, chosen)
	}
	if !credential.KeyringUnavailable.Is(err) {
		return err
	}
	entry.Note = err.Error()
	next.slots = []slotEntry{entry}
	return v.write(ctx, next, k)
}

func (set slotSet) passphraseSlot(vaultID string, k *keys, passphrase credential.Secret) (slotEntry, error) {
	params, err := newPassphraseParams(set.opt.Rand, set.opt.Argon2, passphrase.Reveal())
	if err != nil {
		return slotEntry{}, err
	}
	return set.wrapForPassphrase(vaultID, k, params)
}

// wrapForPassphrase makes a slot that whoever knows the passphrase behind params can
// open.
func (set slotSet) wrapForPassphrase(
	vaultID string,
	k *keys,
	params *passphraseParams,
) (entry slotEntry, err error) {
	entry = slotEntry{Kind: KindPassphrase, Created: set.opt.Now().UTC().Truncate(1e9)}
	if entry.ID, err = newSlotID(set.opt.Rand); err != nil {
		return entry, err
	}
	var kek []byte
	if entry.Params, kek, err = params.wrapKey(set.opt.Rand); err != nil {
		return entry, err
	}
	defer clear(kek)
	return entry, entry.wrap(set.opt.Rand, vaultID, kek, k)
}

func exceptPassphrase(slots []slotEntry) []slotEntry {
	return slices.DeleteFunc(slots, func(s slotEntry) bool { return s.Kind == KindPassphrase })
}

// RemovePassphrase removes the passphrase slot, provided that another slot opens the
// vault now.
func (v *Vault) RemovePassphrase(ctx context.Context) error {
	return v.rekey(ctx, func(base *file, k *keys) error {
		next := base.next()
		next.slots = exceptPassphrase(next.slots)
		if len(next.slots) == len(base.slots) {
			return fail(credential.InvalidInput, "", "the vault has no passphrase")
		}
		if !v.slots.opens(ctx, next) {
			return fail(credential.InUse, hintStatus,
				"the passphrase is the only way to open the vault: without it everything in it would be lost")
		}
		return v.writeTwice(ctx, next, k)
	})
}

// opens reports whether a slot of f opens it now.
func (set slotSet) opens(ctx context.Context, f *file) bool {
	for i := range f.slots {
		if f.slots[i].Kind == KindPassphrase {
			continue
		}
		if k, err := set.open(ctx, f, &f.slots[i]); err == nil {
			k.destroy()
			return true
		}
	}
	return false
}

// rekey runs a change of the slots on the open vault.
func (v *Vault) rekey(ctx context.Context, change func(base *file, k *keys) error) error {
	if err := v.begin(ctx); err != nil {
		return err
	}
	defer v.end()
	base, k, err := v.base(ctx)
	if err != nil {
		return err
	}
	defer v.release(k)
	return change(base, k)
}

// writeTwice writes a generation and then the same content again, so that vault.json.prev
// is not opened by what was removed.
func (v *Vault) writeTwice(ctx context.Context, next *file, k *keys, armed ...slotEntry) error {
	if err := v.writeArmed(ctx, next, k, armed...); err != nil {
		return err
	}
	if err := v.write(ctx, next.next(), k); err != nil {
		return because(err, fail(credential.CannotWrite, writeHint(v.opt.Path, err),
			"the change was made, but %s still opens the old way: %s", v.store.prev(), err))
	}
	return nil
}

// Rotate seals everything with a new vault key, kept by new keys in the same kinds of
// slots; a passphrase stays the same. The new keys are stored before the file changes,
// and the old ones deleted after no generation on the disk needs them, so a kill at any
// time leaves a vault that opens.
func (v *Vault) Rotate(ctx context.Context) error {
	return v.rekey(ctx, func(base *file, k *keys) error {
		if base.generation == 0 {
			return nil // there is no vault yet
		}
		fresh, err := generateKeys(v.opt.Rand, base.vault)
		if err != nil {
			return err
		}
		defer v.release(fresh)
		next := base.next()
		if next.records, err = v.reseal(base, k, fresh); err != nil {
			return err
		}
		next.slots = nil
		if err := v.slots.armAgain(ctx, next, base.slots, fresh); err != nil {
			v.slots.discardAll(ctx, next.vault, next.slots)
			return err
		}
		return v.writeTwice(ctx, next, fresh, next.slots...)
	})
}

// reseal opens every record with one set of keys and seals it with another.
func (v *Vault) reseal(f *file, from, to *keys) ([]record, error) {
	out := make([]record, len(f.records))
	for i, r := range f.records {
		secret, err := from.openRecord(f.vault, &r)
		if err == nil {
			err = to.sealRecord(v.opt.Rand, f.vault, &r, secret)
		}
		clear(secret)
		if err != nil {
			return nil, v.explain(err, "record "+r.id)
		}
		out[i] = r
	}
	return out, nil
}

// armAgain adds to next, for each slot, a new one of the same kind.
func (set slotSet) armAgain(ctx context.Context, next *file, slots []slotEntry, k *keys) error {
	for _, s := range slots {
		var entry slotEntry
		var err error
		if s.Kind == KindPassphrase {
			entry, err = set.wrapForPassphrase(next.vault, k, s.Params)
		} else if slot, missing := set.candidate(s.Kind); missing == nil {
			entry, err = set.arm(ctx, slot, next.vault, k)
		} else {
			err = missing
		}
		if err != nil {
			return err
		}
		entry.Note = s.Note
		next.slots = append(next.slots, entry)
	}
	return nil
}

// rearm renews session keys that are gone, after the vault was opened another way. A
// failure leaves the vault open; State says so.
func (v *Vault) rearm(ctx context.Context) {
	v.mu.RLock()
	f, k := v.f, v.keys
	v.mu.RUnlock()
	if f == nil || k == nil {
		return
	}
	next := f.next()
	var armed []slotEntry
	for i, s := range next.slots {
		slot, err := v.slots.candidate(s.Kind)
		if err != nil || !endsWithSession(s.Kind) || !v.slots.gone(ctx, f, &s) {
			continue
		}
		entry, err := v.slots.arm(ctx, slot, f.vault, k)
		if err != nil {
			v.note("the key for this session could not be renewed: " + err.Error())
			continue
		}
		entry.Note = s.Note
		next.slots[i] = entry
		armed = append(armed, entry)
	}
	if len(armed) == 0 {
		return
	}
	if err := v.writeArmed(ctx, next, k, armed...); err != nil {
		v.note("the key for this session could not be renewed: " + err.Error())
	}
}

// gone reports whether a slot works and no longer has the vault's key.
func (set slotSet) gone(ctx context.Context, f *file, s *slotEntry) bool {
	k, err := set.open(ctx, f, s)
	if err == nil {
		k.destroy()
	}
	return credential.KeyLost.Is(err)
}

func (m *inMemory) note(text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.notice = text
}
