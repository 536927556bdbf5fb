package policy

import (
	"time"

	"github.com/zen-agent/zen/internal/clock"
)

// Bucket counts uses against a rate: Rate.Count may come at once, and each is forgotten
// Rate.Per/Rate.Count after the one before. It is a token bucket that counts in time
// instead of tokens, so that nothing is rounded. The zero Bucket of a rate is full of
// tokens.
type Bucket struct {
	Rate Rate
	debt time.Duration // how long it takes until all tokens are back, as of last
	last clock.Instant
}

// Wait is how long no use is allowed; 0: one is now.
func (b *Bucket) Wait(now clock.Instant) time.Duration {
	return max(0, b.owed(now)+b.price()-b.Rate.Per)
}

// Take counts one use.
func (b *Bucket) Take(now clock.Instant) {
	b.debt, b.last = b.owed(now)+b.price(), now
}

// Full reports whether the bucket has forgotten everything.
func (b *Bucket) Full(now clock.Instant) bool { return b.owed(now) == 0 }

func (b *Bucket) owed(now clock.Instant) time.Duration {
	if b.debt == 0 {
		return 0
	}
	return max(0, b.debt-now.Since(b.last))
}

func (b *Bucket) price() time.Duration { return b.Rate.Per / time.Duration(b.Rate.Count) }
