//go:build unix

package server

import (
	"errors"
	"net"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/zen-agent/zen/internal/credential"
)

// handoverVariable tells the zend that is executed in place of another one what it
// inherits: "PID:SOCKET:LOCK:KIND", where SOCKET and LOCK are descriptors and KIND is
// "own" or "activated".
const handoverVariable = "ZEND_HANDOVER"

// firstPassed is the first descriptor that a service manager passes (sd_listen_fds(3)).
const firstPassed = 3

// Activated returns the socket that was passed to this process, by a service manager
// (LISTEN_PID, LISTEN_FDS) or by the zend before it (KeepForExec), or nil when there is
// none. The variables are removed: no child shall take them for its own.
func Activated(path, lockPath string) (*Listener, error) {
	handover := take(handoverVariable)
	pid, fds := take("LISTEN_PID"), take("LISTEN_FDS")
	take("LISTEN_FDNAMES")
	self := strconv.Itoa(os.Getpid())
	if fields := strings.Split(handover, ":"); len(fields) == 4 && fields[0] == self {
		return inherited(path, fields)
	}
	if pid != self {
		return nil, nil
	}
	if fds != "1" {
		return nil, credential.NewError(credential.InvalidInput, "the service manager "+
			"passed "+strconv.Quote(fds)+" sockets instead of one", "")
	}
	l, err := fromDescriptor(firstPassed, path)
	if err != nil {
		return nil, err
	}
	l.activated = true
	if l.lock, err = takeLock(lockPath, "", lockWait); err != nil {
		l.waiting.Close()
		l.UnixListener.Close()
		return nil, err
	}
	return l, nil
}

func take(variable string) string {
	value := os.Getenv(variable)
	os.Unsetenv(variable)
	return value
}

// inherited takes over socket and lock from the zend that executed this one.
func inherited(path string, fields []string) (*Listener, error) {
	socket, err1 := strconv.Atoi(fields[1])
	lock, err2 := strconv.Atoi(fields[2])
	if err := errors.Join(err1, err2); err != nil {
		return nil, &credential.Error{Reason: credential.Internal, Message: handoverVariable + " makes " +
			"no sense", Cause: err}
	}
	l, err := fromDescriptor(socket, path)
	if err != nil {
		return nil, err
	}
	unix.CloseOnExec(lock)
	l.lock = os.NewFile(uintptr(lock), "zend.lock")
	l.activated = fields[3] == "activated"
	return l, nil
}

// fromDescriptor makes a Listener of a listening Unix socket. It goes by path, or by the
// name it was bound to if that exists: zend binds its own to a name that is gone.
func fromDescriptor(fd int, path string) (*Listener, error) {
	unix.CloseOnExec(fd)
	f := os.NewFile(uintptr(fd), "socket")
	if f == nil {
		return nil, notListening(errors.New("no such descriptor"))
	}
	defer f.Close()
	ln, err := net.FileListener(f)
	if err != nil {
		return nil, notListening(err)
	}
	u, ok := ln.(*net.UnixListener)
	if !ok {
		ln.Close()
		return nil, notListening(errors.New("it is not a Unix socket"))
	}
	u.SetUnlinkOnClose(false)
	if name := u.Addr().String(); strings.HasPrefix(name, "/") && exists(name) {
		path = name
	}
	return newListener(u, path)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func notListening(err error) error {
	return &credential.Error{Reason: credential.InvalidInput, Message: "the passed descriptor is no " +
		"listening socket: " + err.Error(), Cause: err}
}

// KeepForExec leaves socket and lock open across exec and tells the program that is
// executed next about them. KeepOpen must have been called in time.
func (l *Listener) KeepForExec() error {
	socket, err := l.File()
	if err != nil {
		return err
	}
	kind := "own"
	if l.activated {
		kind = "activated"
	}
	value := []string{strconv.Itoa(os.Getpid())}
	for _, f := range []*os.File{socket, l.lock} {
		// A descriptor of its own: closing the *os.File, or its finalizer, must not close
		// what the next zend inherits.
		fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD, firstPassed)
		if err != nil {
			return err
		}
		value = append(value, strconv.Itoa(fd))
	}
	return os.Setenv(handoverVariable, strings.Join(append(value, kind), ":"))
}
