//go:build !unix

package keystore

import (
	"errors"
	"os"
)

// takeWriterLock refuses: without a lock two writers could lose each other's changes.
func takeWriterLock(name string) (*os.File, error) {
	return nil, &os.PathError{Op: "lock", Path: name, Err: errors.ErrUnsupported}
}
