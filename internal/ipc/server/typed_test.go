package server_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/zen-agent/zen/internal/ipc/server"
)

// A number that no float64 can hold comes through as it was sent.
func TestTypedKeepsNumbersExact(t *testing.T) {
	type params struct {
		Configuration map[string]any `json:"configuration"`
	}
	const number = "9007199254740993" // 2^53 + 1
	var got any
	handle := server.Typed(func(_ context.Context, _ server.Peer, p params) (params, error) {
		got = p.Configuration["n"]
		return p, nil
	})
	call := &server.Call{Params: []byte(`{"configuration":{"n":` + number + `}}`), Result: new(server.Buffer)}
	if err := handle(t.Context(), call); err != nil {
		t.Fatal(err)
	}
	if got != json.Number(number) {
		t.Errorf("got %v (%T)", got, got)
	}
}

// Params with secrets are decoded all the same.
func TestTypedBesideSecrets(t *testing.T) {
	type params struct {
		Name string `json:"name"`
	}
	var got params
	handle := server.Typed(func(_ context.Context, _ server.Peer, p params) (params, error) {
		got = p
		return p, nil
	})
	call := &server.Call{
		Params: []byte(`{"name":"reg","secrets":{"password":"x"}}`),
		Result: new(server.Buffer),
	}
	if err := handle(t.Context(), call); err != nil || got.Name != "reg" {
		t.Errorf("got %q, %v", got.Name, err)
	}
	for _, bad := range []string{``, `[]`, `{"name":1}`, `{"name":1,"secrets":{}}`, `null x`} {
		if err := handle(t.Context(), &server.Call{
			Params: []byte(bad),
			Result: new(server.Buffer),
		}); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
