package keystore

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/zen-agent/zen/internal/paths"
)

// takeWriterLock locks the file for as long as it stays open; errHeld means that another
// process has it. The lock ends with the process however that ends, and is not inherited
// (O_CLOEXEC).
func takeWriterLock(name string) (*os.File, error) {
	fd, err := paths.OpenFile(name, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), name)
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, errHeld
	}
	return nil, &os.PathError{Op: "flock", Path: name, Err: err}
}
