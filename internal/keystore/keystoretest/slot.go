package keystoretest

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/keystore"
)

// TestSlot is the suite every key slot passes. Both values must use the same place and no
// other: what one saves, the other finds, as a zend that was restarted does.
func TestSlot(t *testing.T, slot, again keystore.KeySlot) {
	t.Run("describes itself", func(t *testing.T) { describes(t, slot) })
	t.Run("probe", func(t *testing.T) {
		if err := slot.Probe(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("save, load, delete", func(t *testing.T) { roundTrip(t, slot, again) })
	t.Run("every byte comes back", func(t *testing.T) { bytewise(t, slot) })
	t.Run("replaces", func(t *testing.T) { replaces(t, slot, again) })
	t.Run("ids are apart", func(t *testing.T) { apart(t, slot) })
	t.Run("deleting nothing", func(t *testing.T) { check(t, slot.Delete(t.Context(), newID())) })
	t.Run("keeps copies", func(t *testing.T) { copies(t, slot) })
	t.Run("concurrent", func(t *testing.T) { concurrent(t, slot) })
	t.Run("ends with its context", func(t *testing.T) { cancelled(t, slot) })
}

func newID() string { return "test-" + rand.Text() + "/0123456789ab" }

func newKey() []byte {
	key := make([]byte, keystore.KeySize)
	rand.Read(key)
	return key
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// save stores a key and sees to it that it is gone after the test.
func save(t *testing.T, slot keystore.KeySlot, id string, key []byte) {
	t.Helper()
	t.Cleanup(func() {
		if err := slot.Delete(context.Background(), id); err != nil {
			t.Errorf("Delete: %v", err)
		}
	})
	check(t, slot.Save(t.Context(), id, key))
}

func wantKey(t *testing.T, slot keystore.KeySlot, id string, want []byte) {
	t.Helper()
	got, err := slot.Load(t.Context(), id)
	check(t, err)
	if !bytes.Equal(got, want) {
		t.Fatalf("Load gave %d other bytes", len(got))
	}
}

func wantLost(t *testing.T, slot keystore.KeySlot, id string) {
	t.Helper()
	key, err := slot.Load(t.Context(), id)
	if !credential.KeyLost.Is(err) || key != nil {
		t.Fatalf("Load of nothing: %d bytes, error %v; want reason %s", len(key), err, credential.KeyLost)
	}
}

func describes(t *testing.T, slot keystore.KeySlot) {
	switch slot.Kind() {
	case keystore.KindOSKeyring, keystore.KindSession, keystore.KindMemory:
	default:
		t.Errorf("unknown kind %q", slot.Kind())
	}
	if slot.Detail() == "" {
		t.Error("no detail")
	}
}

func roundTrip(t *testing.T, slot, again keystore.KeySlot) {
	id, key := newID(), newKey()
	wantLost(t, slot, id)
	save(t, slot, id, key)
	wantKey(t, slot, id, key)
	wantKey(t, again, id, key)
	check(t, again.Delete(t.Context(), id))
	wantLost(t, slot, id)
	wantLost(t, again, id)
}

func bytewise(t *testing.T, slot keystore.KeySlot) {
	for _, fill := range []byte{0, '\n', 0xff} {
		id := newID()
		key := bytes.Repeat([]byte{fill}, keystore.KeySize)
		save(t, slot, id, key)
		wantKey(t, slot, id, key)
	}
}

func replaces(t *testing.T, slot, again keystore.KeySlot) {
	id, old, key := newID(), newKey(), newKey()
	save(t, slot, id, old)
	save(t, slot, id, key)
	wantKey(t, again, id, key)
	check(t, slot.Delete(t.Context(), id))
	wantLost(t, again, id) // the old one does not come back
}

func apart(t *testing.T, slot keystore.KeySlot) {
	base := newID()
	keys := map[string][]byte{base: newKey(), base + "x": newKey(), base[:len(base)-1]: newKey()}
	for id, key := range keys {
		save(t, slot, id, key)
	}
	for id, key := range keys {
		wantKey(t, slot, id, key)
	}
}

func copies(t *testing.T, slot keystore.KeySlot) {
	id, key := newID(), newKey()
	want := bytes.Clone(key)
	save(t, slot, id, key)
	clear(key) // as the vault does
	got, err := slot.Load(t.Context(), id)
	check(t, err)
	clear(got)
	wantKey(t, slot, id, want)
}

func concurrent(t *testing.T, slot keystore.KeySlot) {
	var wg sync.WaitGroup
	errs := make(chan error, 8)
	for range cap(errs) {
		id, key := newID(), newKey()
		wg.Go(func() { errs <- useOne(t.Context(), slot, id, key) })
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
}

func useOne(ctx context.Context, slot keystore.KeySlot, id string, key []byte) error {
	if err := slot.Save(ctx, id, key); err != nil {
		return err
	}
	defer func() { _ = slot.Delete(context.WithoutCancel(ctx), id) }()
	got, err := slot.Load(ctx, id)
	if err == nil && !bytes.Equal(got, key) {
		err = fmt.Errorf("%s gave another key", id)
	}
	return err
}

// cancelled allows a slot that needs no waiting to work on, but not one that waits to go
// on waiting.
func cancelled(t *testing.T, slot keystore.KeySlot) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	start := time.Now()
	key, err := slot.Load(ctx, newID())
	if err == nil || key != nil {
		t.Fatalf("Load of nothing after cancellation: %d bytes, %v", len(key), err)
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Fatalf("returned %v after its context had ended", d)
	}
}
