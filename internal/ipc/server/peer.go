package server

import (
	"errors"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"

	"github.com/zen-agent/zen/internal/credential"
)

// maxParents bounds Peer.Parents.
const maxParents = 8

// Peer is the process at the other end, as the kernel knows it. What Executable, Dir and
// Parents tell is for the audit log: it is read when first asked for, and another process
// of the same user can fake it.
type Peer struct {
	UID, GID, PID int
	process       *process // nil: nothing more can be found out
}

// process is what is found out about a peer's process beyond what the kernel vouches for.
type process struct {
	conn      syscall.RawConn
	ancestors *ancestors
	// what follows is looked up once a request, so that whoever decides and whoever
	// writes it down see the same
	once    sync.Once
	exe     string
	parents []string
}

// peerOf asks the kernel who is at the other end.
func peerOf(nc net.Conn, known *ancestors) (Peer, error) {
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return Peer{UID: -1}, errors.New("not a socket")
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return Peer{UID: -1}, err
	}
	peer := Peer{UID: -1, process: &process{conn: raw, ancestors: known}}
	control := raw.Control(func(fd uintptr) { err = peer.identify(int(fd)) })
	return peer, errors.Join(control, err)
}

// anew is the peer as the next request finds it: it may have executed another program
// since the last.
func (p Peer) anew() Peer {
	if p.process != nil {
		p.process = &process{conn: p.process.conn, ancestors: p.process.ancestors}
	}
	return p
}

// check refuses everybody but the user, root included: root can read everything anyway,
// but not by accident.
func (p Peer) check() error {
	if p.UID == os.Geteuid() {
		return nil
	}
	return credential.NewError(
		credential.ForeignPeer,
		"this zend serves user "+strconv.Itoa(os.Geteuid())+" only",
		"",
	)
}
