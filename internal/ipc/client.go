package ipc

import (
	"errors"
	"time"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/paths"
)

// How often a call is tried when zend vanishes under it.
const (
	// sentAttempts is for requests that reached a zend: one that kills zend must not go
	// round for ever.
	sentAttempts = 8
	// unsentAttempts is for those that reached none, because zend ended, or was killed,
	// while it started. With the pauses between them they take about 200 ms, so that a
	// zend that can never start is reported soon.
	unsentAttempts = 10
	firstPause     = time.Millisecond
	longestPause   = 50 * time.Millisecond
)

// Client calls zend. It keeps no connection and is safe for concurrent use.
type Client struct {
	Socket string // path of the socket
	Name   string // the program and its version, "zen/0.1.0"; zend logs it

	// Start returns what starts zend when nobody answers; nil: nothing ever does.
	Start func() (*Starter, error)

	// Patience is how long a zend that starts, and its answer, are waited for before Wait
	// is asked, once, whether to wait on until the deadline; if not, the call ends as if
	// the deadline had passed. Without Wait the deadline alone counts.
	Patience time.Duration
	Wait     func() bool

	// Buffer is where a request is put together and its answer read, as far as it
	// suffices; nil: memory of its own. A program that makes one call spares itself the
	// page faults of more memory. Its content is of no use to anybody after Reply.Wipe.
	Buffer []byte
}

// NewClient returns a client of the user's zend that starts it when needed. name is the
// program's, without version.
func NewClient(dirs paths.Dirs, name string) (*Client, error) {
	socket, err := dirs.Socket()
	if err != nil {
		return nil, err
	}
	start := func() (*Starter, error) { return NewStarter(dirs), nil }
	return &Client{Socket: socket, Name: name + "/" + api.Version, Start: start}, nil
}

// Call sends a request and returns zend's answer. params is a JSON object or empty.
// Errors are a *credential.Error: the one zend sent, Unavailable when zend cannot be
// reached or started, ForeignPeer when the socket is another user's (then nothing was
// sent), Timeout when the deadline passed.
//
// When zend vanishes (killed, or ended for idleness at that moment) the call is repeated
// with another one, provided that the method may be carried out twice or that zend did
// not get the request whole.
func (c *Client) Call(method string, params []byte, deadline time.Time) (Reply, error) {
	l := &limit{deadline: deadline, soon: time.Now().Add(c.Patience), worth: c.Wait}
	var line []byte
	err := retry(l, func() (err error) {
		var conn Conn
		if err := c.dial(&conn, l); err != nil {
			return err
		}
		defer conn.Close()
		line, err = conn.exchange(method, params, l)
		if lost, ok := errors.AsType[*lostError](err); ok && lost.sent && !api.Repeatable(method) {
			return lost.public()
		}
		return err
	})
	if err != nil {
		return Reply{}, unreachable(c.Socket, err)
	}
	return newReply(line)
}

// Answers reports whether the zend that runs answers at all within a time, which it does
// while other requests wait for a person or a registry.
func (c *Client) Answers(within time.Duration) bool {
	asker := &Client{Socket: c.Socket, Name: c.Name}
	reply, err := asker.Call(api.MethodStatus, nil, time.Now().Add(within))
	reply.Wipe()
	return err == nil
}

// Dial connects to zend, starting it if need be, for several calls over one connection.
// Calls over a kept connection are not repeated.
func (c *Client) Dial(deadline time.Time) (*Conn, error) {
	l := &limit{deadline: deadline}
	conn := new(Conn)
	if err := retry(l, func() error { return c.dial(conn, l) }); err != nil {
		return nil, unreachable(c.Socket, err)
	}
	return conn, nil
}

func (c *Client) dial(conn *Conn, l *limit) error {
	conn.name, conn.buffer = c.Name, c.Buffer
	err := conn.dial(c.Socket, l)
	if !absent(err) || c.Start == nil {
		return err
	}
	starter, err := c.Start()
	if err != nil {
		return err
	}
	return starter.start(conn, c.Socket, l)
}

// retry calls f again while it fails because zend vanished.
func retry(l *limit, f func() error) error {
	sent, unsent := 0, 0
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := f()
		lost, ok := errors.AsType[*lostError](err)
		if !ok {
			return err
		}
		if lost.sent {
			sent++
		} else {
			unsent++
		}
		if sent == sentAttempts || unsent == unsentAttempts || l.left() <= pause {
			return lost.public()
		}
		time.Sleep(pause)
	}
}

// unreachable is err as the caller shall see it.
func unreachable(socket string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*credential.Error](err); ok {
		return err
	}
	message := "zend cannot be reached at " + socket + ": " + err.Error()
	if absent(err) {
		message = "zend is not running (nothing answers at " + socket + ")"
	}
	return &credential.Error{Reason: credential.Unavailable, Message: message, Cause: err}
}
