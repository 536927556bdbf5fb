package machine

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/ipc"
)

func TestWaitingForZendEnds(t *testing.T) {
	a := &Daemon{}
	ctx, cancel := context.WithCancelCause(t.Context())
	calls := 0
	_, err := a.awaitStatus(ctx, running{}, func(api.Status, error) bool {
		if calls++; calls == 3 {
			cancel(ui.ErrInterrupted)
		}
		return false
	})
	if !errors.Is(err, ui.ErrInterrupted) {
		t.Errorf("error: %v", err)
	}
}

// running is a client of a zend that runs.
type running struct{}

func (running) Call(string, []byte, time.Time) (ipc.Reply, error) {
	return ipc.Reply{Result: []byte(`{"pid":1}`)}, nil
}
