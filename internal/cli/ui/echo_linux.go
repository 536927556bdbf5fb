package ui

import "golang.org/x/sys/unix"

// Requests of ioctl_tty(2).
const (
	getTermios = unix.TCGETS
	setTermios = unix.TCSETS
)
