package ipc

import (
	"errors"
	"strings"
	"time"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/paths"
)

// attempts is how often a call is tried when zend vanishes under it: the first time, and twice more with another zend.
// A request that kills zend must not go round for ever.
const attempts = 3

// Client calls zend. It keeps no connection and is safe for concurrent use.
type Client struct {
	Socket string   // path of the socket
	Name   string   // the program and its version, "zen/0.1.0"; zend logs it
	Start  *Starter // starts zend when nobody answers; nil: never
}

// NewClient returns a client of the user's zend that starts it when needed. name is the program's, without version.
func NewClient(dirs paths.Dirs, name string) (*Client, error) {
	socket, err := dirs.Socket()
	if err != nil {
		return nil, err
	}
	return &Client{Socket: socket, Name: name + "/" + api.Version, Start: NewStarter(dirs)}, nil
}

// Call sends a request and returns zend's answer. params is a JSON object or empty. Errors are a *credential.Error: the
// one zend sent, Unavailable when zend cannot be reached or started, ForeignPeer when the socket is another user's (then
// nothing was sent), Timeout when the deadline passed.
//
// When zend vanishes (killed, or ended for idleness at that moment) the call is repeated with another one, provided that
// no part of an answer came and that the method may be carried out twice or the request was not sent whole.
func (c *Client) Call(method string, params []byte, deadline time.Time) (Reply, error) {
	var last *lostError
	for range attempts {
		conn, err := c.Dial(deadline)
		if err != nil {
			return Reply{}, err
		}
		reply, err := conn.Call(method, params, deadline)
		conn.Close()
		lost, ok := errors.AsType[*lostError](err)
		if !ok {
			return reply, err
		}
		if last = lost; lost.sent && !repeatable(method) {
			break
		}
	}
	return Reply{}, last.public()
}

// Dial connects to zend, starting it if need be, for several calls over one connection. Calls over a kept connection are
// not repeated.
func (c *Client) Dial(deadline time.Time) (*Conn, error) {
	conn, err := dialSocket(c.Socket, deadline)
	if absent(err) && c.Start != nil {
		conn, err = c.Start.start(c.Socket, deadline)
	}
	if err != nil {
		return nil, unreachable(c.Socket, err)
	}
	conn.name = c.Name
	return conn, nil
}

// unreachable is err as the caller shall see it.
func unreachable(socket string, err error) error {
	if _, ok := errors.AsType[*credential.Error](err); ok {
		return err
	}
	message := "zend cannot be reached at " + socket + ": " + err.Error()
	if absent(err) {
		message = "zend is not running (nothing answers at " + socket + ")"
	}
	return &credential.Error{Reason: credential.Unavailable, Message: message, Cause: err}
}

// repeatable reports whether carrying out the method twice is the same as once.
func repeatable(method string) bool {
	switch method {
	case api.MethodGet, api.MethodStore, api.MethodErase, api.MethodList,
		api.MethodStatus, api.MethodLogins, api.MethodWhy, api.MethodAudit, api.MethodVaultStatus:
		return true
	}
	_, verb, _ := strings.Cut(method, ".")
	switch verb {
	case "list", "get", "types", "flavors", "resources", "verify", "export":
		return true
	}
	return false
}
