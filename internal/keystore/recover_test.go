package keystore

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zen-agent/zen/internal/credential"
)

func TestRestoreIsRefusedWithoutDamage(t *testing.T) {
	slot := keyringStub()
	path, _, want := sampleVault(t, slot)
	v := open(t, path, slot)
	wantReason(t, v.Restore(t.Context()), credential.InvalidInput)
	mustOpen(t, v)
	wantReason(t, v.Restore(t.Context()), credential.InvalidInput)
	if diff := cmp.Diff(want, content(t, v)); diff != "" {
		t.Error(diff)
	}
	wantReason(t, open(t, vaultPath(t), slot).Restore(t.Context()), credential.InvalidInput)
}

func TestRestoreWithoutGoodPrevious(t *testing.T) {
	slot := keyringStub()
	from, _, _ := sampleVault(t, slot)
	newer := reseal(bytes.Replace(mustRead(t, from), []byte(`{"format":1`), []byte(`{"format":2`), 1))
	for name, prev := range map[string][]byte{"none": nil, "damaged too": []byte("garbage"), "newer": newer} {
		t.Run(name, func(t *testing.T) {
			path := vaultPath(t)
			writeVault(t, path, []byte("damaged"), prev)
			before := snapshot(t, path)
			v := open(t, path, slot)
			wantState(t, v, StateDamaged)
			if prev == nil && strings.Contains(v.State().Hint, "zen vault restore") {
				t.Errorf("the hint leads nowhere: %q", v.State().Hint)
			}
			e := wantReason(t, v.Restore(t.Context()), credential.VaultDamaged)
			if !strings.Contains(e.Message, path+".prev") || !strings.Contains(e.HintText(), "backup") {
				t.Errorf("%q, %q", e.Message, e.HintText())
			}
			if diff := cmp.Diff(before, snapshot(t, path)); diff != "" {
				t.Error("something was written:", diff)
			}
		})
	}
}

// What befalls a vault that was restored, such as an editor that writes in place, does
// not befall the previous generation.
func TestRestoredVaultIsAFileOfItsOwn(t *testing.T) {
	slot := keyringStub()
	path, previous, _ := sampleVault(t, slot)
	for range 2 {
		writeVault(t, path, []byte("garbage"), nil)
		v := open(t, path, slot)
		if err := v.Restore(t.Context()); err != nil {
			t.Fatal(err)
		}
		mustOpen(t, v)
		if diff := cmp.Diff(previous, content(t, v)); diff != "" {
			t.Error(diff)
		}
		v.Close()
	}
}

// The previous generation is one change behind, whatever was changed.
func TestPreviousGenerationIsKept(t *testing.T) {
	slot := keyringStub()
	path := vaultPath(t)
	v := open(t, path, slot)
	for i := range 4 {
		mustCommit(t, v, put("a", fmt.Sprintf(`{"i":%d}`, i), "s"))
		if got := v.State().Generation; got != uint64(i+1) {
			t.Errorf("generation %d after %d changes", got, i+1)
		}
		if i == 0 {
			continue
		}
		prev, err := parse(mustRead(t, path+".prev"))
		if err != nil || prev.generation != uint64(i) ||
			string(prev.find("a").public) != fmt.Sprintf(`{"i":%d}`, i-1) {
			t.Fatalf("previous of %d: %+v, %v", i, prev, err)
		}
	}
}

// Left-over temporary files of a killed zend go away; other files stay.
func TestLeftOversAreRemoved(t *testing.T) {
	slot := keyringStub()
	path := closedSample(t, slot)
	dir := filepath.Dir(path)
	for _, name := range []string{tempPrefix + "new-00", tempPrefix + "link-00", "notes.txt", ".vault"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, tempPrefix+"dir"), 0o700); err != nil {
		t.Fatal(err)
	}
	v := open(t, path, slot)
	mustOpen(t, v)
	v.Close()
	var left []string
	for _, name := range files(t, path) {
		left = append(left, filepath.Base(name))
	}
	if diff := cmp.Diff([]string{
		".vault", tempPrefix + "dir", "notes.txt", "vault.json",
		"vault.json.writer",
	}, left); diff != "" {
		t.Error(diff)
	}
}

func TestStartAnew(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	clock := func() time.Time { now = now.Add(time.Minute); return now }
	slot, path := sessionStub(), vaultPath(t)
	var old []string
	for i := range keptLost + 2 {
		v := openWith(t, Options{Path: path, Slots: []KeySlot{slot}, Now: clock})
		mustCommit(t, v, put("b", `{}`, ""))
		mustCommit(t, v, put("a", fmt.Sprintf(`{"i":%d}`, i), "s"))      // there is a previous generation
		wantReason(t, v.StartAnew(t.Context()), credential.InvalidInput) // nothing is lost yet
		old = append(old, string(mustRead(t, path)))
		v.Close()

		kept := slot.clone()
		slot.lose()
		v = openWith(t, Options{Path: path, Slots: []KeySlot{slot}, Now: clock})
		wantReason(t, v.StartAnew(t.Context()), credential.InvalidInput) // nobody tried to open it yet
		wantReason(t, v.EnsureOpen(t.Context()), credential.KeyLost)
		if err := v.StartAnew(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantState(t, v, StateAbsent)
		if v.Records() != nil {
			t.Errorf("records: %v", v.Records())
		}
		v.Close()
		checkAside(t, path, kept, old)
	}
}

// checkAside wants the newest of the vaults set aside, which open as soon as their keys
// come back.
func checkAside(t *testing.T, path string, slot *slotStub, old []string) {
	t.Helper()
	lost, err := filepath.Glob(path + ".lost-*")
	if want := min(len(old), keptLost); err != nil || len(lost) != want {
		t.Fatalf("%d files are kept, want %d: %q", len(lost), want, lost)
	}
	newest := lost[len(lost)-1]
	if string(mustRead(t, newest)) != old[len(old)-1] {
		t.Errorf("%s is not the vault that was lost", newest)
	}
	again := vaultPath(t)
	writeVault(t, again, mustRead(t, newest), nil)
	v := open(t, again, slot)
	mustOpen(t, v)
	if secretOf(t, v, "a") != "s" {
		t.Error("the vault set aside holds another secret")
	}
}

// A locked vault that is set aside leaves no lock on the next.
func TestStartAnewEndsLock(t *testing.T) {
	slot := sessionStub()
	path := closedSample(t, slot)
	slot.lose()
	v := open(t, path, slot)
	wantReason(t, v.EnsureOpen(t.Context()), credential.KeyLost)
	if err := errors.Join(v.Lock(), v.StartAnew(t.Context())); err != nil {
		t.Fatal(err)
	}
	mustCommit(t, v, put("a", `{}`, "s"))
	v.Close()
	mustOpen(t, open(t, path, slot))
}

// An unreadable file is not called damaged content, and is left alone.
func TestUnreadableFile(t *testing.T) {
	slot := keyringStub()
	path, _, _ := sampleVault(t, slot)
	v := openWith(
		t,
		Options{Path: path, Slots: []KeySlot{slot}, FS: &faultFS{fault: fault{err: os.ErrPermission}, at: 1}},
	)
	s := v.State()
	if s.State != StateDamaged || !strings.Contains(s.Problem, path) ||
		!strings.Contains(s.Hint, "chmod 600 "+path) {
		t.Errorf("%+v", s)
	}
}

func TestHugeFileIsNotRead(t *testing.T) {
	path := vaultPath(t)
	writeVault(t, path, []byte("x"), nil)
	if err := os.Truncate(path, maxFile+1); err != nil {
		t.Skip("this file system has no sparse files:", err)
	}
	v := open(t, path, keyringStub())
	if s := v.State(); s.State != StateDamaged || !strings.Contains(s.Problem, "too big") {
		t.Errorf("%+v", s)
	}
}
