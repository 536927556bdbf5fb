package server

import (
	"context"
	"sync"
	"time"
)

// callContext ends at a deadline, or with its parent. It sets a timer only when somebody
// wants to wait for that: most requests are answered without waiting for anything, and a
// timer wakes a thread of the runtime.
type callContext struct {
	parent   context.Context
	deadline time.Time

	mu     sync.Mutex
	timed  context.Context // nil until somebody waits
	cancel context.CancelFunc
	ended  bool

	turn turn // of the request
}

func withDeadline(parent context.Context, d time.Duration) *callContext {
	return &callContext{parent: parent, deadline: time.Now().Add(d)}
}

func (c *callContext) Deadline() (time.Time, bool) { return c.deadline, true }

func (c *callContext) Done() <-chan struct{} { return c.wait().Done() }

func (c *callContext) Err() error {
	if c.waiting() || !time.Now().Before(c.deadline) || c.parent.Err() != nil {
		return c.wait().Err()
	}
	return nil
}

// Value is that of the context with the timer, once there is one: what is made of this
// one is then tied to it directly.
func (c *callContext) Value(key any) any {
	if key == (turnKey{}) {
		return &c.turn
	}
	if c.waiting() {
		return c.wait().Value(key)
	}
	return c.parent.Value(key)
}

func (c *callContext) waiting() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.timed != nil || c.ended
}

func (c *callContext) wait() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timed == nil {
		c.timed, c.cancel = context.WithDeadline(c.parent, c.deadline)
		if c.ended {
			c.cancel()
		}
	}
	return c.timed
}

// end is called when the request was answered.
func (c *callContext) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	if c.cancel != nil {
		c.cancel()
	}
}
