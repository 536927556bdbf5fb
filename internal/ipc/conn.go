//go:build unix

package ipc

import (
	"bytes"
	"errors"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safejson"
)

// Conn is a connection to zend whose other end was checked to be the same user. It is not
// safe for concurrent use.
type Conn struct {
	fd     int
	name   string
	buffer []byte // Client.Buffer
}

// lostError says that zend went away before its answer came.
type lostError struct {
	message string
	sent    bool // the whole request was sent, so it may have been carried out
	cause   error
}

func (e *lostError) Error() string { return e.message }
func (e *lostError) Unwrap() error { return e.public() }

// public is the error for callers: trying again was of no use.
func (e *lostError) public() error {
	if told, ok := errors.AsType[*credential.Error](e.cause); ok {
		return told
	}
	return &credential.Error{Reason: credential.Unavailable, Message: e.message, Hint: "see why: zen " +
		"daemon logs", Cause: e.cause}
}

func lost(sent bool, cause error) error {
	return &lostError{message: "zend went away before it answered", sent: sent, cause: cause}
}

// tooLate is how zend answers a client whose request it did not get whole in time: on a
// machine that has too much to do, the client itself may be late after it connected.
const tooLate = `{"jsonrpc":"2.0","id":null,"error":`

// late returns what zend told a client that was too late, or nil. The request was not
// carried out and may be sent again.
func late(line []byte) error {
	if !bytes.HasPrefix(line, []byte(tooLate)) {
		return nil
	}
	if _, err := parseReply(line); credential.Timeout.Is(err) {
		return &lostError{message: err.Error(), cause: err}
	}
	return nil
}

// dial connects to the socket at path and checks that both the file and the process
// behind it are the user's own. Nothing is sent. After an error there is no connection.
func (c *Conn) dial(path string, l *limit) error {
	if err := checkSocket(path); err != nil {
		return err
	}
	fd, err := newSocket()
	if err != nil {
		return err
	}
	c.fd = fd
	if err = c.connect(path, l); err == nil {
		err = checkPeer(fd, path)
	}
	if err != nil {
		c.Close()
	}
	return err
}

// checkPeer refuses a process that is not the user's own.
func checkPeer(fd int, path string) error {
	uid, err := peerUID(fd)
	if err == nil && uid != unix.Geteuid() {
		err = foreign("the process behind " + path)
	}
	return err
}

// checkSocket refuses what is not a socket, or another user's.
func checkSocket(path string) error {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return credential.NewError(credential.Unavailable, path+" is not a socket", "rm "+path)
	}
	if int(st.Uid) != unix.Geteuid() {
		return foreign("the socket " + path)
	}
	return nil
}

func foreign(what string) error {
	return credential.NewError(credential.ForeignPeer, what+" belongs to another user; nothing was "+
		"sent", "zen doctor")
}

// absent reports whether err means that nobody listens.
func absent(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, unix.ENOTDIR)
}

// connect waits while the listener's queue is full, which a Unix socket reports as EAGAIN
// instead of letting one poll.
func (c *Conn) connect(path string, l *limit) error {
	addr := &unix.SockaddrUnix{Name: path}
	for {
		err := unix.Connect(c.fd, addr)
		switch err {
		case nil, unix.EISCONN:
			return nil
		case unix.EINTR:
			continue
		case unix.EAGAIN, unix.EINPROGRESS:
		default:
			return err
		}
		if l.left() <= 0 {
			return timeout()
		}
		time.Sleep(time.Millisecond)
	}
}

// timeout is the error of a zend that said nothing: one that is waiting for something
// itself answers before the deadline, which it is sent. It cannot be asked to end then,
// and may be killed at any time.
func timeout() error {
	return credential.NewError(credential.Timeout, "zend did not answer in time",
		"if that goes on, end zend; the next client starts it again: pkill -KILL -u $(id -u) -x zend")
}

// Close ends the connection.
func (c *Conn) Close() { _ = unix.Close(c.fd) }

// Call sends one request and waits for its answer. See Client.Call for the errors; the
// connection is of no use after one that did not come from zend.
func (c *Conn) Call(method string, params []byte, deadline time.Time) (Reply, error) {
	line, err := c.exchange(method, params, &limit{deadline: deadline})
	if err != nil {
		return Reply{}, err
	}
	return newReply(line)
}

// exchange sends a request and returns the line that answers it.
func (c *Conn) exchange(method string, params []byte, l *limit) ([]byte, error) {
	request := appendRequest(c.buffer[:0:len(c.buffer)], c.name, method, params, time.Until(l.deadline))
	defer clear(request)
	if len(request) > MaxMessage {
		return nil, credential.NewError(credential.TooLarge, "the request is too large", "")
	}
	if err := c.send(request, l); err != nil {
		return nil, err
	}
	answer := c.buffer
	if n := len(request); n <= len(answer) {
		answer = answer[n:]
	}
	line, err := c.readLine(answer, l)
	if err == nil {
		err = late(line)
	}
	return line, err
}

func (c *Conn) send(b []byte, l *limit) error {
	for len(b) > 0 {
		n, err := sendNoSignal(c.fd, b)
		switch {
		case err == nil:
			b = b[n:]
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			if err := c.wait(unix.POLLOUT, l); err != nil {
				return err
			}
		default:
			return c.sendFailed(err, l)
		}
	}
	return nil
}

// sendFailed looks for the answer of a zend that refused the connection without reading
// the request (too many connections, for example); otherwise the request is lost.
func (c *Conn) sendFailed(cause error, l *limit) error {
	if line, err := c.readLine(nil, l); err == nil {
		defer clear(line)
		if err := late(line); err != nil {
			return err
		}
		if _, err := parseReply(line); err != nil {
			return err
		}
	}
	return lost(false, cause)
}

// leastRead is the room in bytes that is read into at least: most answers fit.
const leastRead = 1024

// readLine reads up to a newline, into room if that suffices. Otherwise the line lies in
// an array of its own; arrays it outgrew are cleared.
func (c *Conn) readLine(room []byte, l *limit) ([]byte, error) {
	buf := room[:0:len(room)]
	for {
		if err := c.wait(unix.POLLIN, l); err != nil {
			clear(buf)
			return nil, err
		}
		buf = safejson.Grow(buf, leastRead)
		n, err := unix.Read(c.fd, buf[len(buf):cap(buf)])
		if err == unix.EINTR || err == unix.EAGAIN {
			continue
		}
		if n <= 0 || err != nil {
			clear(buf)
			return nil, lost(len(buf) > 0 || !unread(err), err)
		}
		end := bytes.IndexByte(buf[len(buf):len(buf)+n], '\n')
		buf = buf[:len(buf)+n]
		if end >= 0 {
			return buf[: len(buf)-n+end : len(buf)], nil // no more than what was read has to be wiped
		}
		if len(buf) > maxReply {
			clear(buf)
			return nil, credential.NewError(credential.TooLarge, "zend's answer is too large", "")
		}
	}
}

// unread reports whether err, of a read, says that the other end went away without having
// read all that was sent to it, or without having accepted the connection. Linux resets a
// Unix socket in just these cases (unix_release_sock); what was read to its end is a
// plain end of file.
func unread(err error) bool { return runtime.GOOS == "linux" && errors.Is(err, unix.ECONNRESET) }

// wait sleeps until the socket is ready.
func (c *Conn) wait(events int16, l *limit) error {
	ready, err := await(c.fd, events, l.left)
	if err == nil && !ready {
		return timeout()
	}
	return err
}

// await sleeps until fd is ready or broken, which the next call on it tells, or nothing
// is left of the time.
func await(fd int, events int16, left func() time.Duration) (ready bool, err error) {
	for {
		most := left()
		if most <= 0 {
			return false, nil
		}
		fds := []unix.PollFd{{Fd: int32(fd), Events: events}}
		n, err := unix.Poll(fds, int(most.Milliseconds())+1)
		if n > 0 {
			return true, nil
		}
		if err != nil && err != unix.EINTR {
			return false, err
		}
	}
}
