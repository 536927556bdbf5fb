package harden

import "golang.org/x/sys/unix"

// Process keeps other processes of the same user and core dumps away from this process's
// memory: no ptrace, no /proc/PID/mem (prctl(2), PR_SET_DUMPABLE). A program that it
// executes starts without. Failures leave the defaults, which is all that can be done.
func Process() {
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
}
