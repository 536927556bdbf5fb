package server

import (
	"errors"
	"net"
	"os"
	"strconv"
	"syscall"

	"github.com/zen-agent/zen/internal/credential"
)

// maxParents bounds Peer.Parents.
const maxParents = 8

// Peer is the process at the other end, as the kernel knows it. What Executable, Dir and Parents tell is for the audit
// log: it is read when asked for, and another process of the same user can fake it.
type Peer struct {
	UID, GID, PID int
	conn          syscall.RawConn // nil: nothing more can be found out
}

// peerOf asks the kernel who is at the other end.
func peerOf(nc net.Conn) (Peer, error) {
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return Peer{UID: -1}, errors.New("not a socket")
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return Peer{UID: -1}, err
	}
	peer := Peer{UID: -1, conn: raw}
	control := raw.Control(func(fd uintptr) { err = peer.identify(int(fd)) })
	return peer, errors.Join(control, err)
}

// check refuses everybody but the user, root included: root can read everything anyway, but not by accident.
func (p Peer) check() error {
	if p.UID == os.Geteuid() {
		return nil
	}
	return credential.NewError(credential.ForeignPeer, "this zend serves user "+strconv.Itoa(os.Geteuid())+" only", "")
}
