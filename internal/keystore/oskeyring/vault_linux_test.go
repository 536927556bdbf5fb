package oskeyring

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/keystore"
	"github.com/zen-agent/zen/internal/keystore/keystoretest"
)

// openVault opens a vault as zend does: the OS keyring first, else memory.
func openVault(t *testing.T, path string, slot *Slot) *keystore.Vault {
	t.Helper()
	v, err := keystore.Open(keystore.Options{
		Path: path, Slots: []keystore.KeySlot{slot, new(keystore.MemorySlot)},
		Argon2: keystore.Argon2Params{Passes: 1, Memory: 8, Threads: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	return v
}

func putSecret(id string) func(*keystore.Tx) error {
	return func(tx *keystore.Tx) error {
		s := credential.SecretString("secret of " + id)
		return tx.Put(keystore.Record{ID: id, Kind: "connector", Public: json.RawMessage(`{}`)}, &s)
	}
}

func mustCommit(t *testing.T, v *keystore.Vault, id string) {
	t.Helper()
	if err := v.Commit(t.Context(), putSecret(id)); err != nil {
		t.Fatal(err)
	}
}

func wantSecret(t *testing.T, v *keystore.Vault, id string) {
	t.Helper()
	if err := v.EnsureOpen(t.Context()); err != nil {
		t.Fatal(err)
	}
	s, err := v.Secret(id)
	if err != nil || string(s.Reveal()) != "secret of "+id {
		t.Fatalf("secret %q, %v", s.Reveal(), err)
	}
}

func slotKinds(v *keystore.Vault) (kinds []string) {
	for _, s := range v.State().Slots {
		kinds = append(kinds, s.Kind)
	}
	return kinds
}

// The key of a vault is one item of the keyring, and nothing on the disk opens the vault
// without it.
func TestVaultKeyIsAnItem(t *testing.T) {
	bus := keystoretest.StartBus(t)
	fake := keystoretest.StartFakeSecrets(t, bus, keystoretest.Faults{})
	path := filepath.Join(t.TempDir(), "vault.json")
	v := openVault(t, path, newSlot(t, bus.Environ()))
	mustCommit(t, v, "a")
	v.Close()
	items := fake.Values()
	if len(items) != 1 || !slices.Equal(slotKinds(v), []string{keystore.KindOSKeyring}) {
		t.Fatalf("items %d, slots %q", len(items), slotKinds(v))
	}
	for user, value := range items {
		if !strings.HasPrefix(user, "vault-key:"+v.State().ID+"/") || !strings.HasPrefix(value, "v1.") ||
			len(value) != 46 {
			t.Errorf("item of %q has %d bytes", user, len(value))
		}
		wantNotOnDisk(t, path, value, strings.TrimPrefix(value, "v1."))
	}
	v = openVault(t, path, newSlot(t, bus.Environ()))
	wantSecret(t, v, "a")
	if err := v.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if now := fake.Values(); len(now) != 1 {
		t.Errorf("%d items after a rotation", len(now))
	}
	v.Close()

	fake.DeleteAll()
	v = openVault(t, path, newSlot(t, bus.Environ()))
	err := v.EnsureOpen(t.Context())
	checkFault(t, err, credential.KeyLost, "gone from the OS keyring")
	if s := v.State(); s.State != keystore.StateKeyLost || s.Hint == "" || s.Problem == "" {
		t.Errorf("%+v", s)
	}
	if err := v.Commit(t.Context(), putSecret("b")); !credential.KeyLost.Is(err) {
		t.Errorf("Commit: %v", err)
	}
}

func wantNotOnDisk(t *testing.T, path string, texts ...string) {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
	if err != nil || len(list) == 0 {
		t.Fatal("nothing to look at", err)
	}
	for _, name := range list {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range texts {
			if strings.Contains(string(b), text) {
				t.Errorf("%s holds the key", name)
			}
		}
	}
}

// Which faults of the keyring make a new vault take the next place, and which do not.
func TestSlotOfNewVault(t *testing.T) {
	type F = keystoretest.Faults
	for _, c := range []struct {
		name    string
		faults  F
		refused credential.Reason // "": the next place is taken
		text    string
	}{
		{"works", F{}, "", ""},
		{"needs a prompt", F{Locked: true}, "", ""},
		{"never answers", F{Hang: "all"}, "", "did not answer within"},
		{"has no keyring", F{NoCollection: true}, "", "no keyring in it"},
		{"stores nothing", F{StoreNothing: true}, "", "does not have it"},
		{"gives wrong data", F{WrongData: "x"}, "", "not the vault's key"},
		{"is dismissed", F{Locked: true, Prompt: "dismiss"}, credential.KeyringRefused, "dismissed"},
		{"is dismissed when it stores", F{DismissStore: true}, credential.KeyringRefused, "dismissed"},
		{"is not answered", F{Locked: true, Prompt: "hang"}, credential.KeyringRefused, "nobody answered"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bus := keystoretest.StartBus(t)
			keystoretest.StartFakeSecrets(t, bus, c.faults)
			slot := newSlot(t, bus.Environ())
			if c.faults.Hang != "" || c.faults.Prompt == "hang" {
				slot.Deadline, slot.PromptDeadline = time.Second, time.Second
			}
			path := filepath.Join(t.TempDir(), "vault.json")
			v := openVault(t, path, slot)
			err := v.Commit(t.Context(), putSecret("a"))
			if c.refused != "" {
				checkFault(t, err, c.refused, c.text)
				if s := v.State(); s.State != keystore.StateAbsent {
					t.Errorf("%+v", s)
				}
				return
			}
			want := keystore.KindOSKeyring
			if c.text != "" {
				want = keystore.KindMemory
			}
			if err != nil || !slices.Equal(slotKinds(v), []string{want}) {
				t.Fatalf("slots %q, %v", slotKinds(v), err)
			}
			if d := v.State().Slots[0].Detail; !strings.Contains(d, c.text) {
				t.Errorf("detail %q does not say %q", d, c.text)
			}
			wantSecret(t, v, "a")
		})
	}
}

// A keyring that fails does not keep anybody from public images: the vault stays
// readable, and opens when the keyring is back.
func TestVaultOutlivesItsKeyring(t *testing.T) {
	bus := keystoretest.StartBus(t)
	fake := keystoretest.StartFakeSecrets(t, bus, keystoretest.Faults{})
	path := filepath.Join(t.TempDir(), "vault.json")
	v := openVault(t, path, newSlot(t, bus.Environ()))
	mustCommit(t, v, "a")
	v.Close()
	fake.SetFaults(keystoretest.Faults{Hang: "all"})
	slot := newSlot(t, bus.Environ())
	slot.Deadline = 300 * time.Millisecond
	v = openVault(t, path, slot)
	checkFault(t, v.EnsureOpen(t.Context()), credential.KeyringUnavailable, "did not answer within")
	if s := v.State(); s.State != keystore.StateLocked || len(v.Records()) != 1 {
		t.Errorf("%+v", s)
	}
	fake.SetFaults(keystoretest.Faults{})
	slot.Deadline = 20 * time.Second
	if err := v.Unlock(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	wantSecret(t, v, "a")
}

// A real gnome-keyring is killed and started again while a vault is in use: what is open
// stays open, each attempt to open ends, and after the restart it opens.
func TestGnomeKeyringKilledUnderLoad(t *testing.T) {
	bus := keystoretest.StartDaemon(t)
	kill := bus.StartGnomeKeyring(t)
	path := filepath.Join(t.TempDir(), "vault.json")
	v := openVault(t, path, newSlot(t, bus.Environ()))
	mustCommit(t, v, "a")
	slot := newSlot(t, bus.Environ())
	id := "load/01"
	if err := slot.Save(t.Context(), id, make([]byte, keystore.KeySize)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	problems := make(chan error, 2)
	for range cap(problems) {
		wg.Go(func() { problems <- loadUntil(ctx, slot, id) })
	}
	for range 2 {
		kill()
		wantSecret(t, v, "a") // what is open stays open
		kill = bus.StartGnomeKeyring(t)
	}
	cancel()
	wg.Wait()
	close(problems)
	for err := range problems {
		if err != nil {
			t.Error(err)
		}
	}
	if _, err := slot.Load(t.Context(), id); err != nil {
		t.Errorf("after the restart: %v", err)
	}
	v.Close()
	v = openVault(t, path, newSlot(t, bus.Environ()))
	wantSecret(t, v, "a")
	if left := guardedChildren(t); len(left) > 0 {
		t.Errorf("children are left: %v", left)
	}
}

// loadUntil loads a key again and again. It may fail with a reason, and never gives
// another key.
func loadUntil(ctx context.Context, slot *Slot, id string) error {
	for ctx.Err() == nil {
		key, err := slot.Load(ctx, id)
		switch {
		case err == nil && !slices.Equal(key, make([]byte, keystore.KeySize)):
			return fmt.Errorf("another key of %d bytes", len(key))
		case err == nil,
			credential.KeyringUnavailable.Is(err),
			credential.KeyringRefused.Is(err),
			credential.Timeout.Is(err):
		default:
			return fmt.Errorf("%s: %w", credential.ReasonOf(err), err)
		}
	}
	return nil
}
