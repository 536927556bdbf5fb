//go:build unix

package arena

import (
	"os"

	"golang.org/x/sys/unix"
)

// allocate maps whole pages, so that locking and dump exclusion touch nothing else.
func allocate(size int) (mem []byte, locked, ok bool) {
	page := os.Getpagesize()
	size = (size + page - 1) / page * page
	mem, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, false, false
	}
	exclude(mem)
	return mem, unix.Mlock(mem) == nil, true
}

// release unmaps; unmapping also ends the lock. It can fail only for memory that was not
// mapped.
func release(mem []byte) { _ = unix.Munmap(mem) }
