package keystore

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/zen-agent/zen/internal/credential"
)

// fastArgon2 keeps tests short; the file says what was used.
func fastArgon2() Argon2Params { return Argon2Params{Passes: 1, Memory: 8, Threads: 1} }

// slotStub is a key slot of any kind that outlives vaults, as a keyring does, and fails
// on demand. Keys lie in it masked, so that a search of memory for them finds only what
// the vault left behind.
type slotStub struct {
	kind              string
	probe, load, save error
	gate              chan struct{} // Load waits until it is closed; nil: not at all
	keepNothing       bool          // Save succeeds and keeps nothing
	log               func(event)
	down              func() bool // the process that uses it is gone; nil: it is not

	mu             sync.Mutex
	keys           map[string][KeySize]byte
	loads, deletes int
}

const stubMask = 0xa5

func (s *slotStub) Kind() string                { return s.kind }
func (s *slotStub) Detail() string              { return "a stub" }
func (s *slotStub) Probe(context.Context) error { return s.probe }

func (s *slotStub) Load(ctx context.Context, id string) ([]byte, error) {
	s.mu.Lock()
	s.loads++
	gate := s.gate
	s.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	masked, ok := s.keys[id]
	switch {
	case s.load != nil:
		return nil, s.load
	case !ok:
		return nil, fail(credential.KeyLost, "", "the stub has no such key")
	}
	key := make([]byte, KeySize)
	for i := range key {
		key[i] = masked[i] ^ stubMask
	}
	return key, nil
}

func (s *slotStub) Save(_ context.Context, id string, key []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.isDown():
		return errKilled
	case s.save != nil || s.keepNothing:
		return s.save
	}
	if s.keys == nil {
		s.keys = make(map[string][KeySize]byte)
	}
	var masked [KeySize]byte
	for i := range masked {
		masked[i] = key[i] ^ stubMask
	}
	s.keys[id] = masked
	s.note(event{op: "save", name: id, data: masked[:]})
	return nil
}

func (s *slotStub) Delete(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isDown() {
		return errKilled
	}
	s.deletes++
	delete(s.keys, id)
	s.note(event{op: "delete", name: id})
	return nil
}

func (s *slotStub) note(e event) {
	if s.log != nil {
		s.log(e)
	}
}

func (s *slotStub) isDown() bool { return s.down != nil && s.down() }

// ids are the names of the keys the slot holds.
func (s *slotStub) ids() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.keys))
}

// clone is the same place as another process finds it.
func (s *slotStub) clone() *slotStub { return &slotStub{kind: s.kind, keys: maps.Clone(s.keys)} }

// lose forgets all keys, as a reboot does.
func (s *slotStub) lose() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.keys)
}

func unavailableStub(kind, text string) *slotStub {
	return &slotStub{kind: kind, probe: fail(credential.KeyringUnavailable, "", "%s", text)}
}

func keyringStub() *slotStub { return &slotStub{kind: KindOSKeyring} }
func sessionStub() *slotStub { return &slotStub{kind: KindSession} }

func vaultPath(t testing.TB) string { return filepath.Join(t.TempDir(), "zen", "vault.json") }

func open(t testing.TB, path string, slots ...KeySlot) *Vault {
	t.Helper()
	return openWith(t, Options{Path: path, Slots: slots})
}

func openWith(t testing.TB, opt Options) *Vault {
	t.Helper()
	if opt.Argon2 == (Argon2Params{}) {
		opt.Argon2 = fastArgon2()
	}
	v, err := Open(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	return v
}

func put(id, public, secret string) func(*Tx) error {
	return func(tx *Tx) error {
		s := credential.SecretString(secret)
		return tx.Put(Record{ID: id, Kind: "connector", Public: json.RawMessage(public)}, &s)
	}
}

func mustCommit(t testing.TB, v *Vault, changes ...func(*Tx) error) {
	t.Helper()
	err := v.Commit(t.Context(), func(tx *Tx) error {
		for _, c := range changes {
			if err := c(tx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func secretOf(t testing.TB, v *Vault, id string) string {
	t.Helper()
	s, err := v.Secret(id)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Wipe()
	return string(s.Reveal())
}

// content is everything in a vault: id -> kind, public part and secret.
func content(t testing.TB, v *Vault) map[string]string {
	t.Helper()
	out := make(map[string]string)
	for _, r := range v.Records() {
		out[r.ID] = r.Kind + " " + string(r.Public) + " " + secretOf(t, v, r.ID)
	}
	return out
}

func wantReason(t testing.TB, err error, want credential.Reason) *credential.Error {
	t.Helper()
	e, ok := errors.AsType[*credential.Error](err)
	if !ok || e.Reason != want {
		t.Fatalf("error = %v (%s), want reason %s", err, credential.ReasonOf(err), want)
	}
	return e
}

func wantState(t testing.TB, v *Vault, want string) {
	t.Helper()
	if got := v.State(); got.State != want {
		t.Fatalf("state = %q (%s), want %q", got.State, got.Problem, want)
	}
}

func mustOpen(t testing.TB, v *Vault) {
	t.Helper()
	if err := v.EnsureOpen(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func mustRead(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
