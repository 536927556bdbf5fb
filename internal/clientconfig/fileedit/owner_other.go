//go:build !unix

package fileedit

import (
	"io/fs"
	"os"
)

// keepOwner leaves it to the directory's inherited permissions.
func keepOwner(*os.File, fs.FileInfo) error { return nil }

// trusted has nothing to compare.
func trusted(string, string, fs.FileInfo) error { return nil }
