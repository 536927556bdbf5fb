package ipc

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// newSocket returns a Unix stream socket that neither blocks, survives exec, nor raises
// SIGPIPE.
func newSocket() (int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return -1, err
	}
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_NOSIGPIPE, 1)
}

// peerUID is the effective user of the process at the other end (unix(4),
// LOCAL_PEERCRED).
func peerUID(fd int) (int, error) {
	cred, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	if err != nil {
		return -1, err
	}
	return int(cred.Uid), nil
}

// sendNoSignal sends; newSocket has switched SIGPIPE off.
func sendNoSignal(fd int, b []byte) (int, error) {
	return unix.Write(fd, b)
}
