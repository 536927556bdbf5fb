package keystore

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zen-agent/zen/internal/credential"
)

func mustSetPassphrase(t *testing.T, v *Vault, passphrase string) {
	t.Helper()
	if err := v.SetPassphrase(t.Context(), word(passphrase)); err != nil {
		t.Fatal(err)
	}
}

func unlockWith(t *testing.T, v *Vault, passphrase string) error {
	t.Helper()
	w := word(passphrase)
	return v.Unlock(t.Context(), &w)
}

func kinds(v *Vault) (list []string) {
	for _, s := range v.State().Slots {
		list = append(list, s.Kind)
	}
	return list
}

// generations are the files that must be opened by what opens the vault, and by nothing
// else.
func generations(t *testing.T, path string) []*file {
	t.Helper()
	var list []*file
	for _, name := range []string{path, path + ".prev"} {
		f, err := parse(mustRead(t, name))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, f)
	}
	return list
}

func TestPassphrase(t *testing.T) {
	slot := keyringStub()
	path := closedSample(t, slot)
	v := open(t, path, slot)
	mustSetPassphrase(t, v, "old")
	if diff := cmp.Diff([]string{KindOSKeyring, KindPassphrase}, kinds(v)); diff != "" {
		t.Error(diff)
	}
	if d := v.State().Slots[1].Detail; !strings.Contains(d, "Argon2id") {
		t.Errorf("detail = %q", d)
	}
	v.Close()

	slot.load = fail(credential.KeyringUnavailable, "h", "no keyring over SSH")
	v = open(t, path, slot)
	e := wantReason(t, v.EnsureOpen(t.Context()), credential.Locked)
	if !strings.Contains(e.Message, "passphrase") || !strings.Contains(e.Message, "no keyring over "+
		"SSH") || !strings.Contains(e.HintText(), "zen unlock") {
		t.Errorf("%q, %q", e.Message, e.HintText())
	}
	for _, wrong := range []string{"", "Old", "old ", "ol", "new"} {
		wantReason(t, unlockWith(t, v, wrong), credential.WrongPassphrase)
		wantState(t, v, StateLocked)
	}
	if err := unlockWith(t, v, "old"); err != nil {
		t.Fatal(err)
	}
	if got := secretOf(t, v, "a"); got != "s" {
		t.Errorf("secret = %q", got)
	}

	mustSetPassphrase(t, v, "new")
	for _, f := range generations(t, path) {
		if opensWith(f, "old") || !opensWith(f, "new") {
			t.Errorf(
				"generation %d: old opens %v, new opens %v",
				f.generation,
				opensWith(f, "old"),
				opensWith(f, "new"),
			)
		}
	}
	if diff := cmp.Diff([]string{KindOSKeyring, KindPassphrase}, kinds(v)); diff != "" {
		t.Error("a changed passphrase is not another slot:", diff)
	}

	wantReason(t, v.RemovePassphrase(t.Context()), credential.InUse) // the keyring does not answer now
	slot.load = nil
	if err := v.RemovePassphrase(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, f := range generations(t, path) {
		if opensWith(f, "new") || len(f.slots) != 1 {
			t.Errorf("generation %d still knows the passphrase", f.generation)
		}
	}
	wantReason(t, v.RemovePassphrase(t.Context()), credential.InvalidInput)
	v.Close()
	v = open(t, path, slot)
	wantReason(t, unlockWith(t, v, "new"), credential.InvalidInput)
	mustOpen(t, v)
}

// Every byte counts, and none is special.
func TestPassphraseIsBytes(t *testing.T) {
	for _, w := range []string{"a\nb", " ", "\x00", "pä\xffß", strings.Repeat("x", 1000)} {
		v := open(t, vaultPath(t))
		mustSetPassphrase(t, v, w)
		if err := v.Lock(); err != nil {
			t.Fatal(err)
		}
		wantReason(t, unlockWith(t, v, w+"x"), credential.WrongPassphrase)
		if err := unlockWith(t, v, w); err != nil {
			t.Errorf("%q: %v", w, err)
		}
	}
}

func TestPassphraseLimits(t *testing.T) {
	path := vaultPath(t)
	v := open(t, path, keyringStub())
	for _, w := range []string{"", strings.Repeat("x", maxPassphrase+1)} {
		wantReason(t, v.SetPassphrase(t.Context(), word(w)), credential.InvalidInput)
	}
	wantState(t, v, StateAbsent)
}

// A machine without any keyring: the passphrase makes the vault, and is its only slot,
// which is not removed.
func TestPassphraseAlone(t *testing.T) {
	path := vaultPath(t)
	none := unavailableStub(KindOSKeyring, "no keyring")
	v := open(t, path, none)
	wantReason(t, v.Commit(t.Context(), put("a", `{}`, "s")), credential.KeyringUnavailable)
	mustSetPassphrase(t, v, "w")
	mustCommit(t, v, put("a", `{}`, "s"))
	if s := v.State(); len(s.Slots) != 1 || s.Slots[0].Kind != KindPassphrase ||
		!strings.Contains(s.Slots[0].Detail, "no keyring") {
		t.Errorf("%+v", s)
	}
	e := wantReason(t, v.RemovePassphrase(t.Context()), credential.InUse)
	if e.HintText() == "" {
		t.Error("no hint")
	}
	v.Close()
	v = open(t, path, none)
	e = wantReason(t, v.EnsureOpen(t.Context()), credential.Locked)
	if e.Message != "the vault needs its passphrase" {
		t.Errorf("message %q", e.Message)
	}
	wantReason(t, v.Unlock(t.Context(), nil), credential.Locked)
	if err := unlockWith(t, v, "w"); err != nil || secretOf(t, v, "a") != "s" {
		t.Error(err)
	}
}

// A vault that is made by setting a passphrase has the machine's slot as well.
func TestPassphraseFirst(t *testing.T) {
	path, slot := vaultPath(t), keyringStub()
	v := open(t, path, slot)
	mustSetPassphrase(t, v, "w")
	v.Close()
	v = open(t, path, slot)
	mustOpen(t, v)
	if diff := cmp.Diff([]string{KindOSKeyring, KindPassphrase}, kinds(v)); diff != "" {
		t.Error(diff)
	}

	refusing := keyringStub()
	refusing.save = fail(credential.KeyringRefused, "", "dismissed")
	v = open(t, vaultPath(t), refusing)
	wantReason(t, v.SetPassphrase(t.Context(), word("w")), credential.KeyringRefused)
	wantState(t, v, StateAbsent)
}

// After a reboot the passphrase is asked for once: unlocking renews the key of the
// session.
func TestSessionIsRenewedByPassphrase(t *testing.T) {
	slot := sessionStub()
	path := closedSample(t, slot)
	v := open(t, path, slot)
	mustSetPassphrase(t, v, "w")
	v.Close()
	slot.lose()

	v = open(t, path, slot)
	wantReason(t, v.EnsureOpen(t.Context()), credential.Locked)
	if v.EndedWithSession() {
		t.Error("a vault with a passphrase is lost")
	}
	for name, err := range map[string]error{
		"SetPassphrase":    v.SetPassphrase(t.Context(), word("x")),
		"RemovePassphrase": v.RemovePassphrase(t.Context()), "Rotate": v.Rotate(t.Context()),
	} {
		if !credential.Locked.Is(err) {
			t.Errorf("%s before unlocking: %v", name, err)
		}
	}
	if err := unlockWith(t, v, "w"); err != nil {
		t.Fatal(err)
	}
	if s := v.State(); s.Problem != "" || !slices.Equal(kinds(v), []string{KindSession, KindPassphrase}) {
		t.Errorf("%+v", s)
	}
	v.Close()
	v = open(t, path, slot)
	mustOpen(t, v) // no passphrase until the next boot
	if err := v.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := v.RemovePassphrase(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := slot.ids(); len(got) != 1 {
		t.Errorf("keys left in the session keyring: %q", got)
	}
}

// A session key that cannot be renewed leaves the vault open, and is told.
func TestSessionThatCannotBeRenewed(t *testing.T) {
	slot := sessionStub()
	path := closedSample(t, slot)
	v := open(t, path, slot)
	mustSetPassphrase(t, v, "w")
	v.Close()
	slot.lose()
	slot.save = fail(credential.KeyringUnavailable, "", "quota exceeded")
	v = open(t, path, slot)
	if err := unlockWith(t, v, "w"); err != nil {
		t.Fatal(err)
	}
	if s := v.State(); s.State != StateUnlocked || !strings.Contains(s.Problem, "quota exceeded") {
		t.Errorf("%+v", s)
	}
	slot.save = nil
	if err := unlockWith(t, v, "w"); err != nil || v.State().Problem != "" {
		t.Errorf("%v, %+v", err, v.State())
	}
}

// A session vault whose key is gone has nothing that a new passphrase could protect.
func TestPassphraseForLostSession(t *testing.T) {
	slot := sessionStub()
	path := closedSample(t, slot)
	slot.lose()
	v := open(t, path, slot)
	wantReason(t, v.SetPassphrase(t.Context(), word("w")), credential.KeyLost)
	if !v.EndedWithSession() {
		t.Error("EndedWithSession = false")
	}
	if err := v.StartAnew(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustSetPassphrase(t, v, "w")
	wantState(t, v, StateUnlocked)
}

func TestRotate(t *testing.T) {
	slot := keyringStub()
	path, _, want := sampleVault(t, slot)
	v := open(t, path, slot)
	mustSetPassphrase(t, v, "w")
	before, keys := generations(t, path)[0], slot.ids()
	old := v.keys
	if err := v.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, content(t, v)); diff != "" {
		t.Error(diff)
	}
	if err := old.use(func() error { return nil }); !errors.Is(err, errGone) {
		t.Error("the old key is still in memory")
	}
	after := slot.ids()
	if len(after) != 1 || slices.Equal(after, keys) {
		t.Errorf("keys in the slot: %q, were %q", after, keys)
	}
	for _, f := range generations(t, path) {
		for _, r := range f.records {
			if slices.Equal(r.blob, before.find(r.id).blob) {
				t.Errorf("%s is sealed as before", r.id)
			}
		}
		if !opensWith(f, "w") {
			t.Error("the passphrase no longer opens it")
		}
	}
	v.Close()
	v = open(t, path, slot)
	mustOpen(t, v)
	if diff := cmp.Diff(want, content(t, v)); diff != "" {
		t.Error(diff)
	}
}

// A rotation that fails in a key slot leaves everything as it was.
func TestRotateFails(t *testing.T) {
	slot := keyringStub()
	path, _, want := sampleVault(t, slot)
	before, keys := mustRead(t, path), slot.ids()
	for name, breaks := range map[string]func(s *slotStub){
		"unavailable":    func(s *slotStub) { s.save = fail(credential.KeyringUnavailable, "", "no") },
		"refused":        func(s *slotStub) { s.save = fail(credential.KeyringRefused, "", "no") },
		"stores nothing": func(s *slotStub) { s.keepNothing = true },
	} {
		v := open(t, path, slot)
		mustOpen(t, v)
		breaks(slot)
		if err := v.Rotate(t.Context()); err == nil {
			t.Errorf("%s: no error", name)
		}
		if diff := cmp.Diff(want, content(t, v)); diff != "" {
			t.Error(diff)
		}
		v.Close()
		slot.save, slot.keepNothing = nil, false
		if !slices.Equal(slot.ids(), keys) || string(mustRead(t, path)) != string(before) {
			t.Errorf("%s: keys %q, were %q", name, slot.ids(), keys)
		}
	}
}

func TestRotateOfNothing(t *testing.T) {
	path := vaultPath(t)
	v := open(t, path, keyringStub())
	if err := v.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a vault was made")
	}
}

// Keys that no generation on the disk needs any more do not pile up in the keyring.
func TestOldKeysAreDeleted(t *testing.T) {
	slot := keyringStub()
	path := closedSample(t, slot)
	for range 3 {
		v := open(t, path, slot)
		if err := v.Rotate(t.Context()); err != nil {
			t.Fatal(err)
		}
		mustCommit(t, v, put("b", `{}`, "s"))
		v.Close()
	}
	if got := slot.ids(); len(got) != 1 {
		t.Errorf("keys in the slot: %q", got)
	}
}

func TestDefaultCost(t *testing.T) {
	if got, want := DefaultArgon2(), (Argon2Params{Passes: 3, Memory: 64 << 10, Threads: 4}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	v, err := Open(Options{Path: vaultPath(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if v.opt.Argon2 != DefaultArgon2() {
		t.Errorf("a vault uses %+v", v.opt.Argon2)
	}
}

func TestUnlockEndsWithItsContext(t *testing.T) {
	slot := keyringStub()
	path := closedSample(t, slot)
	slot.gate = make(chan struct{})
	v := open(t, path, slot)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantReason(t, v.Unlock(ctx, nil), credential.Timeout)
}
