//go:build unix

package server

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// socket is a client's connection. As long as nothing has to be waited for, it is read
// and written by system calls alone: most clients have sent their one request before they
// are looked at. To make the runtime watch a connection and its timers costs as much as
// to serve it, so that is done for clients who make zend wait. It is read and written by
// one goroutine; what else there is, any may call.
type socket struct {
	fd int

	watched atomic.Pointer[os.File] // fd, once it has to be waited for

	mu     sync.Mutex // never held while waiting
	closed bool
	read   time.Time
	write  time.Time // deadlines that are set when it is watched
}

var _ net.Conn = (*socket)(nil)

func (s *socket) Read(b []byte) (int, error) {
	if f := s.watched.Load(); f != nil {
		return f.Read(b)
	}
	n, err := s.now(unix.Read, b)
	if errors.Is(err, unix.EAGAIN) {
		f, err := s.watch()
		if err != nil {
			return 0, err
		}
		return f.Read(b)
	}
	if n == 0 && err == nil && len(b) > 0 {
		err = io.EOF
	}
	return n, err
}

func (s *socket) Write(b []byte) (int, error) {
	if f := s.watched.Load(); f != nil {
		return f.Write(b)
	}
	n, err := s.now(unix.Write, b)
	if errors.Is(err, unix.EAGAIN) || err == nil && n < len(b) {
		f, err := s.watch()
		if err != nil {
			return n, err
		}
		more, err := f.Write(b[n:])
		return n + more, err
	}
	return n, err
}

// now makes a system call that does not wait: EAGAIN when it would have to.
func (s *socket) now(call func(int, []byte) (int, error), b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, net.ErrClosed
	}
	for {
		if n, err := call(s.fd, b); !errors.Is(err, unix.EINTR) {
			return max(n, 0), err
		}
	}
}

// watch lets the runtime watch the connection from now on. Only the one goroutine that
// reads and writes calls it.
func (s *socket) watch() (*os.File, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, net.ErrClosed
	}
	f := os.NewFile(uintptr(s.fd), "")
	s.watched.Store(f)
	if err := f.SetReadDeadline(s.read); err != nil {
		return nil, err
	}
	return f, f.SetWriteDeadline(s.write)
}

func (s *socket) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return net.ErrClosed
	}
	s.closed = true
	if f := s.watched.Load(); f != nil {
		return f.Close()
	}
	return unix.Close(s.fd)
}

// CloseRead makes the next read find the end. What the client has already sent is still
// read.
func (s *socket) CloseRead() error {
	return s.control(func(fd uintptr) error { return unix.Shutdown(int(fd), unix.SHUT_RD) })
}

func (s *socket) SetDeadline(t time.Time) error {
	if err := s.SetReadDeadline(t); err != nil {
		return err
	}
	return s.SetWriteDeadline(t)
}

func (s *socket) SetReadDeadline(t time.Time) error {
	return s.control(func(uintptr) error {
		s.read = t
		if f := s.watched.Load(); f != nil {
			return f.SetReadDeadline(t)
		}
		return nil
	})
}

func (s *socket) SetWriteDeadline(t time.Time) error {
	return s.control(func(uintptr) error {
		s.write = t
		if f := s.watched.Load(); f != nil {
			return f.SetWriteDeadline(t)
		}
		return nil
	})
}

// control calls f while the descriptor is certain to be this connection's.
func (s *socket) control(f func(fd uintptr) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return net.ErrClosed
	}
	return f(uintptr(s.fd))
}

func (s *socket) LocalAddr() net.Addr  { return &net.UnixAddr{Net: "unix"} }
func (s *socket) RemoteAddr() net.Addr { return &net.UnixAddr{Net: "unix"} }

// SyscallConn returns what gives access to the descriptor; it cannot be waited for.
func (s *socket) SyscallConn() (syscall.RawConn, error) { return rawSocket{s}, nil }

type rawSocket struct{ *socket }

func (r rawSocket) Control(f func(fd uintptr)) error {
	return r.control(func(fd uintptr) error { f(fd); return nil })
}

func (r rawSocket) Read(func(uintptr) bool) error  { return unix.EINVAL }
func (r rawSocket) Write(func(uintptr) bool) error { return unix.EINVAL }
