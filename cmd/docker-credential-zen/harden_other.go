//go:build unix && !linux

package main

import "golang.org/x/sys/unix"

// harden keeps core dumps away from the memory.
func harden() {
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
}
