//go:build unix

package keystore

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// takeWriterLock locks the file for as long as it stays open; errHeld means that another process has it. The lock ends with
// the process however that ends, and is not inherited (O_CLOEXEC).
func takeWriterLock(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
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
