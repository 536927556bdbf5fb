package keystore

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/zen-agent/zen/internal/credential"
)

func TestSlotOfNewVault(t *testing.T) {
	off := func(text string) error { return fail(credential.KeyringUnavailable, "", "%s", text) }
	noBus := unavailableStub(KindOSKeyring, "no bus")
	full := &slotStub{kind: KindOSKeyring, save: off("it is full")}
	lies := &slotStub{kind: KindOSKeyring, keepNothing: true}
	broken := &slotStub{kind: KindOSKeyring, load: off("broken")}
	tests := []struct {
		name  string
		slots []KeySlot
		want  string
		notes []string
	}{
		{
			"the keyring when it can be used",
			[]KeySlot{keyringStub(), sessionStub(), &MemorySlot{}},
			KindOSKeyring,
			nil,
		},
		{
			"else the session",
			[]KeySlot{noBus, sessionStub(), &MemorySlot{}},
			KindSession,
			[]string{"no os-keyring: no bus"},
		},
		{
			"else memory",
			[]KeySlot{noBus, unavailableStub(KindSession, "no keyctl"), &MemorySlot{}},
			KindMemory,
			[]string{"no os-keyring: no bus", "no session: no keyctl"},
		},
		{
			"a keyring that fails when it is used",
			[]KeySlot{full, sessionStub()},
			KindSession,
			[]string{"no os-keyring: it is full"},
		},
		{"a keyring that lies", []KeySlot{lies, sessionStub()}, KindSession, []string{"does not have it"}},
		{
			"a keyring that cannot be read back",
			[]KeySlot{broken, sessionStub()},
			KindSession,
			[]string{"broken"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := vaultPath(t)
			v := open(t, path, tt.slots...)
			mustCommit(t, v, put("a", `{}`, "s"))
			s := v.State().Slots
			if len(s) != 1 || s[0].Kind != tt.want || s[0].Created.IsZero() || s[0].ID == "" {
				t.Fatalf("slots: %+v", s)
			}
			for _, note := range tt.notes {
				if !strings.Contains(s[0].Detail, note) {
					t.Errorf("detail %q does not say %q", s[0].Detail, note)
				}
			}
			if len(tt.notes) == 0 && strings.Contains(s[0].Detail, "no ") {
				t.Errorf("detail %q", s[0].Detail)
			}
			v.Close()
			v = open(t, path, tt.slots...)
			mustOpen(t, v)
			if secretOf(t, v, "a") != "s" {
				t.Error("another secret")
			}
			for _, slot := range tt.slots {
				if stub, ok := slot.(*slotStub); ok && stub.Kind() != tt.want && len(stub.ids()) > 0 {
					t.Errorf("a key was left in %s", stub.Kind())
				}
			}
		})
	}
}

// Once chosen, the slot stays, also when a better one appears.
func TestSlotIsNotChangedSilently(t *testing.T) {
	path, keyring, session := vaultPath(t), unavailableStub(KindOSKeyring, "no bus"), sessionStub()
	v := open(t, path, keyring, session)
	mustCommit(t, v, put("a", `{}`, "s"))
	v.Close()
	keyring.probe = nil
	v = open(t, path, keyring, session)
	mustCommit(t, v, put("b", `{}`, "s"))
	if err := v.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := v.State().Slots; len(s) != 1 || s[0].Kind != KindSession || len(keyring.ids()) > 0 {
		t.Errorf("%+v", s)
	}
}

// Who dismisses the keyring's prompt did not ask for a weaker place, and whose patience
// ends did not either.
func TestRefusalIsNotPassedOver(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dismissed := fail(credential.KeyringRefused, "", "dismissed")
	for name, tt := range map[string]struct {
		ctx   context.Context
		stub  *slotStub
		wants error
	}{
		"dismissed":           {t.Context(), &slotStub{kind: KindOSKeyring, save: dismissed}, dismissed},
		"dismissed when read": {t.Context(), &slotStub{kind: KindOSKeyring, load: dismissed}, dismissed},
		"the caller has given up": {
			ctx, &slotStub{kind: KindOSKeyring, save: context.Canceled},
			context.Canceled,
		},
	} {
		t.Run(name, func(t *testing.T) {
			path, session := vaultPath(t), sessionStub()
			v := open(t, path, tt.stub, session)
			if _, err := v.chooseSlotForTest(tt.ctx); !errors.Is(err, tt.wants) {
				t.Errorf("error = %v", err)
			}
			if err := v.Commit(tt.ctx, put("a", `{}`, "s")); !errors.Is(err, tt.wants) &&
				tt.ctx.Err() == nil {
				t.Errorf("Commit: %v", err)
			}
			if _, err := os.Stat(path); err == nil || len(session.ids()) > 0 {
				t.Errorf("a vault or a key was made: %v, %q", err, session.ids())
			}
			if tt.stub.deletes > 0 && tt.ctx.Err() == nil {
				t.Error("cleaning up asked the keyring again, which may prompt")
			}
			wantState(t, v, StateAbsent)
		})
	}
}

// chooseSlotForTest chooses a slot for a vault that is never written.
func (v *Vault) chooseSlotForTest(ctx context.Context) (slotEntry, error) {
	k, err := generateKeys(v.opt.Rand, "5e0a")
	if err != nil {
		return slotEntry{}, err
	}
	defer k.destroy()
	return v.slots.choose(ctx, "5e0a", k)
}

func TestNoPlaceForTheKey(t *testing.T) {
	path := vaultPath(t)
	v := open(t, path, unavailableStub(KindOSKeyring, "no bus"), unavailableStub(KindSession, "no keyctl"))
	e := wantReason(t, v.Commit(t.Context(), put("a", `{}`, "s")), credential.KeyringUnavailable)
	for _, want := range []string{"no bus", "no keyctl"} {
		if !strings.Contains(e.Message, want) {
			t.Errorf("message %q does not say %q", e.Message, want)
		}
	}
	if !strings.Contains(e.HintText(), "zen vault passphrase") {
		t.Errorf("hint %q", e.HintText())
	}
	wantState(t, v, StateAbsent)
}

// A vault that could not be written leaves no key behind.
func TestFailedFirstWriteLeavesNoKey(t *testing.T) {
	slot := keyringStub()
	v := openWith(
		t,
		Options{Path: vaultPath(t), Slots: []KeySlot{slot}, FS: &faultFS{fault: faults()[1], at: 3}},
	)
	if err := v.Commit(t.Context(), put("a", `{}`, "s")); err == nil {
		t.Fatal("it worked")
	}
	if got := slot.ids(); len(got) > 0 {
		t.Errorf("left: %q", got)
	}
}

// Two slots: the first that has the key opens the vault.
func TestSecondSlotOpens(t *testing.T) {
	keyring, session := keyringStub(), sessionStub()
	path := closedSample(t, keyring)
	v := open(t, path, keyring, session)
	mustOpen(t, v)
	next := v.f.next()
	entry, err := v.slots.arm(t.Context(), session, next.vault, v.keys)
	if err != nil {
		t.Fatal(err)
	}
	next.slots = append(next.slots, entry)
	if err := v.write(t.Context(), next, v.keys); err != nil {
		t.Fatal(err)
	}
	v.Close()
	keyring.load = fail(credential.KeyringUnavailable, "", "off")
	v = open(t, path, keyring, session)
	mustOpen(t, v)
	v.Close()
	session.lose()
	v = open(t, path, keyring, session)
	// the keyring may come back: not lost
	wantReason(t, v.EnsureOpen(t.Context()), credential.KeyringUnavailable)
	wantState(t, v, StateLocked)
	v.Close()
	keyring.load = nil
	keyring.lose()
	v = open(t, path, keyring, session)
	wantReason(t, v.EnsureOpen(t.Context()), credential.KeyLost)
	if v.EndedWithSession() {
		t.Error("the keyring's key may be brought back")
	}
}
