package keystore

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/zen-agent/zen/internal/credential"
)

// needle is a piece of memory to look for, masked so that looking for it does not find
// the needle.
type needle struct {
	name   string
	masked []byte
}

func newNeedle(name string, b []byte) needle {
	n := needle{name, make([]byte, len(b))}
	for i := range b {
		n.masked[i] = b[i] ^ stubMask
	}
	return n
}

func (n needle) at(b []byte) bool {
	if len(b) < len(n.masked) {
		return false
	}
	for i, m := range n.masked {
		if b[i] != m^stubMask {
			return false
		}
	}
	return true
}

func (n needle) count(b []byte) (found int) {
	for first := n.masked[0] ^ stubMask; ; found++ {
		for {
			i := bytes.IndexByte(b, first)
			if i < 0 {
				return found
			}
			if n.at(b[i:]) {
				b = b[i+1:]
				break
			}
			b = b[i+1:]
		}
	}
}

// search counts the copies of each needle in all memory of this process that it can write
// to: heap, stacks, mapped pages.
func search(t *testing.T, needles []needle) map[string]int {
	t.Helper()
	found := make(map[string]int)
	buf := make([]byte, 1<<20)
	visit := func(mem *os.File, lo, hi int64) {
		for at := lo; at < hi; at += int64(len(buf) - 64) { // pieces overlap
			n, _ := mem.ReadAt(buf[:min(int64(len(buf)), hi-at)], at)
			for _, needle := range needles {
				found[needle.name] += needle.count(buf[:n])
			}
			clear(buf)
		}
	}
	if err := pages(visit); err != nil {
		t.Skip("this system does not show a process its memory:", err)
	}
	return found
}

// pages calls visit for each run of writable pages that are there (proc(5): maps,
// pagemap, mem). The race detector reserves terabytes that are not.
func pages(visit func(mem *os.File, lo, hi int64)) error {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return err
	}
	mem, err := os.Open("/proc/self/mem")
	if err != nil {
		return err
	}
	defer mem.Close()
	pagemap, err := os.Open("/proc/self/pagemap")
	if err != nil {
		return err
	}
	defer pagemap.Close()
	const biggest = 1 << 30 // no piece of Go's heap is bigger
	size := int64(os.Getpagesize())
	for s := bufio.NewScanner(bytes.NewReader(maps)); s.Scan(); {
		var lo, hi int64
		var mode string
		if n, _ := fmt.Sscanf(s.Text(), "%x-%x %s", &lo, &hi, &mode); n != 3 ||
			!strings.HasPrefix(mode, "rw") ||
			hi-lo > biggest {
			continue
		}
		entries := make([]byte, (hi-lo)/size*8)
		if _, err := pagemap.ReadAt(entries, lo/size*8); err != nil {
			return err
		}
		// in memory, or swapped
		present := func(page int64) bool { return page < (hi-lo)/size && entries[page*8+7]&0xc0 != 0 }
		for page := int64(0); page < (hi-lo)/size; page++ {
			first := page
			for present(page) {
				page++
			}
			if page > first {
				visit(mem, lo+first*size, lo+page*size)
			}
		}
	}
	return nil
}

// After Lock nothing in the process opens the vault: neither its key, nor what is derived
// from it, nor what wraps it.
func TestNoKeyInMemoryAfterLock(t *testing.T) {
	path, slot := vaultPath(t), keyringStub()
	v := open(t, path, slot)
	secret := random(t, 40)
	useMuch(t, v, secret)
	if err := v.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	v.Close()
	v = open(t, path, slot)
	mustOpen(t, v)
	useMuch(t, v, secret)

	once := []needle{
		newNeedle("vault key", v.keys.vault),
		newNeedle("key of records", v.keys.records),
		newNeedle("key of the file", v.keys.file),
	}
	never := []needle{newNeedle("secret", secret)}
	clear(secret)
	for id, masked := range slot.keys {
		never = append(never, needle{"key of slot " + id, bytes.Clone(masked[:])})
	}
	found := search(t, slices.Concat(once, never))
	for _, n := range once {
		if found[n.name] != 1 {
			t.Errorf("while open, %d copies of the %s: one was to be found", found[n.name], n.name)
		}
	}
	for _, n := range never {
		if found[n.name] != 0 {
			t.Errorf("while open, %d copies of the %s", found[n.name], n.name)
		}
	}
	if err := v.Lock(); err != nil {
		t.Fatal(err)
	}
	for name, n := range search(t, slices.Concat(once, never)) {
		if n != 0 {
			t.Errorf("after Lock, %d copies of the %s", n, name)
		}
	}
}

// useMuch writes and reads a secret many times, wiping what it holds itself.
func useMuch(t *testing.T, v *Vault, secret []byte) {
	t.Helper()
	for i := range 20 {
		s := credential.NewSecret(bytes.Clone(secret))
		err := v.Commit(t.Context(), func(tx *Tx) error {
			return tx.Put(
				Record{ID: fmt.Sprint(i % 3), Kind: "k", Public: json.RawMessage(fmt.Sprintf(`{"i":%d}`, i))},
				&s,
			)
		})
		s.Wipe()
		if err != nil {
			t.Fatal(err)
		}
		got, err := v.Secret("0")
		if err != nil {
			t.Fatal(err)
		}
		got.Wipe()
	}
}

// The same after the passphrase was set, used to unlock, and a new key wrapped for it.
func TestNoKeyInMemoryAfterPassphrase(t *testing.T) {
	slot := keyringStub()
	path := closedSample(t, slot)
	v := open(t, path, slot)
	mustSetPassphrase(t, v, "w")
	if err := v.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := v.Lock(); err != nil {
		t.Fatal(err)
	}
	if err := unlockWith(t, v, "w"); err != nil {
		t.Fatal(err)
	}
	needles := []needle{newNeedle("vault key", v.keys.vault), newNeedle("key of records", v.keys.records)}
	kek, err := v.f.slots[1].Params.unwrapKey([]byte("w"))
	if err != nil {
		t.Fatal(err)
	}
	needles = append(needles, newNeedle("key of the passphrase", kek))
	clear(kek)
	if err := v.Lock(); err != nil {
		t.Fatal(err)
	}
	for name, n := range search(t, needles) {
		if n != 0 {
			t.Errorf("after Lock, %d copies of the %s", n, name)
		}
	}
}
