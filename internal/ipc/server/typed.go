package server

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/zen-agent/zen/internal/credential"
)

// Typed makes a Handler of a function on types without secrets: params are decoded and the result is encoded with
// encoding/json, which leaves copies of both on the heap. Members of params that Req does not have are ignored.
func Typed[Req, Resp any](f func(context.Context, Peer, Req) (Resp, error)) Handler {
	return func(ctx context.Context, call *Call) error {
		var req Req
		if err := json.Unmarshal(call.Params, &req); err != nil {
			return badParams(err)
		}
		resp, err := f(ctx, call.Peer, req)
		if err != nil {
			return err
		}
		encoded, err := json.Marshal(resp)
		if err != nil {
			return err
		}
		call.Result.Append(func(dst []byte) []byte { return append(dst, encoded...) })
		return nil
	}
}

// badParams says which member is wrong, without its value.
func badParams(err error) error {
	message := "the params do not fit the method"
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && t.Field != "" {
		message += ": " + t.Field
	}
	return &credential.Error{Reason: credential.InvalidInput, Message: message, Cause: err}
}
