//go:build unix

package server

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/paths"
)

// lockWait is how long Listen waits for a zend that is ending. It is shorter than clients
// wait for a new one.
const lockWait = 8 * time.Second

// Listener is zend's socket together with the lock that makes it the only zend.
type Listener struct {
	*net.UnixListener
	waiting   *os.File // the same socket, on which Accept waits
	path      string
	lock      *os.File
	dev, ino  uint64
	activated bool
	keep      atomic.Bool
	withdrawn atomic.Bool
}

// Listen takes the lock file, waiting for a zend that is ending, and binds the socket. It
// is bound under another name, closed to everybody else, and then renamed: anyone who
// sees the name can connect, and a socket left behind by a killed zend is replaced in one
// step. It is a VaultBusy error when another zend serves, and anything at path that is
// not the user's socket is left alone.
func Listen(path, lockPath string) (*Listener, error) {
	lock, err := takeLock(lockPath, path, lockWait)
	if err != nil {
		return nil, err
	}
	l, err := bind(path)
	if err != nil {
		lock.Close()
		return nil, err
	}
	l.lock = lock
	return l, nil
}

// takeLock returns the locked file, or VaultBusy when it is held by a zend that answers
// at socket.
func takeLock(lockPath, socket string, wait time.Duration) (*os.File, error) {
	fd, err := paths.OpenFile(lockPath, os.O_RDWR|os.O_CREATE)
	if err != nil {
		hint := ""
		if e, ok := errors.AsType[*credential.Error](err); ok {
			hint = e.HintText()
		}
		return nil, &credential.Error{
			Reason: credential.CannotWrite, Message: "cannot open the lock: " + err.Error(), Hint: hint,
			Cause: err,
		}
	}
	f := os.NewFile(uintptr(fd), lockPath)
	for deadline := time.Now().Add(wait); ; time.Sleep(2 * time.Millisecond) {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return f, nil
		case err == unix.EINTR:
			continue
		case err != unix.EWOULDBLOCK:
			f.Close()
			return nil, &credential.Error{Reason: credential.CannotWrite, Message: "cannot " +
				"lock " + lockPath + ": " + err.Error(), Cause: err}
		case answers(socket) || time.Now().After(deadline):
			f.Close()
			return nil, credential.NewError(credential.VaultBusy, "another zend is running (it "+
				"holds "+lockPath+")", "zen daemon status")
		}
	}
}

// answers reports whether somebody listens at socket.
func answers(socket string) bool {
	c, err := (&net.Dialer{Timeout: 100 * time.Millisecond}).DialContext(context.Background(), "unix", socket)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

func bind(path string) (*Listener, error) {
	if err := replaceable(path); err != nil {
		return nil, err
	}
	hidden := filepath.Join(filepath.Dir(path), ".zend")
	if len(hidden) > paths.MaxSocketPath {
		return nil, credential.NewError(credential.InvalidInput, "the socket's path is too "+
			"long: "+path, "set ZEN_SOCKET to a shorter path")
	}
	if err := os.Remove(hidden); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, cannotListen(err)
	}
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: hidden, Net: "unix"})
	if err != nil {
		return nil, cannotListen(err)
	}
	ln.SetUnlinkOnClose(false)
	if err := publish(hidden, path); err != nil {
		ln.Close()
		_ = os.Remove(hidden)
		return nil, cannotListen(err)
	}
	return newListener(ln, path)
}

// publish closes the socket to others and gives it its name. Until then the directory
// alone (mode 0700) protects it.
func publish(hidden, path string) error {
	if err := os.Chmod(hidden, 0o600); err != nil {
		return err
	}
	return os.Rename(hidden, path)
}

// replaceable refuses to put the socket in the place of anything but an old socket of the
// user.
func replaceable(path string) error {
	var st unix.Stat_t
	err := unix.Lstat(path, &st)
	switch {
	case err == unix.ENOENT:
		return nil
	case err != nil:
		return cannotListen(&os.PathError{Op: "lstat", Path: path, Err: err})
	case st.Mode&unix.S_IFMT != unix.S_IFSOCK:
		return credential.NewError(credential.CannotWrite, path+" is not a socket", "rm "+path)
	case int(st.Uid) != os.Geteuid():
		return credential.NewError(credential.ForeignPeer, path+" belongs to another "+
			"user", "set ZEN_SOCKET to another path")
	}
	return nil
}

func cannotListen(err error) error {
	return &credential.Error{
		Reason:  credential.CannotWrite,
		Message: "cannot listen: " + err.Error(),
		Cause:   err,
	}
}

func newListener(ln *net.UnixListener, path string) (*Listener, error) {
	waiting, err := ln.File()
	if err != nil {
		ln.Close()
		return nil, cannotListen(err)
	}
	l := &Listener{UnixListener: ln, waiting: waiting, path: path}
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		waiting.Close()
		ln.Close()
		return nil, cannotListen(&os.PathError{Op: "lstat", Path: path, Err: err})
	}
	l.dev, l.ino = uint64(st.Dev), st.Ino
	return l, nil
}

// Path is the socket's name in the file system.
func (l *Listener) Path() string { return l.path }

// IsActivated reports whether the socket is a service manager's, who goes on listening
// when zend ends.
func (l *Listener) IsActivated() bool { return l.activated }

// Owned reports whether the name still leads to this socket. The inode cannot be given to
// another file while it is open.
func (l *Listener) Owned() bool {
	var st unix.Stat_t
	return unix.Lstat(l.path, &st) == nil && uint64(st.Dev) == l.dev && st.Ino == l.ino
}

// KeepOpen makes the socket outlive serving, for a restart: clients wait in its queue
// until the next zend serves them. Call it before the context of Serve ends.
func (l *Listener) KeepOpen() { l.keep.Store(true) }

// Withdraw stops new connections. The name goes first, so that clients from now on start
// another zend; those that are in the queue are still handed out by Accept, which then
// fails. A socket that outlives this zend keeps name and queue.
func (l *Listener) Withdraw() {
	if l.activated || l.keep.Load() {
		_ = l.waiting.SetReadDeadline(time.Now())
		return
	}
	if l.Owned() {
		_ = os.Remove(l.path)
	}
	wait := 20 * time.Millisecond // for clients that saw the name just before
	if runtime.GOOS == "linux" && l.shutdown() == nil {
		wait = 0 // nobody can join the queue any more
	}
	l.withdrawn.Store(true)
	_ = l.waiting.SetReadDeadline(time.Now().Add(wait))
}

// Accept waits for the next connection. Once the socket was withdrawn it hands out those
// in the queue and then fails.
func (l *Listener) Accept() (net.Conn, error) {
	raw, err := l.waiting.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	wait := raw.Read(func(s uintptr) bool {
		fd, err = acceptNext(int(s))
		return !errors.Is(err, unix.EAGAIN)
	})
	switch {
	case wait == nil && err == nil:
		return &socket{fd: fd}, nil
	case wait == nil:
		return nil, os.NewSyscallError("accept", err)
	case !errors.Is(wait, os.ErrDeadlineExceeded):
		return nil, net.ErrClosed // the only other thing that ends waiting
	case l.withdrawn.Load():
		return l.queued(raw)
	}
	return nil, wait
}

// queued accepts a connection that is waiting. The runtime does not accept past a
// deadline, and Linux does not tell a non-blocking accept that the socket was shut down:
// it goes on saying EAGAIN.
func (l *Listener) queued(raw syscall.RawConn) (net.Conn, error) {
	fd, err := -1, error(nil)
	control := raw.Control(func(s uintptr) { fd, err = acceptNext(int(s)) })
	if err := errors.Join(control, err); err != nil {
		return nil, err
	}
	return &socket{fd: fd}, nil
}

// acceptNext is acceptNow for the next client that is still there.
func acceptNext(listening int) (fd int, err error) {
	for fd, err = acceptNow(listening); errors.Is(err, unix.EINTR) || errors.Is(err, unix.ECONNABORTED); {
		fd, err = acceptNow(listening)
	}
	return fd, err
}

// shutdown makes the kernel refuse new connections and hand out queued ones (Linux,
// unix_stream_connect and unix_accept).
func (l *Listener) shutdown() error {
	raw, err := l.SyscallConn()
	if err != nil {
		return err
	}
	control := raw.Control(func(fd uintptr) { err = unix.Shutdown(int(fd), unix.SHUT_RD) })
	return errors.Join(control, err)
}

// Close withdraws the socket, if that was not done, and gives the lock back.
func (l *Listener) Close() error {
	if !l.activated && !l.keep.Load() && l.Owned() {
		_ = os.Remove(l.path)
	}
	return errors.Join(l.waiting.Close(), l.UnixListener.Close(), l.lock.Close())
}

// mostConnections is how many connections zend takes at the same time: it needs files of
// its own as well, for the vault and the registries, and may have few.
func mostConnections() int {
	const most, own = 4096, 64
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Cur >= most+own {
		return most
	}
	return max(int(limit.Cur)-own, int(limit.Cur)/2, 1)
}

// isExhausted reports whether Accept failed for want of something that others will give
// back.
func isExhausted(err error) bool {
	for _, e := range []error{unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM, unix.ECONNABORTED} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
