package keystore

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zen-agent/zen/internal/credential"
)

// fastArgon2 keeps tests short; the file says what was used.
func fastArgon2() Argon2Params { return Argon2Params{Passes: 1, Memory: 8, Threads: 1} }

// slotStub is a MemorySlot that outlives vaults, under any kind, and fails on demand.
type slotStub struct {
	MemorySlot
	kind                           string
	probe, load, save              error
	saves, loads, deletes, working int
}

func (s *slotStub) Kind() string { return s.kind }

func (s *slotStub) Probe(context.Context) error { return s.probe }

func (s *slotStub) Load(ctx context.Context, id string) ([]byte, error) {
	s.loads++
	if s.load != nil {
		return nil, s.load
	}
	return s.MemorySlot.Load(ctx, id)
}

func (s *slotStub) Save(ctx context.Context, id string, key []byte) error {
	s.saves++
	if s.save != nil {
		return s.save
	}
	return s.MemorySlot.Save(ctx, id, key)
}

func (s *slotStub) Delete(ctx context.Context, id string) error {
	s.deletes++
	return s.MemorySlot.Delete(ctx, id)
}

// ids are the names of the keys the slot holds.
func (s *slotStub) ids() (ids []string) {
	for id := range s.keys {
		ids = append(ids, id)
	}
	return ids
}

func keyringStub() *slotStub { return &slotStub{kind: KindOSKeyring} }

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

func TestCommitReopenGet(t *testing.T) {
	path, slot := vaultPath(t), keyringStub()
	v := open(t, path, slot)
	wantState(t, v, StateAbsent)
	mustCommit(t, v, put("b", `{"name": "x"}`, "hunter2"), put("a", `{"n":[1,2]}`, ""))
	wantState(t, v, StateUnlocked)
	want := map[string]string{"a": `connector {"n":[1,2]} `, "b": `connector {"name":"x"} hunter2`}
	if diff := cmp.Diff(want, content(t, v)); diff != "" {
		t.Fatal(diff)
	}
	v.Close()

	v = open(t, path, slot)
	wantState(t, v, StateLocked)
	if got := v.Records(); len(got) != 2 || got[0].ID != "a" || got[0].HasSecret || !got[1].HasSecret {
		t.Fatalf("records of the locked vault: %+v", got)
	}
	_, err := v.Secret("b")
	wantReason(t, err, credential.Locked)
	if err := v.EnsureOpen(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, content(t, v)); diff != "" {
		t.Fatal(diff)
	}
	_, err = v.Secret("c")
	wantReason(t, err, credential.NoSuchEntity)
}

func TestFileIsPrivateValidJSON(t *testing.T) {
	path := vaultPath(t)
	v := open(t, path, keyringStub())
	mustCommit(t, v, put("a", `{"name":"<x> & \u00e4"}`, "hunter2-in-clear"))
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var any map[string]any
	if err := json.Unmarshal(b, &any); err != nil {
		t.Fatalf("not JSON: %v\n%s", err, b)
	}
	info, _ := os.Stat(path)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode = %v", info.Mode())
	}
}
