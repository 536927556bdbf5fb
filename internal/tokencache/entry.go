package tokencache

import (
	"math/rand/v2"
	"time"

	"github.com/zen-agent/zen/internal/clock"
	"github.com/zen-agent/zen/internal/credential"
)

// Times of a credential's life.
const (
	earlyShare = 0.5 // a long life (longLife or more) is renewed after this share of it,
	lateShare  = 0.8 // a shorter one after this,
	jitter     = 0.05
	longLife   = 6 * time.Hour
	maxFloor   = 2 * time.Minute // with less left, callers wait for the new one instead of taking the old one
	// a key that nobody used for twice its life, or this long, is not renewed any more
	maxLately  = 24 * time.Hour
	keepStatic = 5 * time.Minute // a credential without expiry is wiped when nobody used it for this long
	minPause   = time.Second     // between two timers of a key
	maxLife    = 10 * 365 * 24 * time.Hour
)

// entry is what is known of one key. Its fields are guarded by Cache.mu.
type entry struct {
	key    Key
	minter Minter // the latest caller's, for renewal ahead of expiry
	used   clock.Instant

	cred    credential.Credential // the cache's copy
	have    bool
	expires bool // whether cred does
	end     clock.Instant
	renew   clock.Instant
	floor   time.Duration
	life    time.Duration

	failure *failure
	flight  *flight
	timer   *time.Timer
	dropped bool // no longer reachable: what arrives is for those who wait, and is not kept
}

// valid reports whether there is a credential that may be handed out.
func (e *entry) valid(now clock.Instant) bool { return e.have && (!e.expires || !now.Reached(e.end)) }

// wantsRenewal reports whether it is time to mint anew, be there a valid credential or
// not.
func (e *entry) wantsRenewal(now clock.Instant) bool {
	return !e.valid(now) || e.expires && now.Reached(e.renew)
}

// nearlyOver reports whether so little is left that a caller is better served by waiting.
func (e *entry) nearlyOver(now clock.Instant) bool { return e.expires && now.Until(e.end) <= e.floor }

// isRenewed reports whether the key is renewed without being asked for: it was used
// lately, and trying does not need a person first (a wrong password that is tried again
// and again locks accounts).
func (e *entry) isRenewed(now clock.Instant) bool {
	return e.expires && now.Since(e.used) <= min(2*e.life, maxLately) &&
		(e.failure == nil || e.failure.class != person)
}

// keep replaces the credential by one whose minting began at issued.
func (e *entry) keep(cred credential.Credential, issued clock.Instant) {
	e.wipe()
	e.cred, e.have, e.expires, e.failure = cred, true, !cred.Expires.IsZero(), nil
	if !e.expires {
		return
	}
	e.life = lifeOf(cred, issued)
	e.end = clock.Instant{Wall: cred.Expires.Round(0), Mono: issued.Mono + e.life}
	share := lateShare
	if e.life >= longLife {
		share = earlyShare
	}
	e.floor = min(maxFloor, time.Duration(float64(e.life)*(1-share)/4))
	share *= 1 + jitter*(2*rand.Float64()-1)
	e.renew = issued.Add(time.Duration(float64(e.life) * share))
}

// lifeOf is how long a credential lives, counted from when its request left: that never
// overestimates.
func lifeOf(cred credential.Credential, issued clock.Instant) time.Duration {
	return min(cred.Expires.Sub(issued.Wall), maxLife)
}

func (e *entry) wipe() {
	e.cred.Secret.Wipe()
	e.cred, e.have = credential.Credential{}, false
}

// drop ends the entry. A minting that nobody waits for is cancelled.
func (e *entry) drop() {
	e.dropped = true
	e.wipe()
	if e.timer != nil {
		e.timer.Stop()
	}
	if e.flight != nil && len(e.flight.waiting) == 0 {
		e.flight.cancel()
	}
}

// clone is a copy for a caller.
func (e *entry) clone() credential.Credential {
	c := e.cred
	c.Secret = e.cred.Secret.Clone()
	return c
}

// nextLook is how long nothing has to be done about the entry; ok is false when it can be
// forgotten now.
func (e *entry) nextLook(now clock.Instant) (wait time.Duration, ok bool) {
	switch {
	case e.have && !e.expires:
		wait = keepStatic - now.Since(e.used)
	case e.valid(now):
		wait = now.Until(e.end)
		if e.isRenewed(now) {
			wait = min(wait, max(now.Until(e.renew), e.pause(now)))
		}
	case e.failure != nil:
		wait = now.Until(e.failure.forget)
		if e.isRenewed(now) {
			wait = min(wait, e.pause(now))
		}
	}
	return max(wait, minPause), wait > 0
}

// pause is how long a failure forbids to try again.
func (e *entry) pause(now clock.Instant) time.Duration {
	if e.failure == nil {
		return 0
	}
	return max(now.Until(e.failure.over), 0)
}
