//go:build unix

package ui

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// echoOff makes a terminal show nothing of what is typed. Lines and Ctrl-C work as
// before.
func echoOff(fd int) error {
	termios, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return err
	}
	termios.Lflag &^= unix.ECHO
	return unix.IoctlSetTermios(fd, setTermios, termios)
}

// whenStopped gives the terminal its echo back while Ctrl-Z stops the process, and asks
// again when it goes on, until end is called.
func whenStopped(fd int, before *term.State, ask func()) (end func()) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, unix.SIGTSTP, unix.SIGCONT)
	go func() {
		for s := range signals {
			if s == unix.SIGTSTP {
				_ = term.Restore(fd, before)
				_ = unix.Kill(unix.Getpid(), unix.SIGSTOP) // as SIGTSTP would, were it not caught
				continue
			}
			_ = echoOff(fd)
			ask()
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
	}
}
