package keystore

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zen-agent/zen/internal/credential"
)

// closedSample is a vault of one record that is closed.
func closedSample(t *testing.T, slots ...KeySlot) (path string) {
	t.Helper()
	path = vaultPath(t)
	v := open(t, path, slots...)
	mustCommit(t, v, put("a", `{}`, "s"))
	v.Close()
	return path
}

// Why a vault does not open, and what is said about it.
func TestLockedLostOrRefused(t *testing.T) {
	loading := func(err error) func(*slotStub) { return func(s *slotStub) { s.load = err } }
	off := fail(credential.KeyringUnavailable, "start it", "no keyring")
	refused := fail(credential.KeyringRefused, "answer it", "dismissed")
	const unavailable, lost = credential.KeyringUnavailable, credential.KeyLost
	tests := []struct {
		name         string
		kind         string
		breaks       func(s *slotStub)
		want         credential.Reason
		state        string
		text, hint   string
		endedSession bool
	}{
		{
			"unavailable",
			KindOSKeyring,
			loading(off),
			unavailable,
			StateLocked,
			"no keyring",
			"start it",
			false,
		},
		{
			"refused",
			KindOSKeyring,
			loading(refused),
			credential.KeyringRefused,
			StateLocked,
			"dismissed",
			"answer it",
			false,
		},
		{
			"foreign error",
			KindOSKeyring,
			loading(errors.New("boom")),
			unavailable,
			StateLocked,
			"boom",
			"zen vault status",
			false,
		},
		{"item deleted", KindOSKeyring, (*slotStub).lose, lost, StateKeyLost, "gone from the OS " +
			"keyring", ".lost", false},
		{"rebooted", KindSession, (*slotStub).lose, lost, StateKeyLost, "until the next " +
			"boot", "register", true},
		{"zend restarted", KindMemory, (*slotStub).lose, lost, StateKeyLost, "memory only", "register", true},
		{
			"session keyring gone",
			KindSession,
			loading(off),
			unavailable,
			StateLocked,
			"no keyring",
			"start it",
			false,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			slot := &slotStub{kind: tt.kind}
			path := closedSample(t, slot)
			tt.breaks(slot)
			v := open(t, path, slot)
			wantState(t, v, StateLocked) // nobody was asked yet
			if s := v.State(); s.Problem != "" {
				t.Errorf("a problem before anybody asked: %q", s.Problem)
			}
			e := wantReason(t, v.EnsureOpen(t.Context()), tt.want)
			s := v.State()
			if !strings.Contains(e.Message, tt.text) || !strings.Contains(e.HintText(), tt.hint) {
				t.Errorf("error %q, hint %q", e.Message, e.HintText())
			}
			if s.State != tt.state || s.Problem != e.Message || s.Hint != e.HintText() {
				t.Errorf("state %+v, error %q, hint %q", s, e.Message, e.HintText())
			}
			if got := v.EndedWithSession(); got != tt.endedSession {
				t.Errorf("EndedWithSession = %v", got)
			}
			if len(v.Records()) != 1 {
				t.Error("the public part cannot be read")
			}
			_, err := v.Secret("a")
			wantReason(t, err, tt.want)
			wantReason(t, v.Commit(t.Context(), put("b", `{}`, "")), tt.want)
		})
	}
}

// A slot of a kind that this process was not given is not lost.
func TestSlotOfAnotherZen(t *testing.T) {
	path := closedSample(t, keyringStub())
	v := open(t, path, sessionStub())
	wantReason(t, v.EnsureOpen(t.Context()), credential.KeyringUnavailable)
	if s := v.State(); s.State != StateLocked || s.Slots[0].Detail != "not usable by this zen" {
		t.Errorf("%+v", s)
	}
	wantReason(t, v.StartAnew(t.Context()), credential.InvalidInput)
}

// However many ask, the keyring is asked once, and everybody gets its answer.
func TestEnsureOpenIsSingleFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slot := keyringStub()
		path := closedSample(t, slot)
		slot.loads, slot.gate = 0, make(chan struct{})
		v := open(t, path, slot)
		var wg sync.WaitGroup
		errs := make(chan error, 100)
		for range cap(errs) {
			wg.Go(func() { errs <- v.EnsureOpen(t.Context()) })
		}
		synctest.Wait()
		close(slot.gate)
		wg.Wait()
		for range cap(errs) {
			if err := <-errs; err != nil {
				t.Fatal(err)
			}
		}
		if slot.loads != 1 {
			t.Errorf("the key was loaded %d times", slot.loads)
		}
	})
}

// Who gives up waiting gets an answer; the attempt goes on and opens the vault for the
// next.
func TestEnsureOpenEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slot := keyringStub()
		path := closedSample(t, slot)
		slot.gate = make(chan struct{})
		v := open(t, path, slot)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := v.EnsureOpen(ctx)
		if e := wantReason(t, err, credential.Timeout); !errors.Is(err, context.DeadlineExceeded) ||
			e.HintText() == "" {
			t.Error(err)
		}
		close(slot.gate)
		synctest.Wait()
		wantState(t, v, StateUnlocked)
	})
}

// After a failure the keyring is left alone for a while, so that a burst of requests is
// not a burst of prompts.
func TestBackOff(t *testing.T) {
	for _, tt := range []struct {
		reason credential.Reason
		wait   time.Duration
	}{{credential.KeyringUnavailable, retryAfter}, {credential.KeyringRefused, retryAfterRefusal}} {
		synctest.Test(t, func(t *testing.T) {
			slot := keyringStub()
			path := closedSample(t, slot)
			slot.loads, slot.load = 0, fail(tt.reason, "", "not now")
			v := open(t, path, slot)
			for range 50 {
				wantReason(t, v.EnsureOpen(t.Context()), tt.reason)
			}
			if slot.loads != 1 {
				t.Fatalf("%s: asked %d times at once", tt.reason, slot.loads)
			}
			time.Sleep(tt.wait - time.Millisecond)
			wantReason(t, v.EnsureOpen(t.Context()), tt.reason)
			if slot.loads != 1 {
				t.Fatalf("%s: asked again too soon", tt.reason)
			}
			slot.load = nil
			if err := v.Unlock(t.Context(), nil); err != nil { // a person need not wait
				t.Fatal(err)
			}
			v.Close()

			slot.load = fail(tt.reason, "", "not now")
			v = open(t, path, slot)
			wantReason(t, v.EnsureOpen(t.Context()), tt.reason)
			slot.load = nil
			time.Sleep(tt.wait)
			mustOpen(t, v)
		})
	}
}

func TestLockSurvivesRestart(t *testing.T) {
	slot := keyringStub()
	path := closedSample(t, slot)
	v := open(t, path, slot)
	mustOpen(t, v)
	for range 2 {
		if err := v.Lock(); err != nil {
			t.Fatal(err)
		}
	}
	check := func(v *Vault) {
		t.Helper()
		e := wantReason(t, v.EnsureOpen(t.Context()), credential.Locked)
		if !strings.Contains(e.Message, "zen lock") || !strings.Contains(e.HintText(), "zen unlock") {
			t.Errorf("%q, %q", e.Message, e.HintText())
		}
		_, err := v.Secret("a")
		wantReason(t, err, credential.Locked)
		wantReason(t, v.Commit(t.Context(), put("b", `{}`, "")), credential.Locked)
		wantReason(t, v.Rotate(t.Context()), credential.Locked)
		wantState(t, v, StateLocked)
		if len(v.Records()) != 1 {
			t.Error("the public part cannot be read")
		}
	}
	check(v)
	v.Close()
	slot.loads = 0
	v = open(t, path, slot)
	check(v)
	if slot.loads > 0 {
		t.Error("the keyring was asked although the user locked the vault")
	}
	if err := v.Unlock(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	wantState(t, v, StateUnlocked)
	if err := v.Unlock(t.Context(), nil); err != nil {
		t.Fatal("unlocking what is open:", err)
	}
	v.Close()
	mustOpen(t, open(t, path, slot))
}

func TestLockOfAbsentVaultDoesNothing(t *testing.T) {
	path := vaultPath(t)
	v := open(t, path, keyringStub())
	if err := v.Lock(); err != nil {
		t.Fatal(err)
	}
	if err := v.Unlock(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	mustCommit(t, v, put("a", `{}`, "s"))
	if got := snapshot(t, path); len(got) != 1 {
		t.Errorf("left on the disk: %v", got)
	}
}

// A marker without a vault, left by somebody who removed the file, does not lock the next
// vault.
func TestStaleMarker(t *testing.T) {
	slot := keyringStub()
	path := closedSample(t, slot)
	v := open(t, path, slot)
	if err := v.Lock(); err != nil {
		t.Fatal(err)
	}
	v.Close()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	v = open(t, path, slot)
	mustCommit(t, v, put("a", `{}`, "s"))
	wantState(t, v, StateUnlocked)
}

// A damaged vault that was locked is still locked when it is restored.
func TestLockOutlastsRestore(t *testing.T) {
	slot := keyringStub()
	path, _, _ := sampleVault(t, slot)
	writeVault(t, path, []byte("garbage"), nil)
	v := open(t, path, slot)
	if err := errors.Join(v.Lock(), v.Restore(t.Context())); err != nil {
		t.Fatal(err)
	}
	wantReason(t, v.EnsureOpen(t.Context()), credential.Locked)
}

// Lock comes first whatever is under way.
func TestLockBeatsAnAttemptToOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slot := keyringStub()
		path := closedSample(t, slot)
		slot.gate = make(chan struct{})
		v := open(t, path, slot)
		opened := make(chan error, 1)
		go func() { opened <- v.EnsureOpen(t.Context()) }()
		synctest.Wait()
		if err := v.Lock(); err != nil {
			t.Fatal(err)
		}
		unlocked := make(chan error, 1)
		// joins the attempt that comes too late, and makes its own
		go func() { unlocked <- v.Unlock(t.Context(), nil) }()
		synctest.Wait()
		close(slot.gate)
		if err := <-unlocked; err != nil {
			t.Errorf("Unlock: %v", err)
		}
		if err := <-opened; err != nil && !credential.Locked.Is(err) {
			t.Errorf("EnsureOpen: %v", err)
		}
		wantState(t, v, StateUnlocked)

		slot.gate = make(chan struct{})
		if err := v.Lock(); err != nil {
			t.Fatal(err)
		}
		go func() { unlocked <- v.Unlock(t.Context(), nil) }()
		synctest.Wait()
		if err := v.Lock(); err != nil { // a second thought
			t.Fatal(err)
		}
		close(slot.gate)
		wantReason(t, <-unlocked, credential.Locked)
		wantState(t, v, StateLocked)
	})
}

// openBySlots on behalf of a request never opens what the user locked, even when Lock
// comes after EnsureOpen looked.
func TestRequestDoesNotOpenWhatTheUserLocked(t *testing.T) {
	slot := keyringStub()
	path := closedSample(t, slot)
	v := open(t, path, slot)
	if err := v.Lock(); err != nil {
		t.Fatal(err)
	}
	wantReason(t, v.openBySlots(t.Context(), false), credential.Locked)
	wantState(t, v, StateLocked)
}

// Lock during a change: the change is made or not, and the vault is locked.
func TestLockDuringCommit(t *testing.T) {
	slot := keyringStub()
	path := closedSample(t, slot)
	v := open(t, path, slot)
	mustOpen(t, v)
	err := v.Commit(t.Context(), func(tx *Tx) error {
		if err := put("b", `{}`, "s")(tx); err != nil {
			return err
		}
		return v.Lock()
	})
	wantReason(t, err, credential.Locked)
	wantState(t, v, StateLocked)
	if err := v.Unlock(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if got := content(t, v); len(got) != 1 {
		t.Errorf("content: %v", got)
	}
}

// Close does not wait for a keyring that never answers.
func TestCloseEndsAnAttemptToOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slot := keyringStub()
		path := closedSample(t, slot)
		slot.gate = make(chan struct{})
		v := open(t, path, slot)
		opened := make(chan error, 1)
		go func() { opened <- v.EnsureOpen(t.Context()) }()
		synctest.Wait()
		if err := v.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-opened; !credential.Unavailable.Is(err) {
			t.Error(err)
		}
	})
}

func TestChangeWaitsItsTurnOnlySoLong(t *testing.T) {
	v := open(t, vaultPath(t), keyringStub())
	err := v.Commit(t.Context(), func(*Tx) error {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		return v.Commit(ctx, put("a", `{}`, ""))
	})
	if !credential.Timeout.Is(err) || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
