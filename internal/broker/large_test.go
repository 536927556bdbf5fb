package broker

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/keystore"
)

// What needs much memory waits for its turn first, and does nothing if that does not
// come: large secrets, and lists of many logins or of everything. Nothing else waits.
func TestLargeAnswersWait(t *testing.T) {
	r := newRig(t)
	waited, refusal := 0, error(nil)
	r.large = func(context.Context) error {
		waited++
		return refusal
	}
	r.store("small.example", "alice", "secret")
	r.store("largest.example", "alice", strings.Repeat("x", keystore.LargeSecret-100))
	r.store("large.example", "alice", strings.Repeat("x", keystore.LargeSecret))
	r.restart()
	ctx := t.Context()
	get := func(host string) func() error {
		return func() error {
			cred, err := r.Get(ctx, access.Caller{}, host)
			cred.Secret.Wipe()
			return err
		}
	}
	list := func() error {
		items, err := r.List(ctx, access.Caller{})
		if err == nil && len(items) < 3 {
			err = fmt.Errorf("%d items", len(items))
		}
		return err
	}
	logins := func() error {
		_, err := r.Logins(ctx, access.Caller{})
		return err
	}
	connectors := func(size int) func() error {
		return func() error {
			_, err := r.ListConnectors(ctx, api.Query{Size: size})
			return err
		}
	}
	refused := credential.NewError(credential.Timeout, "too many", "")
	check := func(name string, f func() error, waits bool) {
		t.Helper()
		waited, refusal = 0, nil
		if err := f(); err != nil || waited > 0 != waits {
			t.Errorf("%s: waited %d times (%v)", name, waited, err)
		}
		refusal = refused
		if err := f(); credential.Timeout.Is(err) != waits {
			t.Errorf("%s: refused: %v", name, err)
		}
	}
	check("logins", logins, false)
	check("small", get("small.example"), false)
	check("largest", get("largest.example"), false)
	check("large", get("large.example"), true)
	check("page of connectors", connectors(0), false)
	check("all connectors", connectors(-1), true)
	for i := range many {
		r.store(fmt.Sprintf("r%d.example", i), "alice", "secret")
	}
	check("many logins", logins, true)
	check("many items", list, true)
	check("small", get("small.example"), false)
}
