package server

import (
	"bytes"
	"strconv"
	"time"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safejson"
)

// maxID and maxName bound what a request makes zend repeat or log.
const (
	maxID   = 256
	maxName = 128
)

// request is a JSON-RPC 2.0 request. Its slices are parts of the line.
type request struct {
	id           []byte // as it was written, to be echoed; null until it is known
	notification bool   // there was no id: nobody waits for an answer
	version      bool
	method       string
	client       string
	timeout      time.Duration
	params       []byte
}

// parseRequest takes a line apart. Also with an error, the request has what is needed to
// answer.
func parseRequest(line []byte) (request, error) {
	req := request{id: []byte("null"), notification: true, params: []byte("{}")}
	if trimmed := bytes.TrimLeft(line, " \t\r"); len(trimmed) > 0 && trimmed[0] == '[' &&
		safejson.Valid(line) {
		return anonymous(badRequest("batches are not served"))
	}
	err := safejson.Members(line, req.set)
	switch {
	case credential.InvalidInput.Is(err):
		return anonymous(badRequest(err.Error()))
	case err != nil:
		return anonymous(err)
	case !req.version:
		return req, badRequest(`"jsonrpc":"2.0" is missing`)
	case req.method == "":
		return req, badRequest("the method is missing")
	}
	return req, nil
}

// anonymous is a request that cannot be trusted to have said its id.
func anonymous(err error) (request, error) { return request{id: []byte("null")}, err }

func badRequest(what string) error {
	return credential.NewError(credential.BadRequest, "not a JSON-RPC 2.0 request: "+what, "")
}

// set takes over one member; those it does not know are left for newer versions.
func (r *request) set(key, value []byte) (err error) {
	switch string(key) {
	case "jsonrpc":
		if r.version = string(value) == `"2.0"`; !r.version {
			return badRequest("jsonrpc is not \"2.0\"")
		}
	case "id":
		r.notification = false
		r.id, err = checkID(value)
	case "method":
		r.method, err = name("method", value)
	case "client":
		r.client, err = name("client", value)
	case "timeout_ms":
		r.timeout, err = milliseconds(value)
	case "params":
		if value[0] != '{' {
			return badRequest("params is not an object")
		}
		r.params = value
	}
	return err
}

func checkID(value []byte) ([]byte, error) {
	if c := value[0]; c == '{' || c == '[' || c == 't' || c == 'f' {
		return nil, badRequest("id is not a number or string")
	}
	if len(value) > maxID {
		return nil, badRequest("id is too long")
	}
	return value, nil
}

func name(what string, value []byte) (string, error) {
	if len(value) > maxName {
		return "", badRequest(what + " is too long")
	}
	text, err := safejson.Unquote(value)
	if err != nil {
		return "", badRequest(what + " is not a string")
	}
	return string(text), nil
}

func milliseconds(value []byte) (time.Duration, error) {
	n, err := strconv.ParseUint(string(value[:min(len(value), 20)]), 10, 32)
	if err != nil {
		return 0, badRequest("timeout_ms is not a positive integer")
	}
	return time.Duration(n) * time.Millisecond, nil
}

// limit is how long the request may be worked on.
func (r *request) limit(most time.Duration) time.Duration {
	if r.timeout > 0 && r.timeout < most {
		return r.timeout
	}
	return most
}
