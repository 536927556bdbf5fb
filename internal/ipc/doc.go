// Package ipc is the wire between zend and its clients: JSON-RPC 2.0, one object a line,
// over a Unix socket. It holds the messages, the client, and the starting of zend on
// demand; the other end is package server.
//
// docker-credential-zen links it and its start-up time is what users wait for: no net,
// fmt, encoding/json, context or os/exec here.
//
// A request is
// {"jsonrpc":"2.0","id":1,"method":"get","client":"zen/0.1.0","timeout_ms":10000,"params":{...}},
// a response {"jsonrpc":"2.0","id":1,"result":{...}} or
// {...,"error":{"code":-32001,"message":"...","data":{"reason":"...","hint":"..."}}}.
// timeout_ms is optional and bounds how long zend works on the request.
package ipc

// Limits of the wire.
const (
	// MaxSecret is the length in bytes of the longest secret that is certain to pass.
	MaxSecret = 1 << 20
	// MaxMessage is the length in bytes of the longest request line, newline included: a
	// secret of MaxSecret bytes of text, of which each may need an escape of two bytes,
	// and an envelope.
	MaxMessage = 2*MaxSecret + 64<<10
	// maxReply is the length in bytes of the longest line that a client takes from zend,
	// whom it trusts: any secret that was sent, however much of it zend escapes, and
	// lists of many thousand logins.
	maxReply = 64 << 20
)
