//go:build unix && !linux

package harden

import "golang.org/x/sys/unix"

// Process denies core dumps; see the Linux variant for what more is possible there.
func Process() { _ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}) }
