//go:build unix

package machine

import (
	"os"

	"golang.org/x/sys/unix"
)

// resizeSignal tells that the terminal has another size.
const resizeSignal = unix.SIGWINCH

// stopProcess stops this process as Ctrl-Z does, and returns when it was continued.
func stopProcess() error { return unix.Kill(os.Getpid(), unix.SIGSTOP) }
