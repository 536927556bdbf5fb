package ipc

import (
	"strconv"
	"time"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safejson"
)

// Reply is what zend answered. Result is a JSON object that may hold secrets: call Wipe
// when done with it.
type Reply struct {
	Result []byte
	buf    []byte
}

// Wipe clears the reply's bytes.
func (r Reply) Wipe() { clear(r.buf[:cap(r.buf)]) }

// newReply takes zend's answer apart, which is wiped if it is none.
func newReply(line []byte) (Reply, error) {
	result, err := parseReply(line)
	reply := Reply{Result: result, buf: line}
	if err != nil {
		reply.Wipe()
		return Reply{}, err
	}
	return reply, nil
}

// appendRequest appends a request line with id 1: a connection has one request in flight.
func appendRequest(dst []byte, client, method string, params []byte, timeout time.Duration) []byte {
	dst = safejson.Grow(dst, len(params)+len(client)+len(method)+128)
	dst = append(dst, `{"jsonrpc":"2.0","id":1,"method":`...)
	dst = safejson.AppendString(dst, method)
	dst = append(safejson.Grow(dst, 16), `,"client":`...)
	dst = safejson.AppendString(dst, client)
	dst = append(safejson.Grow(dst, len(params)+64), `,"timeout_ms":`...)
	dst = strconv.AppendInt(dst, max(1, timeout.Milliseconds()), 10)
	if len(params) > 0 {
		dst = append(dst, `,"params":`...)
		dst = append(dst, params...)
	}
	return append(dst, '}', '\n')
}

// AppendError appends err as the error object of a JSON-RPC response. Errors that are not
// a *credential.Error are sent as Internal without their text, which was not written for
// strangers.
func AppendError(dst []byte, err error) []byte {
	e := publicError(err)
	dst = append(dst, `{"code":`...)
	dst = strconv.AppendInt(dst, int64(e.Reason.Info().Code), 10)
	dst = append(dst, `,"message":`...)
	dst = safejson.AppendString(dst, e.Error())
	dst = append(dst, `,"data":{"reason":`...)
	dst = safejson.AppendString(dst, string(e.Reason))
	if hint := e.HintText(); hint != "" {
		dst = append(dst, `,"hint":`...)
		dst = safejson.AppendString(dst, hint)
	}
	return append(dst, '}', '}')
}

// parseReply takes a response line apart. Its error is the one that zend sent, rebuilt,
// or one about the line.
func parseReply(line []byte) (result []byte, err error) {
	var result0, error0 []byte
	err = safejson.Members(line, func(key, value []byte) error {
		switch string(key) {
		case "result":
			result0 = value
		case "error":
			error0 = value
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, badReply(err)
	case error0 != nil:
		return nil, parseError(error0)
	case result0 == nil:
		return nil, badReply(nil)
	}
	return result0, nil
}

func badReply(cause error) error {
	return &credential.Error{Reason: credential.Internal, Message: "zend's answer makes no " +
		"sense", Hint: "zen daemon restart", Cause: cause}
}

// parseError rebuilds an error from the wire. A reason that this program does not know
// yet is kept as it is.
func parseError(obj []byte) error {
	e := &credential.Error{Reason: credential.Internal}
	err := safejson.Members(obj, func(key, value []byte) error {
		switch string(key) {
		case "message":
			return setText(&e.Message, value)
		case "data":
			if value[0] != '{' {
				return nil
			}
			return safejson.Members(
				value,
				func(key, value []byte) error { return setErrorData(e, key, value) },
			)
		}
		return nil
	})
	if err != nil {
		return badReply(err)
	}
	return e
}

func setErrorData(e *credential.Error, key, value []byte) error {
	switch string(key) {
	case "reason":
		var reason string
		err := setText(&reason, value)
		e.Reason = credential.Reason(reason)
		return err
	case "hint":
		return setText(&e.Hint, value)
	}
	return nil
}

func setText(to *string, raw []byte) error {
	text, err := safejson.Unquote(raw)
	*to = string(text)
	return err
}
