package server

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// identify reads LOCAL_PEERCRED and LOCAL_PEERPID (unix(4), <sys/un.h>).
func (p *Peer) identify(fd int) error {
	cred, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	if err != nil {
		return err
	}
	p.UID, p.GID = int(cred.Uid), int(cred.Groups[0])
	p.PID, err = unix.GetsockoptInt(fd, unix.SOL_LOCAL, unix.LOCAL_PEERPID)
	return err
}

// Executable is the path of the peer's program; not known on macOS without cgo.
func (p Peer) Executable() string { return "" }

// Dir is the peer's working directory; not known on macOS without cgo.
func (p Peer) Dir() string { return "" }

// Parents are the programs of the peer's ancestors; not known on macOS without cgo.
func (p Peer) Parents() []string { return nil }

// ancestors has nothing to remember.
type ancestors struct{}

func newAncestors() *ancestors { return nil }

// acceptNow takes a connection that waits, which neither blocks nor survives exec.
func acceptNow(listening int) (fd int, err error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if fd, _, err = unix.Accept(listening); err != nil {
		return fd, err
	}
	unix.CloseOnExec(fd)
	return fd, unix.SetNonblock(fd, true)
}
