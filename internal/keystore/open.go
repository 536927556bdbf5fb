package keystore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/zen-agent/zen/internal/credential"
)

// How long a failure to open is remembered, so that a burst of requests does not ask the
// keyring (or a person) each time.
const (
	retryAfter        = 3 * time.Second
	retryAfterRefusal = 30 * time.Second
)

// failure is why the vault did not open by itself.
type failure struct {
	err   *credential.Error
	until time.Time // not tried again before
	lost  bool      // every key slot works and none has the key
}

// flight is one attempt to open, shared by everybody who asks meanwhile.
type flight struct {
	epoch int // of the vault when it began
	done  chan struct{}
	err   error // valid after done
}

// EnsureOpen opens the vault through its key slots unless it is open, absent, or locked
// by the user. A keyring may show its own prompt, at most one at a time; after a failure
// it is not tried again for a few seconds, after a refusal for 30. The attempt goes on
// when ctx ends; EnsureOpen then returns a Timeout error.
func (v *Vault) EnsureOpen(ctx context.Context) error {
	v.mu.RLock()
	err := v.blocked()
	again := v.unusable == nil && !v.closed && !v.userLocked &&
		(v.failure == nil || !v.opt.Now().Before(v.failure.until))
	v.mu.RUnlock()
	if err == nil || !again {
		return err
	}
	return v.openBySlots(ctx, false)
}

// openBySlots joins the attempt that is under way or starts one. Only the user opens what
// the user locked.
func (v *Vault) openBySlots(ctx context.Context, user bool) error {
	for {
		v.mu.Lock()
		if v.closed || v.f == nil || v.keys != nil || v.userLocked && !user {
			err := v.blocked()
			v.mu.Unlock()
			return err
		}
		fl := v.flight
		if fl == nil {
			fl = &flight{epoch: v.epoch, done: make(chan struct{})}
			v.flight = fl
			f := v.f
			v.working.Go(func() { v.attempt(fl, f) })
		}
		late := fl.epoch != v.epoch // began before a Lock: it opens nothing
		v.mu.Unlock()
		select {
		case <-fl.done:
		case <-ctx.Done():
			return because(context.Cause(ctx), fail(credential.Timeout, "answer the keyring's prompt if "+
				"there is one, and try again",
				"the keyring has not answered yet"))
		}
		if !late {
			return fl.err
		}
	}
}

// attempt tries the key slots in order and installs the keys, unless the vault was locked
// or changed meanwhile.
func (v *Vault) attempt(fl *flight, f *file) {
	k, fault := v.slots.try(v.ctx, f)
	v.mu.Lock()
	defer v.mu.Unlock()
	defer close(fl.done)
	v.flight = nil
	stopping := v.ctx.Err() != nil // Close began and told the slot to give up
	switch {
	case stopping, v.epoch != fl.epoch:
		if k != nil {
			k.destroy()
		}
		if fl.err = v.blocked(); stopping {
			fl.err = errStopping
		}
	case k != nil:
		fl.err = v.adopt(f, k)
	case credential.VaultDamaged.Is(fault.err):
		fl.err = v.condemn(fault.err)
	default:
		v.failure = fault
		fl.err = fault.err
	}
}

// condemn closes a file that cannot be trusted. The caller holds mu.
func (m *inMemory) condemn(why *credential.Error) error {
	m.f, m.unusable = nil, why
	m.epoch++
	return why
}

// adopt checks the whole file with its keys and opens the vault. The caller holds mu.
func (m *inMemory) adopt(f *file, k *keys) error {
	if err := k.verify(f); err != nil {
		why := m.tampered(f, k)
		k.destroy()
		return m.condemn(why)
	}
	m.keys, m.failure = k, nil
	return nil
}

// tampered says as exactly as the keys allow what was changed in a file whose MAC is
// wrong.
func (m *inMemory) tampered(f *file, k *keys) *credential.Error {
	var changed []string
	for i := range f.records {
		r := &f.records[i]
		b, err := k.openRecord(f.vault, r)
		clear(b)
		if err != nil {
			changed = append(changed, r.kind+" "+r.id)
		}
	}
	what := "its header was changed, or records were removed or mixed with another generation"
	if n := len(changed); n > 3 {
		what = fmt.Sprintf("%d records were changed, such as %s", n, changed[0])
	} else if n > 0 {
		what = "changed: " + strings.Join(changed, ", ")
	}
	return because(errMAC, fail(credential.VaultDamaged, hintRestore, "%s was edited by something other "+
		"than zen (%s)", m.path, what))
}

// try opens the vault key through the first key slot that works.
func (set slotSet) try(ctx context.Context, f *file) (*keys, *failure) {
	var first error
	passphrase, lost := false, true
	for i := range f.slots {
		s := &f.slots[i]
		if s.Kind == KindPassphrase {
			passphrase = true
			continue
		}
		k, err := set.open(ctx, f, s)
		if err == nil {
			return k, nil
		}
		if credential.KeyLost.Is(err) {
			err = lostKey(set.opt.Path, s.Kind, err)
		} else {
			lost = false
		}
		if first == nil {
			first = err
		}
	}
	return nil, set.newFailure(first, passphrase, lost)
}

func (set slotSet) newFailure(err error, passphrase, lost bool) *failure {
	wait := retryAfter
	if credential.KeyringRefused.Is(err) {
		wait = retryAfterRefusal
	}
	out := &failure{until: set.opt.Now().Add(wait), lost: lost && !passphrase}
	e, ok := errors.AsType[*credential.Error](err)
	switch {
	case passphrase && err == nil:
		out.err = fail(credential.Locked, hintUnlock, "the vault needs its passphrase")
	case passphrase:
		out.err = because(err, fail(credential.Locked, hintUnlock, "the vault needs its passphrase: %s", err))
	case ok:
		out.err = e
	default:
		out.err = because(err, fail(credential.KeyringUnavailable, hintStatus, "the vault's key cannot "+
			"be had: %v", err))
	}
	return out
}

// lostKey says what it means that a slot no longer has the key.
func lostKey(path, kind string, cause error) error {
	switch kind {
	case KindSession:
		return because(cause, fail(credential.KeyLost, hintAnew, "the vault's key was kept until the "+
			"next boot only, and is gone"))
	case KindMemory:
		return because(cause, fail(credential.KeyLost, hintAnew, "the vault's key was kept in zend's "+
			"memory only, and ended with that zend"))
	}
	return because(cause, fail(
		credential.KeyLost,
		"bring the keyring's item back, or set the vault aside: zen daemon stop; "+
			"mv "+path+" "+path+".lost; rm -f "+path+".prev",
		"the vault's key is gone from the OS keyring (%s): somebody deleted it, or this is another keyring; "+
			"without it nobody can open the vault",
		cause,
	))
}

// Unlock opens the vault and ends what Lock began: with the passphrase, or through its
// key slots when passphrase is nil. With the passphrase it also renews a key that was
// kept for the session and is gone, so that restarts of zend need no passphrase until the
// next boot.
func (v *Vault) Unlock(ctx context.Context, passphrase *credential.Secret) error {
	if err := v.begin(ctx); err != nil {
		return err
	}
	defer v.end()
	v.mu.RLock()
	f, open, err := v.f, v.keys != nil, v.blocked()
	v.mu.RUnlock()
	switch {
	case f == nil:
		return err
	case open:
	case passphrase == nil:
		err = v.openBySlots(ctx, true)
	default:
		err = v.openByPassphrase(f, *passphrase)
	}
	if err != nil {
		return err
	}
	v.rearm(ctx)
	return v.endLock()
}

func (v *Vault) openByPassphrase(f *file, passphrase credential.Secret) error {
	has := false
	for i := range f.slots {
		s := &f.slots[i]
		if s.Kind != KindPassphrase {
			continue
		}
		has = true
		kek, err := s.Params.unwrapKey(passphrase.Reveal())
		if err != nil {
			continue // a public half that X25519 refuses: as good as a wrong passphrase
		}
		k, err := s.unwrap(f.vault, kek)
		clear(kek)
		if err == nil {
			return v.adoptNow(f, k)
		}
	}
	if !has {
		return fail(credential.InvalidInput, "unlock it without one: zen unlock", "the vault has no "+
			"passphrase")
	}
	return fail(credential.WrongPassphrase, "", "the passphrase does not open the vault")
}

// adoptNow is adopt for the holder of changing.
func (m *inMemory) adoptNow(f *file, k *keys) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || m.f != f || m.keys != nil {
		k.destroy()
		return m.blocked()
	}
	m.epoch++ // an attempt under way comes too late
	return m.adopt(f, k)
}

// Lock wipes the key at once and keeps the vault closed until Unlock, also for later
// zends. Locking an absent vault does nothing: there is no secret in it.
func (v *Vault) Lock() error {
	v.mu.Lock()
	if v.f == nil && v.unusable == nil {
		v.mu.Unlock()
		return nil
	}
	v.wipe()
	v.userLocked = true
	v.mu.Unlock()
	v.marking.Lock()
	defer v.marking.Unlock()
	if err := v.store.mark(); err != nil {
		return because(err, fail(
			credential.CannotWrite,
			writeHint(v.opt.Path, err),
			"the vault is locked, but the next zend will open it: cannot write %s: %s",
			v.store.marker(),
			plain(err),
		))
	}
	return nil
}

// endLock takes back what Lock noted, unless the vault was locked again since it was
// opened.
func (v *Vault) endLock() error {
	v.marking.Lock()
	defer v.marking.Unlock()
	v.mu.RLock()
	err := v.blocked()
	v.mu.RUnlock()
	if err != nil {
		return err
	}
	removed := v.store.unmark()
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.blocked(); err != nil {
		return err
	}
	v.userLocked = false
	if removed != nil {
		return because(removed, fail(credential.CannotWrite, "remove it by hand: rm "+v.store.marker(),
			"the vault is open, but the next zend will find it locked: cannot remove %s: "+
				"%s", v.store.marker(), plain(removed)))
	}
	return nil
}
