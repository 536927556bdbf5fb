package zend

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/ipc"
	"github.com/zen-agent/zen/internal/safejson"
)

// Connect returns a client of the user's zend, one that starts it when needed or one that
// never does.
type Connect func(start bool) (Caller, error)

// Patience bounds one request: enough for a person who is asked by the keyring.
const Patience = 3 * time.Minute

// Secrets are attributes by name as they travel beside a request's typed params.
type Secrets map[string]credential.Secret

// Wipe clears them all.
func (s Secrets) Wipe() {
	for _, secret := range s {
		secret.Wipe()
	}
}

// Call asks zend, starting it when needed. params is one of api's request types.
func Call[Resp any](ctx context.Context, connect Connect, method string, params any) (Resp, error) {
	return CallWith[Resp](ctx, connect, method, params, nil)
}

// CallWith is Call with secrets, which stay the caller's to wipe.
func CallWith[Resp any](
	ctx context.Context,
	connect Connect,
	method string,
	params any,
	with Secrets,
) (resp Resp, err error) {
	client, err := connect(true)
	if err != nil {
		return resp, err
	}
	return Ask[Resp](ctx, client, method, params, with, Patience)
}

// Ask is one request to a given client.
func Ask[Resp any](
	ctx context.Context, client Caller, method string, params any, with Secrets, limit time.Duration,
) (resp Resp, err error) {
	body, err := encodeParams(params, with)
	if err != nil {
		return resp, err
	}
	reply, err := Send(ctx, client, method, body, limit)
	if err != nil {
		return resp, err
	}
	defer reply.Wipe()
	dec := json.NewDecoder(bytes.NewReader(reply.Result))
	dec.UseNumber() // attributes of components may be numbers of any size
	if err := dec.Decode(&resp); err != nil {
		return resp, &credential.Error{
			Reason: credential.Internal, Message: "zend's answer makes no sense: " + err.Error(),
			Hint: "zen daemon restart", Cause: err,
		}
	}
	return resp, nil
}

// Reveal asks for a connector's secret attributes. The caller wipes them.
func Reveal(ctx context.Context, connect Connect, use api.UseConnector) (Secrets, error) {
	client, err := connect(true)
	if err != nil {
		return nil, err
	}
	body, err := encodeParams(use, nil)
	if err != nil {
		return nil, err
	}
	reply, err := Send(ctx, client, api.MethodConnectorReveal, body, Patience)
	if err != nil {
		return nil, err
	}
	defer reply.Wipe()
	return ipc.Secrets(reply.Result)
}

// encodeParams puts the secrets beside the members of params by hand: encoding/json would
// leave copies of them behind.
func encodeParams(params any, with Secrets) ([]byte, error) {
	body, err := json.Marshal(params)
	if err != nil || len(with) == 0 {
		return body, err
	}
	body = body[:len(body)-1]
	if len(body) > 1 {
		body = append(body, ',')
	}
	body = safejson.AppendString(body, api.SecretsMember)
	return append(ipc.AppendSecrets(append(body, ':'), with), '}'), nil
}

// Send makes the request in the background, so that Ctrl-C ends the command at once. It
// takes over body and clears it.
func Send(
	ctx context.Context,
	client Caller,
	method string,
	body []byte,
	limit time.Duration,
) (ipc.Reply, error) {
	type answer struct {
		reply ipc.Reply
		err   error
	}
	done := make(chan answer, 1)
	deadline := time.Now().Add(limit)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	go func() {
		reply, err := client.Call(method, body, deadline)
		clear(body[:cap(body)])
		done <- answer{reply, err}
	}()
	select {
	case got := <-done:
		return got.reply, got.err
	case <-ctx.Done():
		return ipc.Reply{}, context.Cause(ctx)
	}
}

// Caller is a client of zend.
type Caller interface {
	Call(method string, params []byte, deadline time.Time) (ipc.Reply, error)
}

// IsAbsent reports whether nobody listens at the socket, or went away from it.
func IsAbsent(err error) bool { return credential.Unavailable.Is(err) }

// Glance bounds a look at a zend that runs.
const Glance = 5 * time.Second
