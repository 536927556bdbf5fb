package cli

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

// patience bounds one request: enough for a person who is asked by the keyring.
const patience = 3 * time.Minute

// secrets are attributes by name as they travel beside a request's typed params.
type secrets map[string]credential.Secret

func (s secrets) wipe() {
	for _, secret := range s {
		secret.Wipe()
	}
}

// call asks zend, starting it when needed. params is one of api's request types.
func call[Resp any](ctx context.Context, a *app, method string, params any) (Resp, error) {
	return callWith[Resp](ctx, a, method, params, nil)
}

// callWith is call with secrets, which stay the caller's to wipe.
func callWith[Resp any](ctx context.Context, a *app, method string, params any, with secrets) (resp Resp, err error) {
	client, err := a.zend(true)
	if err != nil {
		return resp, err
	}
	return ask[Resp](ctx, client, method, params, with, patience)
}

// ask is one request to a given client.
func ask[Resp any](
	ctx context.Context, client caller, method string, params any, with secrets, limit time.Duration,
) (resp Resp, err error) {
	body, err := encodeParams(params, with)
	if err != nil {
		return resp, err
	}
	reply, err := send(ctx, client, method, body, limit)
	if err != nil {
		return resp, err
	}
	defer reply.Wipe()
	dec := json.NewDecoder(bytes.NewReader(reply.Result))
	dec.UseNumber() // attributes of components may be numbers of any size
	if err := dec.Decode(&resp); err != nil {
		return resp, &credential.Error{
			Reason: credential.Internal, Message: "zend's answer makes no sense: " + err.Error(), Hint: "zen daemon restart", Cause: err,
		}
	}
	return resp, nil
}

// reveal asks for a connector's secret attributes. The caller wipes them.
func reveal(ctx context.Context, a *app, use api.UseConnector) (secrets, error) {
	client, err := a.zend(true)
	if err != nil {
		return nil, err
	}
	body, err := encodeParams(use, nil)
	if err != nil {
		return nil, err
	}
	reply, err := send(ctx, client, api.MethodConnectorReveal, body, patience)
	if err != nil {
		return nil, err
	}
	defer reply.Wipe()
	return ipc.Secrets(reply.Result)
}

// encodeParams puts the secrets beside the members of params by hand: encoding/json would leave copies of them behind.
func encodeParams(params any, with secrets) ([]byte, error) {
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

// send makes the request in the background, so that Ctrl-C ends the command at once. It takes over body and clears it.
func send(ctx context.Context, client caller, method string, body []byte, limit time.Duration) (ipc.Reply, error) {
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
