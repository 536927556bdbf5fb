//go:build unix && !linux

package main

import "golang.org/x/sys/unix"

// currentDir is the path of the working directory, "" when it has gone.
func currentDir([]byte) []byte {
	dir, err := unix.Getwd()
	if err != nil {
		return nil
	}
	return []byte(dir)
}
