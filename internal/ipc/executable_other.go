//go:build unix && !linux

package ipc

import (
	"os"
	"path/filepath"
)

// executable is the path of the running program, without symbolic links.
func executable() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(self)
}
