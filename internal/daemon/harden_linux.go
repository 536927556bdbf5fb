package daemon

import "golang.org/x/sys/unix"

// harden keeps other processes and the disk away from this one's memory: no ptrace and no
// /proc/PID/mem by others of the same user, no core dump, and files that only the user
// can read. Failures leave the defaults, which is all that can be done.
func harden() {
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	unix.Umask(0o077)
}
