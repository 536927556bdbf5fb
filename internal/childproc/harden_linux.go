package childproc

import "golang.org/x/sys/unix"

// harden keeps secrets out of core dumps and away from debuggers, as zend does for
// itself. Failures leave the defaults.
func harden() {
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
}
