//go:build !linux

package childproc

import "golang.org/x/sys/unix"

// harden denies core dumps; see the Linux variant for what more is possible there.
func harden() { _ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}) }
