package arena

import (
	"bytes"
	"testing"
)

func TestNewIsZeroAndWritable(t *testing.T) {
	for _, size := range []int{1, 32, 4096, 5000} {
		a := New(size)
		mem := a.Bytes()
		if len(mem) < size || !bytes.Equal(mem, make([]byte, len(mem))) {
			t.Fatalf("New(%d): %d bytes, not all zero", size, len(mem))
		}
		mem[0], mem[size-1] = 1, 2
		a.Wipe()
		if mem[0] != 0 || mem[size-1] != 0 {
			t.Fatalf("New(%d): Wipe left bytes", size)
		}
		a.Free()
		a.Free()
		if a.Bytes() != nil {
			t.Fatal("memory is still reachable after Free")
		}
	}
}

func TestHeapFallbackIsWiped(t *testing.T) {
	a := &Arena{mem: []byte("key material")}
	mem := a.Bytes()
	a.Free()
	if !bytes.Equal(mem, make([]byte, len(mem))) {
		t.Fatalf("Free left %q", mem)
	}
	if a.Locked() {
		t.Fatal("heap memory is said to be locked")
	}
}

func TestCarvePiecesDoNotOverlap(t *testing.T) {
	rest := make([]byte, 64)
	a, b := Carve(&rest, 32), Carve(&rest, 16)
	a = append(a, 0xff) // must not run into b
	if b[0] != 0 || len(a) != 33 || len(b) != 16 || len(rest) != 16 {
		t.Fatalf("pieces overlap: %v %v %d", a, b, len(rest))
	}
}
