package server

import (
	"context"

	"github.com/zen-agent/zen/internal/credential"
)

// What large responses, those of more than largeBuffer bytes, may cost altogether:
// maxTurns are under construction at the same time, which can take several times their
// size, and maxUnsent bytes of them wait for their readers.
const (
	maxTurns  = 4
	maxUnsent = 32 << 20
)

// turn is a request's right to build a large response.
type turn struct {
	turns chan struct{} // of the server
	taken bool
}

// turnKey is the key of a request's turn in its context.
type turnKey struct{}

// Large waits until the response to the request of ctx may be a large one, at most as
// long as the request may take. Handlers that may be going to build one call it before
// they take memory for that, and call nothing after it that waits for somebody. The turn
// ends by itself: when the response is complete and there is room to let it wait for its
// reader.
func Large(ctx context.Context) error {
	t, ok := ctx.Value(turnKey{}).(*turn)
	if !ok || t.taken {
		return nil
	}
	select {
	case t.turns <- struct{}{}:
		t.taken = true
		return nil
	case <-ctx.Done():
		return tooMany(credential.Timeout, ctx.Err())
	}
}

func (t *turn) end() {
	if t.taken {
		t.taken = false
		<-t.turns
	}
}

// makeRoom counts a large response until release. Slow readers can only have zend keep so
// much: a request whose turn it is waits until there is room, any other is refused.
func (r *running) makeRoom(ctx *callContext, reply *Buffer) error {
	size := int64(cap(reply.b))
	if size <= largeBuffer {
		return nil
	}
	size = min(size, maxUnsent) // what is larger than all room has it to itself
	if ctx.turn.taken {
		if err := r.unsent.Acquire(ctx, size); err != nil {
			return tooMany(credential.Timeout, err)
		}
	} else if !r.unsent.TryAcquire(size) {
		return tooMany(credential.RateLimited, nil)
	}
	reply.unsent = size
	return nil
}

func tooMany(reason credential.Reason, cause error) error {
	return &credential.Error{Reason: reason, Message: "too many large answers wait for their " +
		"readers", Hint: "try again", Cause: cause}
}

// release gives back what makeRoom took.
func (r *running) release(reply *Buffer) {
	if reply.unsent > 0 {
		r.unsent.Release(reply.unsent)
		reply.unsent = 0
	}
}
