package tokencache

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zen-agent/zen/internal/credential"
)

// source is a fake of whoever issues credentials: token-1, token-2, ... that live for a
// while.
type source struct {
	life  time.Duration // 0: no expiry
	takes time.Duration // how long minting takes
	deaf  bool          // does not obey the deadline
	err   error
	wall  func() time.Time

	mints, running, most atomic.Int32

	mu     sync.Mutex
	times  []time.Time
	handed []credential.Secret
}

func (s *source) Mint(ctx context.Context) (credential.Credential, error) {
	n := s.mints.Add(1)
	running := s.running.Add(1)
	defer s.running.Add(-1)
	for m := s.most.Load(); running > m && !s.most.CompareAndSwap(m, running); m = s.most.Load() {
	}
	s.mu.Lock()
	s.times = append(s.times, time.Now())
	life, takes, deaf, err, wall := s.life, s.takes, s.deaf, s.err, s.wall
	s.mu.Unlock()
	if wall == nil {
		wall = time.Now
	}
	begun := wall()
	if takes > 0 {
		done := ctx.Done()
		if deaf {
			done = nil
		}
		select {
		case <-time.After(takes):
		case <-done:
			return credential.Credential{}, ctx.Err()
		}
	}
	if err != nil {
		return credential.Credential{}, err
	}
	c := credential.Credential{Username: "u", Secret: credential.SecretString(fmt.Sprintf("token-%d", n))}
	if life > 0 {
		c.Expires = begun.Add(life)
	}
	s.mu.Lock()
	s.handed = append(s.handed, c.Secret)
	s.mu.Unlock()
	return c, nil
}

// set changes what happens from the next minting on.
func (s *source) set(takes time.Duration, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.takes, s.err = takes, err
}

// unwiped are the minted secrets whose bytes are still there.
func (s *source) unwiped() (list []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, secret := range s.handed {
		if !secret.IsEmpty() {
			list = append(list, string(secret.Reveal()))
		}
	}
	return list
}

var key = Key{ConnectorID: "c", Revision: 1, Input: "ghcr.io"}

// get returns the secret, or the error's text.
func get(t *testing.T, e *Cache, k Key, m Minter) string {
	t.Helper()
	c, err := e.Get(t.Context(), k, m)
	if err != nil {
		return "error: " + err.Error()
	}
	defer c.Secret.Wipe()
	return string(c.Secret.Reveal())
}

func want(t *testing.T, what, got, wanted string) {
	t.Helper()
	if got != wanted {
		t.Errorf("%s: got %q, want %q", what, got, wanted)
	}
}

func fault(reason credential.Reason) error { return credential.NewError(reason, string(reason), "") }

func TestHitsComeFromMemoryAndAreTheCallersOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, s := New(Config{}), &source{life: time.Hour}
		defer e.Wipe()
		first, err := e.Get(t.Context(), key, s)
		if err != nil || first.Username != "u" || first.Expires.IsZero() {
			t.Fatalf("%+v, %v", first, err)
		}
		first.Secret.Wipe()
		want(t, "after the first caller wiped its own", get(t, e, key, s), "token-1")
		want(t, "another input", get(t, e, Key{"c", 1, "quay.io"}, s), "token-2")
		want(t, "another connector", get(t, e, Key{"d", 1, "ghcr.io"}, s), "token-3")
	})
}

func TestRenewalIsAheadOfExpiry(t *testing.T) {
	for _, tt := range []struct{ life, from, to time.Duration }{
		{time.Minute, 45 * time.Second, 51 * time.Second},
		{time.Hour, 45 * time.Minute, 51 * time.Minute},
		{12 * time.Hour, 5*time.Hour + 40*time.Minute, 6*time.Hour + 20*time.Minute},
	} {
		t.Run(tt.life.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e, begun := New(Config{}), time.Now()
				defer e.Wipe()
				s := &source{life: tt.life}
				const keys = 50
				for i := range keys {
					get(t, e, Key{"c", 1, fmt.Sprint(i)}, s)
				}
				time.Sleep(tt.from)
				synctest.Wait()
				if n := s.mints.Load(); n != keys {
					t.Fatalf("%d of %d were renewed before %v", n-keys, keys, tt.from)
				}
				time.Sleep(tt.to - tt.from)
				synctest.Wait()
				if n := s.mints.Load(); n != 2*keys {
					t.Fatalf("%d of %d were renewed by %v", n-keys, keys, tt.to)
				}
				renewed := s.times[keys:]
				slices.SortFunc(renewed, time.Time.Compare)
				if first, last := renewed[0].Sub(begun), renewed[keys-1].Sub(begun); last-first < tt.life/40 {
					t.Errorf("no jitter: all renewed between %v and %v", first, last)
				}
			})
		})
	}
}

func TestACallerIsServedWhileTheTokenIsRenewedBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, s := New(Config{}), &source{life: time.Hour}
		defer e.Wipe()
		get(t, e, key, s)
		s.set(10*time.Second, nil)
		time.Sleep(52 * time.Minute)
		begun := time.Now()
		want(t, "in the window", get(t, e, key, s), "token-2") // renewed by the timer
		if waited := time.Since(begun); waited != 0 {
			t.Errorf("waited %v", waited)
		}
	})
}

func TestACallerWaitsWhenTooLittleIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, s := New(Config{}), &source{life: time.Hour}
		defer e.Wipe()
		get(t, e, key, s)
		s.set(0, fault(credential.Locked)) // which keeps nobody from trying
		time.Sleep(59 * time.Minute)
		synctest.Wait()
		s.set(5*time.Second, nil)
		begun := time.Now()
		if got := get(t, e, key, s); got != fmt.Sprintf("token-%d", s.mints.Load()) || got == "token-1" ||
			time.Since(begun) > 5*time.Second {
			t.Errorf("got %q after %v", got, time.Since(begun))
		}
	})
}

// A. 100 concurrent cold gets: one minting.
func TestOneFlightPerKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, s := New(Config{}), &source{life: time.Hour, takes: time.Second}
		defer e.Wipe()
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { want(t, "get", get(t, e, key, s), "token-1") })
		}
		wg.Wait()
		if n := s.mints.Load(); n != 1 {
			t.Errorf("%d mintings", n)
		}
	})
}

// B. A token of 60 s under constant load for 10 minutes, with the source down for 5 of
// them.
func TestNobodySeesAnExpiredToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, s := New(Config{}), &source{life: time.Minute, takes: 200 * time.Millisecond}
		defer e.Wipe()
		var served, failed int
		load := func(d time.Duration) (lastFailure time.Duration) {
			begun := time.Now()
			for time.Since(begun) < d {
				asked := time.Now()
				c, err := e.Get(t.Context(), key, s)
				if took := time.Since(asked); took > 200*time.Millisecond {
					t.Fatalf("waited %v", took)
				}
				switch {
				case err != nil:
					failed++
					lastFailure = time.Since(begun)
					if credential.ReasonOf(err) != credential.Unreachable {
						t.Fatalf("unclear error: %v", err)
					}
				case !time.Now().Before(c.Expires):
					t.Fatalf("%s had expired", c.Secret.Reveal())
				default:
					served++
					c.Secret.Wipe()
				}
				time.Sleep(100 * time.Millisecond)
			}
			return lastFailure
		}
		if load(10 * time.Minute); failed > 0 {
			t.Fatalf("%d failures with a source that works", failed)
		}
		if n := s.mints.Load(); n < 11 || n > 15 {
			t.Errorf("%d mintings in 10 minutes", n)
		}
		s.set(200*time.Millisecond, fault(credential.Unreachable))
		before := s.mints.Load()
		load(5 * time.Minute)
		if served == 0 || failed == 0 {
			t.Errorf("%d served and %d failed while the source was down", served, failed)
		}
		if n := s.mints.Load() - before; n > 14 {
			t.Errorf("a source that is down was asked %d times in 5 minutes", n)
		}
		s.set(200*time.Millisecond, nil)
		failed = 0
		if last := load(2 * time.Minute); last > maxBackoff {
			t.Errorf("recovered after %v only", last)
		}
		if len(s.unwiped()) > 1 {
			t.Errorf("old tokens are left in memory: %q", s.unwiped())
		}
	})
}

// suspended is a wall clock that runs on while a laptop sleeps.
type suspended struct{ slept atomic.Int64 }

func (s *suspended) now() time.Time        { return time.Now().Add(time.Duration(s.slept.Load())) }
func (s *suspended) sleep(d time.Duration) { s.slept.Add(int64(d)) }

// C. The wall clock jumps 8 h.
func TestSuspend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var clock suspended
		e, s := New(Config{Wall: clock.now}), &source{life: time.Hour, takes: time.Second, wall: clock.now}
		defer e.Wipe()
		for i := range 20 {
			get(t, e, Key{fmt.Sprint(i), 1, ""}, s)
		}
		time.Sleep(time.Minute)
		clock.sleep(8 * time.Hour)
		s.mints.Store(100)
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() { want(t, "after the sleep", get(t, e, Key{"0", 1, ""}, s), "token-101") })
		}
		wg.Wait()
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		for _, at := range s.times[20:] {
			if n := len(slices.DeleteFunc(slices.Clone(s.times),
				func(o time.Time) bool { return !o.Equal(at) })); n != 1 {
				t.Errorf("%d mintings at the same moment after the sleep", n)
			}
		}
		if e.Expires("7") != nil {
			t.Error("a token that ran out during the sleep is shown as valid")
		}
	})
}

func TestAWallClockThatIsSetBackDoesNotLengthenALife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var clock suspended
		e, s := New(Config{Wall: clock.now}), &source{life: time.Hour, wall: clock.now}
		defer e.Wipe()
		get(t, e, key, s)
		s.set(0, fault(credential.Unreachable))
		clock.sleep(-24 * time.Hour)
		time.Sleep(time.Hour)
		synctest.Wait()
		want(t, "an hour later", get(t, e, key, s), "error: unreachable")
	})
}

func TestFailuresAreRememberedByClass(t *testing.T) {
	tests := []struct {
		name string
		err  error
		wait time.Duration // until the source is asked again
	}{
		{"unreachable", fault(credential.Unreachable), time.Second},
		{"rate limited", fault(credential.RateLimited), time.Second},
		{"unknown", errors.New("boom"), time.Second},
		{"retry after", retryLater{fault(credential.RateLimited), 90 * time.Second}, 90 * time.Second},
		{
			"retry after, wrapped",
			fmt.Errorf("minting: %w", retryLater{fault(credential.Unreachable), 20 * time.Second}),
			20 * time.Second,
		},
		{"retry after a week", retryLater{fault(credential.RateLimited), 7 * 24 * time.Hour}, maxRetry},
		{"needs login", fault(credential.NeedsLogin), personWait},
		{"rejected", fault(credential.Rejected), personWait},
		{
			"expired, and mended elsewhere",
			retryLater{fault(credential.Expired), 30 * time.Second},
			30 * time.Second,
		},
		{"denied for a week", retryLater{fault(credential.Denied), 7 * 24 * time.Hour}, personWait},
		{"locked", fault(credential.Locked), 0},
		{"key lost", fault(credential.KeyLost), 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e, s := New(Config{}), &source{err: tt.err}
				defer e.Wipe()
				for range 3 {
					if tt.wait > 0 {
						want(t, "at once", get(t, e, key, s), "error: "+tt.err.Error())
					}
				}
				if tt.wait > 0 {
					if n := s.mints.Load(); n != 1 {
						t.Errorf("asked %d times at once", n)
					}
					time.Sleep(tt.wait - time.Millisecond)
					get(t, e, key, s)
					if n := s.mints.Load(); n != 1 {
						t.Errorf("asked again before %v", tt.wait)
					}
					time.Sleep(time.Millisecond)
				}
				before := s.mints.Load()
				s.set(0, nil)
				if got := get(t, e, key, s); !strings.HasPrefix(got, "token-") || s.mints.Load() != before+1 {
					t.Errorf("after %v: %q", tt.wait, got)
				}
				if err := e.Failure("c"); err != nil {
					t.Errorf("a failure that is over is shown: %v", err)
				}
			})
		})
	}
}

// Whoever comes home and opens the laptop need not wait until the failures of the train's
// network stop counting.
func TestAnotherNetworkEndsFailuresToReach(t *testing.T) {
	for reason, ends := range map[credential.Reason]bool{
		credential.Unreachable: true, credential.Timeout: true, credential.RateLimited: false,
		credential.Rejected: false,
	} {
		synctest.Test(t, func(t *testing.T) {
			var network atomic.Value
			network.Store("train")
			e, s := New(
				Config{Network: func() string { return network.Load().(string) }},
			), &source{
				err: fault(reason),
			}
			defer e.Wipe()
			for range 6 {
				get(t, e, key, s)
				time.Sleep(time.Minute)
			}
			get(t, e, key, s)
			before := s.mints.Load()
			want(t, "in the same network", get(t, e, key, s), "error: "+string(reason))
			network.Store("home")
			get(t, e, key, s) // fails there as well
			get(t, e, key, s)
			tried := s.mints.Load() - before
			if want := map[bool]int32{true: 1}[ends]; tried != want {
				t.Errorf("%s: tried %d times in another network, want %d", reason, tried, want)
			}
			if !ends {
				return
			}
			s.set(0, nil)
			time.Sleep(firstBackoff) // the pauses grow from the start again
			if got := get(t, e, key, s); !strings.HasPrefix(got, "token-") {
				t.Errorf("%s: %q", reason, got)
			}
		})
	}
}

type retryLater struct {
	error
	after time.Duration
}

func (r retryLater) RetryAfter() time.Duration { return r.after }
func (r retryLater) Unwrap() error             { return r.error }

func TestPausesGrowAndAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, s := New(Config{}), &source{err: fault(credential.Unreachable)}
		defer e.Wipe()
		for begun := time.Now(); time.Since(begun) < 5*time.Minute; time.Sleep(100 * time.Millisecond) {
			get(t, e, key, s)
		}
		var pauses []time.Duration
		for i := 1; i < len(s.times); i++ {
			pauses = append(pauses, s.times[i].Sub(s.times[i-1]))
		}
		for i, p := range pauses {
			if want := min(time.Second<<i, time.Minute); p < want || p > want+200*time.Millisecond {
				t.Errorf("pause %d is %v, want %v", i, p, want)
			}
		}
		if len(pauses) < 8 {
			t.Errorf("only %d pauses", len(pauses))
		}
	})
}

// A wrong password that is tried again and again locks accounts.
func TestNothingIsTriedBehindForWhatAPersonHasToMend(t *testing.T) {
	for _, reason := range []credential.Reason{
		credential.Rejected, credential.NeedsLogin,
		credential.Expired,
	} {
		synctest.Test(t, func(t *testing.T) {
			e, s := New(Config{}), &source{life: 12 * time.Hour}
			defer e.Wipe()
			get(t, e, key, s)
			s.set(0, fault(reason))
			time.Sleep(7 * time.Hour)
			synctest.Wait()
			want(t, "still valid", get(t, e, key, s), "token-1")
			synctest.Wait()
			if err := e.Failure("c"); err != nil {
				t.Errorf("a failure that does not matter yet is shown: %v", err)
			}
			before := s.mints.Load()
			time.Sleep(48 * time.Hour)
			synctest.Wait()
			if n := s.mints.Load(); n != before || n > 3 {
				t.Errorf("%s: asked %d times", reason, n)
			}
			if len(s.unwiped()) != 0 {
				t.Errorf("an expired token is left in memory")
			}
		})
	}
}

func TestAValidTokenBeatsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, s := New(Config{}), &source{life: 10 * time.Minute}
		defer e.Wipe()
		get(t, e, key, s)
		s.set(time.Second, fault(credential.Unreachable))
		for begun := time.Now(); time.Since(begun) < 10*time.Minute-5*time.Second; time.Sleep(time.Second) {
			want(t, "while it lives", get(t, e, key, s), "token-1")
		}
		time.Sleep(10 * time.Second)
		want(t, "after its end", get(t, e, key, s), "error: unreachable")
		if err := e.Failure("c"); credential.ReasonOf(err) != credential.Unreachable {
			t.Errorf("Failure: %v", err)
		}
	})
}

func TestACallerThatGivesUpDoesNotCancelTheFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, s := New(Config{}), &source{life: time.Hour, takes: 20 * time.Second}
		defer e.Wipe()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := e.Get(ctx, key, s); credential.ReasonOf(err) != credential.Timeout ||
			!errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		time.Sleep(20 * time.Second)
		synctest.Wait()
		begun := time.Now()
		want(t, "later", get(t, e, key, s), "token-1")
		if s.mints.Load() != 1 || time.Since(begun) != 0 {
			t.Errorf("%d mintings, waited %v", s.mints.Load(), time.Since(begun))
		}
	})
}

func TestACallerThatGivesUpGetsWhatIsStillValid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, s := New(Config{}), &source{life: time.Hour}
		defer e.Wipe()
		get(t, e, key, s)
		s.set(time.Minute, fault(credential.Unreachable))
		time.Sleep(59 * time.Minute)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		c, err := e.Get(ctx, key, s)
		if err != nil || string(c.Secret.Reveal()) != "token-1" {
			t.Errorf("got %v", err)
		}
	})
}

func TestMintingsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, s := New(Config{Concurrency: 4, PerConnector: 2}), &source{takes: time.Second}
		defer e.Wipe()
		one := &source{takes: time.Second}
		var wg sync.WaitGroup
		for i := range 12 {
			wg.Go(func() { get(t, e, Key{"same", 1, fmt.Sprint(i)}, one) })
			wg.Go(func() { get(t, e, Key{fmt.Sprint(i), 1, ""}, s) })
		}
		wg.Wait()
		if one.most.Load() != 2 || s.most.Load() > 4 || s.most.Load() < 2 {
			t.Errorf("%d of one connector and %d of others at the same time", one.most.Load(), s.most.Load())
		}
	})
}

func TestAMintingThatHangs(t *testing.T) {
	for _, deaf := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			e, s := New(Config{PerConnector: 1}), &source{takes: time.Hour, deaf: deaf}
			defer e.Wipe()
			begun := time.Now()
			if got := get(t, e, key, s); !strings.HasPrefix(got, "error: ") ||
				time.Since(begun) != time.Minute {
				t.Errorf("got %q after %v", got, time.Since(begun))
			}
			s.set(0, nil)
			other := &source{life: time.Hour}
			want(t, "another connector", get(t, e, Key{"d", 1, ""}, other), "token-1")
			time.Sleep(time.Hour)
			synctest.Wait()
			if len(s.unwiped()) != 0 {
				t.Errorf("what came too late is left in memory")
			}
			want(t, "afterwards", get(t, e, key, s), "token-2")
		})
	}
}

type minterFunc func(context.Context) (credential.Credential, error)

func (f minterFunc) Mint(ctx context.Context) (credential.Credential, error) { return f(ctx) }

func TestAMinterThatPanics(t *testing.T) {
	e := New(Config{})
	for _, v := range []any{"a secret", errors.New("a secret"), fmt.Sprint} {
		_, err := e.Get(
			t.Context(),
			Key{fmt.Sprintf("%T", v), 1, ""},
			minterFunc(func(context.Context) (credential.Credential, error) { panic(v) }),
		)
		if credential.ReasonOf(err) != credential.Internal {
			t.Errorf("%T: %v", v, err)
		}
		for ; err != nil; err = errors.Unwrap(err) {
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the panic's value is shown: %v", err)
			}
		}
	}
	_, err := e.Get(
		t.Context(),
		Key{"nil", 1, ""},
		minterFunc(func(context.Context) (credential.Credential, error) {
			var none []credential.Credential
			return none[len(none)], nil
		}),
	)
	if cause := errors.Unwrap(err); cause == nil || !strings.Contains(cause.Error(), "out of range") {
		t.Errorf("the fault is not told: %v", err)
	}
}

func TestAFailedMintingWipesWhatItBrought(t *testing.T) {
	e, secret := New(Config{}), credential.SecretString("half a token")
	_, err := e.Get(t.Context(), key, minterFunc(func(context.Context) (credential.Credential, error) {
		return credential.Credential{Secret: secret}, fault(credential.Unreachable)
	}))
	if err == nil || !secret.IsEmpty() {
		t.Errorf("%v, and %d bytes are left", err, secret.Len())
	}
}

func TestACredentialThatComesTooLateIsNotHandedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, s := New(Config{}), &source{life: time.Second, takes: 2 * time.Second}
		defer e.Wipe()
		if got := get(t, e, key, s); !strings.Contains(got, "run out") {
			t.Errorf("got %q", got)
		}
		if len(s.unwiped()) != 0 {
			t.Error("it is left in memory")
		}
		time.Sleep(time.Second)
		s.mu.Lock()
		s.life, s.takes = time.Hour, 0
		s.mu.Unlock()
		want(t, "a second later", get(t, e, key, s), "token-2")
	})
}

func TestOnlyWhatWasUsedLatelyIsRenewed(t *testing.T) {
	for _, tt := range []struct {
		life        time.Duration
		least, most int32 // mintings in the 10 days after the only use
	}{{time.Minute, 2, 4}, {time.Hour, 2, 4}, {12 * time.Hour, 3, 6}, {48 * time.Hour, 1, 2}} {
		synctest.Test(t, func(t *testing.T) {
			e, s := New(Config{}), &source{life: tt.life}
			get(t, e, key, s)
			time.Sleep(240 * time.Hour)
			synctest.Wait()
			if n := s.mints.Load(); n < tt.least || n > tt.most {
				t.Errorf("a token of %v was minted %d times", tt.life, n)
			}
			if len(s.unwiped()) != 0 || len(e.connectors) != 0 {
				t.Errorf("a token of %v is still in memory", tt.life)
			}
		})
	}
}

func TestACredentialWithoutExpiryIsWipedWhenUnused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, s := New(Config{}), &source{}
		for range 12 {
			want(t, "in use", get(t, e, key, s), "token-1")
			time.Sleep(keepStatic - time.Second)
		}
		if e.Expires("c") != nil {
			t.Error("it expires")
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(s.unwiped()) != 0 || len(e.connectors) != 0 {
			t.Error("it is still in memory")
		}
		want(t, "used again", get(t, e, key, s), "token-2")
		e.Wipe()
	})
}

func TestDropAndWipe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, s := New(Config{}), &source{life: time.Hour}
		other := Key{"d", 1, ""}
		get(t, e, key, s)
		get(t, e, other, s)
		e.Drop("c")
		e.Drop("nobody")
		if left := s.unwiped(); len(left) != 1 || left[0] != "token-2" {
			t.Errorf("left after Drop: %q", left)
		}
		want(t, "the other", get(t, e, other, s), "token-2")
		want(t, "the dropped", get(t, e, key, s), "token-3")
		e.Wipe()
		if left := s.unwiped(); len(left) != 0 {
			t.Errorf("left after Wipe: %q", left)
		}
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if n := s.mints.Load(); n != 3 {
			t.Errorf("%d mintings: a dropped key was renewed", n)
		}
	})
}

func TestDropDuringAFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, s := New(Config{}), &source{life: time.Hour, takes: 10 * time.Second}
		var wg sync.WaitGroup
		wg.Go(func() { want(t, "who waited", get(t, e, key, s), "token-1") })
		time.Sleep(time.Second)
		e.Wipe()
		wg.Go(func() { want(t, "who came after", get(t, e, key, s), "token-2") })
		wg.Wait()
		synctest.Wait()
		if left := s.unwiped(); len(left) != 1 || left[0] != "token-2" {
			t.Errorf("left: %q", left)
		}
		e.Wipe()
	})
}

func TestANewRevisionDropsTheOldTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, s := New(Config{}), &source{life: time.Hour}
		defer e.Wipe()
		next := Key{"c", 2, "ghcr.io"}
		get(t, e, key, s)
		get(t, e, Key{"c", 1, "quay.io"}, s)
		want(t, "new revision", get(t, e, next, s), "token-3")
		if left := s.unwiped(); len(left) != 1 {
			t.Errorf("left: %q", left)
		}
		want(t, "who comes late with the old one", get(t, e, key, s), "token-4")
		want(t, "new revision", get(t, e, next, s), "token-3")
		synctest.Wait()
		if left := s.unwiped(); len(left) != 1 {
			t.Errorf("left: %q", left)
		}
	})
}

func TestDropForgetsFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, s := New(Config{}), &source{err: fault(credential.NeedsLogin)}
		defer e.Wipe()
		get(t, e, key, s)
		if e.Failure("c") == nil || e.Failure("nobody") != nil {
			t.Error("Failure")
		}
		e.Drop("c")
		s.set(0, nil)
		want(t, "after zen login", get(t, e, key, s), "token-2")
	})
}

func TestExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, s := New(Config{}), &source{life: time.Hour}
		defer e.Wipe()
		if e.Expires("c") != nil {
			t.Error("before any use")
		}
		get(t, e, key, s)
		first := time.Now().Add(time.Hour)
		time.Sleep(time.Minute)
		get(t, e, Key{"c", 1, "quay.io"}, s)
		if got := e.Expires("c"); got == nil || !got.Equal(first) {
			t.Errorf("got %v, want %v", got, first)
		}
	})
}

// Everything at once, for the race detector: no caller may see a wiped or expired secret.
func TestManyKeysManyCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, s := New(Config{}), &source{life: 3 * time.Second, takes: 20 * time.Millisecond}
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				for n := range 200 {
					c, err := e.Get(t.Context(), Key{fmt.Sprint((i + n) % 5), 1 + n/100, ""}, s)
					if err != nil || !strings.HasPrefix(string(c.Secret.Reveal()), "token-") ||
						!time.Now().Before(c.Expires) {
						t.Errorf("%+v, %v", c, err)
						return
					}
					c.Secret.Wipe()
					time.Sleep(time.Duration(7*i+n) * time.Millisecond)
				}
			})
		}
		wg.Go(func() {
			for n := range 50 {
				time.Sleep(333 * time.Millisecond)
				if n%5 == 0 {
					e.Wipe()
				}
				e.Drop(fmt.Sprint(n % 5))
			}
		})
		wg.Wait()
		e.Wipe()
		synctest.Wait()
		if left := s.unwiped(); len(left) != 0 {
			t.Errorf("left: %q", left)
		}
	})
}

// A hit has to cost less than a microsecond.
func BenchmarkHit(b *testing.B) {
	e, s := New(Config{}), &source{life: time.Hour}
	defer e.Wipe()
	b.ReportAllocs()
	for b.Loop() {
		c, err := e.Get(b.Context(), key, s)
		if err != nil {
			b.Fatal(err)
		}
		c.Secret.Wipe()
	}
}
