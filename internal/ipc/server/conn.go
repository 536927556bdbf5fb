package server

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/ipc"
)

// conn is one client's connection. Its requests are served one after the other.
type conn struct {
	*running
	net.Conn
	peer Peer

	in    []byte // bytes read and not yet served
	reply Buffer

	mu     sync.Mutex
	idle   bool // waiting for the first byte of a further request
	ending bool // no further request is served
}

// serve answers requests until the client goes, breaks a limit, or the server drains.
func (c *conn) serve() {
	defer c.wipe()
	if err := c.SetReadDeadline(time.Now().Add(c.limits.FirstLine)); err != nil {
		return
	}
	for {
		line, err := c.readLine()
		if err != nil {
			c.explain(err)
			return
		}
		ok := c.respond(line)
		c.consume(len(line) + 1)
		if !ok || !c.more() {
			return
		}
	}
}

// more prepares for a further request, which may have come together with the last one. It reports false when there is none.
func (c *conn) more() bool {
	if len(c.in) > 0 {
		return c.SetReadDeadline(time.Now().Add(c.limits.FirstLine)) == nil
	}
	return c.awaitNext()
}

// errTooLarge is for a line longer than ipc.MaxMessage.
var errTooLarge = errors.New("the request is too large")

// readLine returns the next line without its newline. It stays at the start of c.in.
func (c *conn) readLine() ([]byte, error) {
	searched := 0
	for {
		if end := bytes.IndexByte(c.in[searched:], '\n'); end >= 0 {
			return c.in[:searched+end], nil
		}
		searched = len(c.in)
		if searched >= ipc.MaxMessage {
			return nil, errTooLarge
		}
		if err := c.read(); err != nil {
			return nil, err
		}
	}
}

// read appends what the client sent to c.in. An array that is outgrown is cleared.
func (c *conn) read() error {
	if len(c.in) == cap(c.in) {
		bigger := make([]byte, len(c.in), min(max(2048, 2*cap(c.in)), ipc.MaxMessage))
		copy(bigger, c.in)
		clear(c.in)
		c.in = bigger
	}
	n, err := c.Read(c.in[len(c.in):cap(c.in)])
	c.in = c.in[:len(c.in)+n]
	if n > 0 {
		return nil
	}
	return err
}

// consume clears the first n bytes of c.in and moves what is left to the front.
func (c *conn) consume(n int) {
	left := copy(c.in, c.in[n:])
	clear(c.in[left:])
	c.in = c.in[:left]
	if left == 0 && cap(c.in) > keepBuffer {
		c.in = nil
	}
}

// respond serves a line and sends the response. It reports whether the connection is still good.
func (c *conn) respond(line []byte) bool {
	wanted := c.answer(c.peer, line, &c.reply)
	defer c.reply.wipe()
	return !wanted || c.send()
}

func (c *conn) send() bool {
	if err := c.SetWriteDeadline(time.Now().Add(c.limits.Write)); err != nil {
		return false
	}
	_, err := c.Write(c.reply.b)
	return err == nil
}

// awaitNext waits for the first byte of a further request and then sets the time in which the rest must come. It reports
// false when there is none.
func (c *conn) awaitNext() bool {
	if c.SetReadDeadline(time.Now().Add(c.limits.Idle)) != nil {
		return false
	}
	c.setIdle(true)
	err := c.read()
	c.setIdle(false)
	return err == nil && c.SetReadDeadline(time.Now().Add(c.limits.FirstLine)) == nil
}

// setIdle notes whether the connection waits for a request.
func (c *conn) setIdle(idle bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle = idle
	if c.idle && c.ending {
		c.closeRead()
	}
}

// endIfIdle ends the connection when it next waits for a request, at once if it does. What the client has already sent is
// still served, and what it sends later fails, so that it knows that it can safely send it to another zend.
func (c *conn) endIfIdle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ending = true
	if c.idle {
		c.closeRead()
	}
}

func (c *conn) closeRead() {
	if half, ok := c.Conn.(interface{ CloseRead() error }); ok {
		_ = half.CloseRead()
		return
	}
	_ = c.SetReadDeadline(time.Now())
}

// explain tells the client what was wrong with its line before the connection is closed.
func (c *conn) explain(err error) {
	var tell error
	switch {
	case errors.Is(err, errTooLarge):
		tell = credential.NewError(credential.TooLarge, errTooLarge.Error(), "")
	case errors.Is(err, os.ErrDeadlineExceeded):
		tell = credential.NewError(credential.Timeout, "no whole request came in time", "")
	case errors.Is(err, io.EOF) && len(c.in) > 0:
		tell = badRequest("the line has no end")
	default:
		return
	}
	c.reply.begin([]byte("null"))
	c.reply.fail(tell)
	c.reply.end()
	c.send()
}

func (c *conn) wipe() {
	clear(c.in[:cap(c.in)])
	c.reply.wipe()
}
