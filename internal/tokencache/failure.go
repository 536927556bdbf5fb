package tokencache

import (
	"errors"
	"time"

	"github.com/zen-agent/zen/internal/clock"
	"github.com/zen-agent/zen/internal/credential"
)

// How long failures count.
const (
	firstBackoff = time.Second      // after the first passing fault; doubles with each further one
	maxBackoff   = time.Minute      // and not beyond this
	personWait   = 15 * time.Minute // for what a person has to mend, which drops the key anyway
	maxRetry     = 15 * time.Minute // the longest Retry-After that is obeyed
	// a failure is remembered for a person to read, also after it stopped counting
	keepFailure = 15 * time.Minute
)

// class says what to do about a failure.
type class int

const (
	passing class = iota // try again soon, with growing pauses
	person               // only a person can mend it
	// the vault knows by itself how to fail quickly, and when it is over: callers are not
	// kept from it
	vault
)

// errStale marks a credential that had run out by the time it arrived.
var errStale = errors.New("credential is older than it lives")

func classOf(err error) class {
	if errors.Is(err, errStale) {
		return passing
	}
	switch credential.ReasonOf(err) {
	case credential.NeedsLogin,
		credential.Rejected,
		credential.Expired,
		credential.Denied,
		credential.InvalidInput,
		credential.NoSuchEntity,
		credential.Ambiguous,
		credential.NotLoggedIn,
		credential.TooLarge:
		return person
	case credential.Locked,
		credential.WrongPassphrase,
		credential.KeyringUnavailable,
		credential.KeyringRefused,
		credential.KeyLost,
		credential.VaultDamaged,
		credential.VaultTooNew,
		credential.VaultBusy:
		return vault
	}
	return passing
}

// ofNetwork reports whether an error may come from the network that this machine is in.
func ofNetwork(err error) bool { return credential.Unreachable.Is(err) || credential.Timeout.Is(err) }

// failure is the last fault of a key.
type failure struct {
	err   error
	class class

	ofNetwork bool   // another network may not have it
	network   string // where it happened

	streak int           // passing faults in a row
	over   clock.Instant // until then nothing is tried; of a vault's failure, nothing that nobody asked for
	forget clock.Instant // until then it is shown
}

// next is the failure that follows f (nil: the key was fine) when minting fails with err.
func (f *failure) next(err error, network string, now clock.Instant) *failure {
	n := &failure{
		err:       err,
		class:     classOf(err),
		ofNetwork: ofNetwork(err),
		network:   network,
		forget:    now.Add(keepFailure),
	}
	wait := personWait
	if n.class == person && retryAfter(err) > 0 {
		wait = min(retryAfter(err), personWait)
	}
	switch n.class {
	case vault:
		wait = maxBackoff
	case passing:
		if f != nil && f.class == passing {
			n.streak = f.streak + 1
		}
		wait = max(backoff(n.streak), min(retryAfter(err), maxRetry))
	}
	n.over = now.Add(wait)
	return n
}

// counts reports whether callers get the failure instead of another try.
func (f *failure) counts(now clock.Instant) bool {
	return f != nil && f.class != vault && !now.Reached(f.over)
}

func backoff(streak int) time.Duration {
	if streak > 6 {
		return maxBackoff
	}
	return min(firstBackoff<<streak, maxBackoff)
}

// RetryAfter is implemented by errors that know when another try makes sense, such as one
// made from a Retry-After header (RFC 9110, section 10.2.3), or one that a person mends
// where zend does not see it.
type RetryAfter interface {
	error
	RetryAfter() time.Duration
}

func retryAfter(err error) time.Duration {
	if r, ok := errors.AsType[RetryAfter](err); ok {
		return r.RetryAfter()
	}
	return 0
}
