package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"reflect"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safejson"
)

// Typed makes a Handler of a function on types without secrets: params are decoded and
// the result is encoded with encoding/json, which leaves copies of both on the heap.
// Members of params that Req does not have are ignored; numbers in members of any type
// stay json.Number, as they were sent.
func Typed[Req, Resp any](f func(context.Context, Peer, Req) (Resp, error)) Handler {
	decode := json.Unmarshal
	if hasAny(reflect.TypeFor[Req](), map[reflect.Type]bool{}) {
		decode = decodeNumbers
	}
	return func(ctx context.Context, call *Call) error {
		var req Req
		if err := decode(call.Params, &req); err != nil {
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

// hasAny reports whether t has members of any type.
func hasAny(t reflect.Type, seen map[reflect.Type]bool) bool {
	if seen[t] {
		return false
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Interface:
		return true
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return hasAny(t.Elem(), seen)
	case reflect.Struct:
		for field := range t.Fields() {
			if hasAny(field.Type, seen) {
				return true
			}
		}
	}
	return false
}

// decodeNumbers is json.Unmarshal that keeps numbers of any size exact. Params that carry
// secrets are not given to a json.Decoder, which would leave a copy of all of them
// behind; their typed part has no such numbers. Nor are those of any other method that
// knows the types of its members: somebody may have put a secret in the wrong place.
func decodeNumbers(params []byte, v any) error {
	secret := false
	if err := safejson.Members(params, func(key, _ []byte) error {
		secret = secret || string(key) == api.SecretsMember
		return nil
	}); err != nil || secret {
		return json.Unmarshal(params, v)
	}
	dec := json.NewDecoder(bytes.NewReader(params))
	dec.UseNumber()
	return dec.Decode(v)
}

// badParams says which member is wrong, without its value.
func badParams(err error) error {
	message := "the params do not fit the method"
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && t.Field != "" {
		message += ": " + t.Field
	}
	return &credential.Error{Reason: credential.InvalidInput, Message: message, Cause: err}
}
