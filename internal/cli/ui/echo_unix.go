//go:build unix

package ui

import "golang.org/x/sys/unix"

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
