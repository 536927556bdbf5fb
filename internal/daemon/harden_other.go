//go:build unix && !linux

package daemon

import "golang.org/x/sys/unix"

// harden denies core dumps and keeps files private to the user; see the Linux variant for
// what more is possible there.
func harden() {
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	unix.Umask(0o077)
}
