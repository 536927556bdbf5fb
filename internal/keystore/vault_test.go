package keystore

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safejson"
)

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
	mustOpen(t, v)
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
	mustCommit(t, v, put("b", `{}`, ""))
	dir, err := os.Stat(filepath.Dir(path))
	if err != nil || dir.Mode().Perm() != 0o700 {
		t.Errorf("directory: %v, %v", dir.Mode(), err)
	}
	for _, name := range files(t, path) {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, ".json") || strings.HasSuffix(name, ".prev") {
			var whole map[string]any
			if err := json.Unmarshal(b, &whole); err != nil {
				t.Fatalf("%s is not JSON: %v\n%s", name, err, b)
			}
		}
		if bytes.Contains(b, []byte("hunter2")) ||
			bytes.Contains(b, []byte(base64.StdEncoding.EncodeToString([]byte("hunter2"))[:8])) {
			t.Errorf("%s holds the secret: %s", name, b)
		}
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", name, info.Mode(), err)
		}
	}
}

// files are the paths of everything in the vault's directory.
func files(t testing.TB, path string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestPut(t *testing.T) {
	secret := func(s string) *credential.Secret { c := credential.SecretString(s); return &c }
	rec := func(id, kind, public string) Record {
		return Record{ID: id, Kind: kind, Public: json.RawMessage(public)}
	}
	type with map[string]string // what differs from before; "": it is gone
	tests := []struct {
		name   string
		change func(*Tx) error
		want   with
	}{
		{"nothing", func(*Tx) error { return nil }, with(nil)},
		{
			"new secret",
			func(tx *Tx) error { return tx.Put(rec("a", "k", `{"v":1}`), secret("s2")) },
			with{"a": `k {"v":1} s2`},
		},
		{
			"same secret, other public part",
			func(tx *Tx) error { return tx.Put(rec("a", "k", `{"v":2}`), nil) },
			with{"a": `k {"v":2} s1`},
		},
		{
			"same secret, other kind",
			func(tx *Tx) error { return tx.Put(rec("a", "x", `{"v":1}`), nil) },
			with{"a": `x {"v":1} s1`},
		},
		{
			"secret removed",
			func(tx *Tx) error { return tx.Put(rec("a", "k", `{"v":1}`), secret("")) },
			with{"a": `k {"v":1} `},
		},
		{
			"secret added",
			func(tx *Tx) error { return tx.Put(rec("b", "k", `{}`), secret("s")) },
			with{"b": `k {} s`},
		},
		{
			"still without secret",
			func(tx *Tx) error { return tx.Put(rec("b", "k", `[1]`), nil) },
			with{"b": `k [1] `},
		},
		{
			"new without secret",
			func(tx *Tx) error { return tx.Put(rec("0", "k", `null`), nil) },
			with{"0": `k null `},
		},
		{"deleted", func(tx *Tx) error { tx.Delete("a"); tx.Delete("absent"); return nil }, with{"a": ""}},
		{
			"put and deleted",
			func(tx *Tx) error { err := tx.Put(rec("z", "k", `{}`), nil); tx.Delete("z"); return err },
			with(nil),
		},
		{
			"deleted and put",
			func(tx *Tx) error { tx.Delete("a"); return tx.Put(rec("a", "k", `{}`), nil) },
			with{"a": `k {} `},
		},
		{"put twice", func(tx *Tx) error {
			return errors.Join(
				tx.Put(rec("c", "k", `{}`), secret("s3")),
				tx.Put(rec("c", "k", `{"c":1}`), nil),
			)
		}, with{"c": `k {"c":1} s3`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path, slot := vaultPath(t), keyringStub()
			v := open(t, path, slot)
			mustCommit(t, v, func(tx *Tx) error {
				return errors.Join(
					tx.Put(rec("a", "k", `{"v":1}`), secret("s1")),
					tx.Put(rec("b", "k", `{}`), nil),
				)
			})
			want := content(t, v)
			maps.Copy(want, tt.want)
			maps.DeleteFunc(want, func(_, v string) bool { return v == "" })
			mustCommit(t, v, tt.change)
			if diff := cmp.Diff(want, content(t, v)); diff != "" {
				t.Error(diff)
			}
			v.Close()
			v = open(t, path, slot)
			mustOpen(t, v)
			if diff := cmp.Diff(want, content(t, v)); diff != "" {
				t.Errorf("after opening again: %s", diff)
			}
		})
	}
}

func TestPutRefusesWhatItCannotKeep(t *testing.T) {
	v := open(t, vaultPath(t), keyringStub())
	big := credential.NewSecret(make([]byte, MaxSecret+1))
	limit := credential.NewSecret(make([]byte, MaxSecret))
	deep := strings.Repeat("[", safejson.MaxDepth+1) + strings.Repeat("]", safejson.MaxDepth+1)
	tests := []struct {
		rec    Record
		secret *credential.Secret
		want   credential.Reason
	}{
		{Record{ID: "", Kind: "k", Public: json.RawMessage(`{}`)}, nil, credential.InvalidInput},
		{Record{ID: "a b", Kind: "k", Public: json.RawMessage(`{}`)}, nil, credential.InvalidInput},
		{Record{ID: `a"`, Kind: "k", Public: json.RawMessage(`{}`)}, nil, credential.InvalidInput},
		{Record{ID: "a\n", Kind: "k", Public: json.RawMessage(`{}`)}, nil, credential.InvalidInput},
		{
			Record{ID: strings.Repeat("a", maxName+1), Kind: "k", Public: json.RawMessage(`{}`)},
			nil,
			credential.InvalidInput,
		},
		{Record{ID: "a", Kind: "", Public: json.RawMessage(`{}`)}, nil, credential.InvalidInput},
		{Record{ID: "a", Kind: "k"}, nil, credential.InvalidInput},
		{Record{ID: "a", Kind: "k", Public: json.RawMessage(`{} {}`)}, nil, credential.InvalidInput},
		{Record{ID: "a", Kind: "k", Public: json.RawMessage("\"\xff\"")}, nil, credential.InvalidInput},
		{Record{ID: "a", Kind: "k", Public: json.RawMessage(deep)}, nil, credential.InvalidInput},
		{
			Record{ID: "a", Kind: "k", Public: json.RawMessage(`"` + strings.Repeat("x", MaxPublic) + `"`)},
			nil,
			credential.TooLarge,
		},
		{Record{ID: "a", Kind: "k", Public: json.RawMessage(`{}`)}, &big, credential.TooLarge},
	}
	for i, tt := range tests {
		err := v.Commit(t.Context(), func(tx *Tx) error { return tx.Put(tt.rec, tt.secret) })
		if !tt.want.Is(err) {
			t.Errorf("%d: %v, want %s", i, err, tt.want)
		}
	}
	wantState(t, v, StateAbsent) // nothing was written for any of them
	mustCommit(t, v, func(tx *Tx) error {
		return tx.Put(
			Record{ID: "a", Kind: "k", Public: json.RawMessage(`"` + strings.Repeat("x", MaxPublic-2) + `"`)},
			&limit,
		)
	})
}

// What a change says is one thing: when it fails, none of it happens.
func TestFailedChangeChangesNothing(t *testing.T) {
	path := vaultPath(t)
	v := open(t, path, keyringStub())
	mustCommit(t, v, put("a", `{}`, "s1"))
	before := mustRead(t, path)
	stop := errors.New("stop")
	err := v.Commit(t.Context(), func(tx *Tx) error {
		tx.Delete("a")
		return errors.Join(put("b", `{}`, "s2")(tx), stop)
	})
	if !errors.Is(err, stop) || !bytes.Equal(before, mustRead(t, path)) || len(v.Records()) != 1 {
		t.Errorf("error %v, records %v", err, v.Records())
	}
}

// The records of an open vault may be used while they change, and nobody who uses them
// notices a rotation.
func TestConcurrentUse(t *testing.T) {
	// which does not wait for the disk
	v := openWith(t, Options{Path: disk{}.write(t), Slots: []KeySlot{keyringStub()}, FS: &faultFS{}})
	mustCommit(t, v, put("a", `{}`, "secret"))
	var wg sync.WaitGroup
	done := make(chan struct{})
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				s, err := v.Secret("a")
				if err != nil || string(s.Reveal()) != "secret" {
					t.Errorf("Secret: %q, %v", s.Reveal(), err)
					return
				}
				s.Wipe()
				_, _ = v.Records(), v.State()
			}
		})
	}
	for i := range 100 {
		mustCommit(t, v, put("b", fmt.Sprintf(`{"i":%d}`, i), "other"))
		if err := v.Rotate(t.Context()); err != nil {
			t.Error(err)
		}
	}
	close(done)
	wg.Wait()
}

func TestClosedVault(t *testing.T) {
	path, slot := vaultPath(t), keyringStub()
	v := open(t, path, slot)
	mustCommit(t, v, put("a", `{}`, "s"))
	for range 2 {
		if err := v.Close(); err != nil {
			t.Fatal(err)
		}
	}
	secret := credential.SecretString("x")
	_, err := v.Secret("a")
	for name, err := range map[string]error{
		"Secret": err, "EnsureOpen": v.EnsureOpen(t.Context()),
		"Commit": v.Commit(t.Context(), put("b", `{}`, "")), "Unlock": v.Unlock(t.Context(), nil),
		"SetPassphrase":    v.SetPassphrase(t.Context(), secret),
		"RemovePassphrase": v.RemovePassphrase(t.Context()), "Rotate": v.Rotate(t.Context()),
		"Restore": v.Restore(t.Context()), "StartAnew": v.StartAnew(t.Context()),
	} {
		if !credential.Unavailable.Is(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	mustOpen(t, open(t, path, slot)) // the next zend has it
}

func TestSecondOpenerIsRefused(t *testing.T) {
	path, slot := vaultPath(t), keyringStub()
	v := open(t, path, slot)
	mustCommit(t, v, put("a", `{}`, "s"))
	second, err := Open(Options{Path: path, Slots: []KeySlot{slot}})
	if e := wantReason(t, err, credential.VaultBusy); second != nil || !strings.Contains(e.Message, path) ||
		e.HintText() == "" {
		t.Errorf("%v, %q", e, e.HintText())
	}
	mustCommit(t, v, put("b", `{}`, "s")) // the first is not disturbed
	v.Close()
	mustOpen(t, open(t, path, slot))
}

// A zend that was killed may take a moment to be gone; the next one does not give up for
// that.
func TestVaultOfAnotherThatIsEnding(t *testing.T) {
	path, slot := vaultPath(t), keyringStub()
	v := open(t, path, slot)
	mustCommit(t, v, put("a", `{}`, "s"))
	time.AfterFunc(busyWait/10, func() { v.Close() })
	mustOpen(t, open(t, path, slot))
}

// Without the writer lock (here: another file is in its place) a vault can be read and
// says why it cannot be written.
func TestUnwritableVaultCanBeRead(t *testing.T) {
	path, slot := vaultPath(t), keyringStub()
	v := open(t, path, slot)
	mustCommit(t, v, put("a", `{}`, "s"))
	v.Close()
	if err := errors.Join(os.Remove(path+".writer"), os.Mkdir(path+".writer", 0o700)); err != nil {
		t.Fatal(err)
	}
	v = open(t, path, slot)
	mustOpen(t, v)
	if got := secretOf(t, v, "a"); got != "s" {
		t.Errorf("secret = %q", got)
	}
	e := wantReason(t, v.Commit(t.Context(), put("b", `{}`, "")), credential.CannotWrite)
	if !strings.Contains(e.Message, path) || e.HintText() == "" || len(v.Records()) != 1 {
		t.Errorf("%v (%s)", e, e.HintText())
	}
	if err := os.Remove(path + ".writer"); err != nil {
		t.Fatal(err)
	}
	mustCommit(t, v, put("b", `{}`, "")) // it works as soon as the cause is gone
}

// A directory that cannot be made is told at the first change, with the command that
// makes it.
func TestDirectoryThatCannotBeMade(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	v := open(t, filepath.Join(file, "vault.json"), keyringStub())
	e := wantReason(t, v.Commit(t.Context(), put("a", `{}`, "s")), credential.CannotWrite)
	if !strings.Contains(e.Message, file) || e.HintText() == "" {
		t.Errorf("%v (%s)", e, e.HintText())
	}
}

// What somebody else did to the file while zend runs is not overwritten.
func TestFileChangedBehindOurBack(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"edited":  func(path string) error { return os.WriteFile(path, []byte("{}"), 0o600) },
		"removed": os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			path := vaultPath(t)
			v := open(t, path, keyringStub())
			mustCommit(t, v, put("a", `{}`, "s"))
			if err := change(path); err != nil {
				t.Fatal(err)
			}
			e := wantReason(t, v.Commit(t.Context(), put("b", `{}`, "")), credential.VaultDamaged)
			if !strings.Contains(e.Message, path) || !strings.Contains(e.HintText(), "zen ") {
				t.Errorf("%v (%s)", e, e.HintText())
			}
			if b, err := os.ReadFile(path); err == nil && string(b) != "{}" {
				t.Error("the file was overwritten")
			}
		})
	}
}
