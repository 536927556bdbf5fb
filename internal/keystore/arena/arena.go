package arena

// Arena is a fixed piece of memory for secrets. It is not safe for concurrent use: owners
// guard it.
type Arena struct {
	mem    []byte
	pages  bool // mem came from the system, not from the heap
	locked bool
}

// New returns an Arena of at least size zero bytes. It never fails: where pages or
// locking are not to be had (RLIMIT_MEMLOCK, an operating system without them) it falls
// back to what there is, and Locked says so.
func New(size int) *Arena {
	if mem, locked, ok := allocate(size); ok {
		return &Arena{mem: mem, pages: true, locked: locked}
	}
	return &Arena{mem: make([]byte, size)}
}

// Bytes is the memory itself; it must not be used after Free.
func (a *Arena) Bytes() []byte { return a.mem }

// Locked reports whether the memory is kept out of swap.
func (a *Arena) Locked() bool { return a.locked }

// Wipe overwrites the memory with zeros.
func (a *Arena) Wipe() { clear(a.mem) }

// Free wipes the memory and gives it back. Further calls do nothing.
func (a *Arena) Free() {
	if a.mem == nil {
		return
	}
	a.Wipe()
	if a.pages {
		release(a.mem)
	}
	a.mem = nil
}

// Carve cuts n bytes off the front of the arena's unused rest; the owner carves once,
// after New.
func Carve(rest *[]byte, n int) []byte {
	piece := (*rest)[:n:n]
	*rest = (*rest)[n:]
	return piece
}
