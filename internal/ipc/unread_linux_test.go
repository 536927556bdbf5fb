package ipc_test

import (
	"net"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zen-agent/zen/internal/credential"
)

// A zend that is killed before it read a request did not carry it out: also what must not
// be done twice is sent again.
func TestRequestThatWasNotReadIsRepeated(t *testing.T) {
	var calls atomic.Int64
	c, _ := raw(t, func(conn net.Conn) {
		if calls.Add(1) > 1 {
			readRequest(conn)
			conn.Write([]byte(`{"id":1,"result":{}}` + "\n"))
			return
		}
		awaitInput(t, conn)
	})
	if _, err := c.Call("login", nil, soon()); err != nil {
		t.Error(err)
	}
	if n := calls.Load(); n != 2 {
		t.Errorf("%d connections", n)
	}

	c, connections := raw(t, readRequest)
	if _, err := c.Call("login", nil, soon()); !credential.Unavailable.Is(err) || connections.Load() != 1 {
		t.Errorf("a request that was read: %v, %d connections", err, connections.Load())
	}
}

// awaitInput waits until something was sent, and reads nothing of it.
func awaitInput(t *testing.T, conn net.Conn) {
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		t.Error(err)
		return
	}
	err = raw.Read(func(fd uintptr) bool {
		n, _, _ := unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
		return n > 0
	})
	if err != nil {
		t.Error(err)
	}
}
