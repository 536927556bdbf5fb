package server

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/ipc"
)

// conn is one client's connection. Its requests are served one after the other.
type conn struct {
	*running
	net.Conn
	peer Peer

	in      []byte // bytes read and not yet served
	reply   Buffer
	reading patience
	writing patience
	large   bool // c.in may be larger than most, of which there are only so many

	mu     sync.Mutex
	idle   bool // waiting for the first byte of a further request
	ending bool // no further request is served
}

// patience is how long one direction of a connection may take. The runtime's timer for it
// is set only when it would ring too late: it may ring too early, and is then set for the
// rest. To set it for each request costs as much as to read one.
type patience struct {
	set   func(time.Time) error // the connection's deadline
	timer time.Time             // when it rings; zero: never
	until time.Time
}

// begin allows d from now.
func (p *patience) begin(d time.Duration) error {
	p.until = time.Now().Add(d)
	if !p.timer.IsZero() && !p.timer.After(p.until) {
		return nil
	}
	p.timer = p.until
	return p.set(p.timer)
}

// tooEarly reports whether err only says that the timer rang before the time was over;
// then there is a new one.
func (p *patience) tooEarly(err error) bool {
	if !errors.Is(err, os.ErrDeadlineExceeded) || !time.Now().Before(p.until) {
		return false
	}
	p.timer = p.until
	return p.set(p.timer) == nil
}

// serve answers requests until the client goes, breaks a limit, or the server drains.
func (c *conn) serve() {
	defer c.wipe()
	c.reading.set, c.writing.set = c.SetReadDeadline, c.SetWriteDeadline
	if err := c.reading.begin(c.limits.FirstLine); err != nil {
		return
	}
	for {
		line, err := c.readLine()
		if err != nil {
			c.explain(err)
			return
		}
		if !c.respond(line) || len(c.in) == 0 && !c.awaitNext() {
			return
		}
		if bytes.IndexByte(c.in, '\n') < 0 && c.reading.begin(c.limits.FirstLine) != nil {
			return
		}
	}
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
		size := min(max(firstBuffer, 2*cap(c.in)), ipc.MaxMessage)
		if size > largeBuffer && !c.mayBeLarge() {
			return os.ErrDeadlineExceeded
		}
		bigger := make([]byte, len(c.in), size)
		copy(bigger, c.in)
		clear(c.in)
		c.in = bigger
	}
	for {
		n, err := c.Read(c.in[len(c.in):cap(c.in)])
		late := err != nil && errors.Is(err, os.ErrDeadlineExceeded)
		if late && c.reading.tooEarly(err) {
			continue
		}
		if late {
			n = c.lastLook(c.in[len(c.in):cap(c.in)])
		}
		c.in = c.in[:len(c.in)+n]
		if n > 0 {
			return nil
		}
		return err
	}
}

// lastLook reads, without waiting, what lies in the socket although the time is over: it
// is zend that is late then, on a machine that has too much to do, and the runtime does
// not read past a deadline. A request may take several looks, until one finds nothing;
// that it ends is due to ipc.MaxMessage.
func (c *conn) lastLook(b []byte) (n int) {
	s, ok := c.Conn.(syscall.Conn)
	if !ok {
		return 0
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return 0
	}
	// does not wait: the runtime's sockets never do
	_ = raw.Control(func(fd uintptr) { n, _ = unix.Read(int(fd), b) })
	return max(n, 0)
}

// mayBeLarge waits until fewer than maxLarge connections have a large request, but not
// longer than the request may take.
func (c *conn) mayBeLarge() bool {
	if c.large {
		return true
	}
	select {
	case c.larges <- struct{}{}: // also when the time is over and zend is late
		c.large = true
		return true
	default:
	}
	late := time.NewTimer(time.Until(c.reading.until))
	defer late.Stop()
	select {
	case c.larges <- struct{}{}:
		c.large = true
	case <-late.C:
	}
	return c.large
}

// small gives back what mayBeLarge took.
func (c *conn) small() {
	if c.large {
		c.large = false
		<-c.larges
	}
}

// consume clears the first n bytes of c.in and moves what is left to the front.
func (c *conn) consume(n int) {
	left := copy(c.in, c.in[n:])
	clear(c.in[left:])
	c.in = c.in[:left]
	c.shrink()
}

// shrink gives up a large buffer that has nothing in it.
func (c *conn) shrink() {
	if len(c.in) == 0 && cap(c.in) > keepBuffer {
		c.in = nil
		c.small()
	}
}

// respond serves a line and sends the response. It reports whether the connection is
// still good.
func (c *conn) respond(line []byte) bool {
	defer c.giveUp()
	wanted := c.answer(c.peer, line, &c.reply)
	c.consume(len(line) + 1) // before a slow client makes it last
	if !wanted {
		return true
	}
	return c.send()
}

// giveUp clears the response, and what it occupied is free for others.
func (c *conn) giveUp() {
	c.reply.wipe()
	c.release(&c.reply)
}

func (c *conn) send() bool {
	if c.writing.begin(c.limits.Write) != nil {
		return false
	}
	for left := c.reply.b; ; {
		n, err := c.Write(left)
		if err == nil {
			return true
		}
		if left = left[n:]; !c.writing.tooEarly(err) {
			return false
		}
	}
}

// awaitNext waits for the beginning of a further request. It reports false when there is
// none.
func (c *conn) awaitNext() bool {
	if c.reading.begin(c.limits.Idle) != nil {
		return false
	}
	c.setIdle(true)
	err := c.read()
	c.setIdle(false)
	return err == nil
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

// endIfIdle ends the connection when it next waits for a request, at once if it does.
// What the client has already sent is still served, and what it sends later fails, so
// that it knows that it can safely send it to another zend.
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
	_ = c.Close()
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
	c.consume(len(c.in))
	c.reply.begin([]byte("null"))
	c.reply.fail(tell)
	c.reply.end()
	c.send()
}

// wipe clears the buffers; large ones are given up.
func (c *conn) wipe() {
	clear(c.in[:cap(c.in)])
	c.in = c.in[:0]
	c.shrink()
	c.reply.wipe()
}
