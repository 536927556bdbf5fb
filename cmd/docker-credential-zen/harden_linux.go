package main

import "golang.org/x/sys/unix"

// harden keeps other processes of the same user, and core dumps, away from the memory. It
// fails on no kernel; if it did, there would be nothing to do about it.
func harden() {
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
}
