package broker

import (
	"context"
	"errors"
	"time"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/keystore"
)

// Keys locks and unlocks the vault, and changes what opens it.
type Keys struct{ *core }

func asError(err error) (*credential.Error, bool) { return errors.AsType[*credential.Error](err) }

// VaultStatus answers vault.status.
func (b *Keys) VaultStatus() api.VaultStatus { return b.Vault.State() }

// openQuietly opens the vault if that needs no human and reports whether it is open.
func (b *core) openQuietly(ctx context.Context) bool {
	return b.Vault.State().State == keystore.StateUnlocked || b.Vault.EnsureOpen(ctx) == nil
}

// Lock forgets the vault's key and every minted token until Unlock.
func (b *Keys) Lock(caller access.Caller) error { return b.lock(caller, "") }

// LockIfIdle locks an open vault that was not used for as long as the settings want, by
// the wall clock: a laptop's sleep counts. It reports whether it did. Every get asks it
// too, so that a lock which is due does not wait for a timer.
func (b *Keys) LockIfIdle(now time.Time) (bool, error) {
	limit, last := b.Settings().AutoLock, b.LastUse()
	if limit <= 0 || now.Round(0).Sub(last) < limit || b.Vault.State().State != keystore.StateUnlocked {
		return false, nil
	}
	return true, b.lock(access.Caller{}, "idle")
}

// lockIdle locks a vault that was not used for too long, before it is.
func (b *Keys) lockIdle() {
	if _, err := b.LockIfIdle(b.Now()); err != nil {
		b.Log.Warn("Cannot lock the vault after idle time", "error", err)
	}
}

func (b *Keys) lock(caller access.Caller, why string) error {
	err := b.Vault.Lock()
	b.Engine.Wipe()
	if b.homes.Client != nil {
		b.homes.Client.Forget()
	}
	b.usage.lock()
	b.Audit(caller, access.Subject{Action: access.Lock}, err, why)
	return err
}

// Unlock opens the vault: through its own key slots, or with a passphrase when one is
// given.
func (b *Keys) Unlock(ctx context.Context, caller access.Caller, passphrase *credential.Secret) error {
	err := b.Vault.Unlock(ctx, passphrase)
	b.Audit(caller, access.Subject{Action: access.Unlock}, err, "")
	if err != nil {
		return err
	}
	b.Touch()
	return b.Reload()
}

// SetPassphrase adds a passphrase slot or changes its passphrase.
func (b *Keys) SetPassphrase(ctx context.Context, caller access.Caller, passphrase credential.Secret) error {
	return b.vaultChange(
		ctx,
		caller,
		"passphrase set",
		func() error { return b.Vault.SetPassphrase(ctx, passphrase) },
	)
}

// RemovePassphrase removes the passphrase slot; it is refused when no other slot is left.
func (b *Keys) RemovePassphrase(ctx context.Context, caller access.Caller) error {
	return b.vaultChange(
		ctx,
		caller,
		"passphrase removed",
		func() error { return b.Vault.RemovePassphrase(ctx) },
	)
}

// Rotate seals everything with a new key.
func (b *Keys) Rotate(ctx context.Context, caller access.Caller) error {
	return b.vaultChange(ctx, caller, "rotated", func() error { return b.Vault.Rotate(ctx) })
}

func (b *Keys) vaultChange(ctx context.Context, caller access.Caller, what string, f func() error) error {
	b.Changing.Lock()
	defer b.Changing.Unlock()
	err := b.OpenForChange(ctx)
	if err == nil {
		err = f()
	}
	b.Audit(caller, access.Subject{Action: access.Vault}, err, what)
	return err
}

// Restore puts the vault's previous generation back in place of a damaged one.
func (b *Keys) Restore(ctx context.Context, caller access.Caller) error {
	b.Changing.Lock()
	defer b.Changing.Unlock()
	err := b.Vault.Restore(ctx)
	b.Audit(caller, access.Subject{Action: access.Vault}, err, "restored")
	if err != nil {
		return err
	}
	b.Engine.Wipe()
	return b.Reload()
}
