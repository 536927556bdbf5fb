package fileedit

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// swap exchanges two files in one step (APFS).
func swap(a, b string) error {
	if err := unix.RenamexNp(a, b, unix.RENAME_SWAP); err != nil {
		return &os.LinkError{Op: "exchange", Old: a, New: b, Err: err}
	}
	return nil
}

// unsupported reports that the file system cannot exchange files.
func unsupported(err error) bool {
	return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.ENOTSUP)
}
