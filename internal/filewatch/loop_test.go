package filewatch

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
)

// result is what looks return.
type result struct {
	again time.Duration
	err   error
}

// fake is a loop whose events are the test's, in a bubble where time passes when
// everybody waits.
type fake struct {
	loop

	events chan fsnotify.Event
	errors chan error
	wake   chan struct{}
	looks  []time.Duration // when, since the start
	start  time.Time
	result atomic.Pointer[result]
	ended  chan error
}

func startFake(ctx context.Context) *fake {
	f := &fake{
		events: make(
			chan fsnotify.Event,
		), errors: make(chan error), wake: make(chan struct{}), start: time.Now(), ended: make(chan error, 1),
	}
	f.result.Store(&result{})
	f.loop = loop{
		events: f.events,
		errors: f.errors,
		wake:   f.wake,
		settle: 50 * time.Millisecond,
		max:    time.Second,
	}
	f.matters = func(e fsnotify.Event) bool { return e.Name == "/file" }
	f.look = func(context.Context) (time.Duration, error) {
		f.looks = append(f.looks, time.Since(f.start))
		r := f.result.Load()
		return r.again, r.err
	}
	go func() { f.ended <- f.run(ctx) }()
	synctest.Wait()
	return f
}

func (f *fake) event() { f.events <- fsnotify.Event{Name: "/file", Op: fsnotify.Write} }

func (f *fake) want(t *testing.T, looks ...time.Duration) {
	t.Helper()
	synctest.Wait()
	if len(f.looks) != len(looks) {
		t.Fatalf("looked at %v, want %v", f.looks, looks)
	}
	for i := range looks {
		if f.looks[i] != looks[i] {
			t.Errorf("looked at %v, want %v", f.looks, looks)
		}
	}
}

func TestOneLookForABurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startFake(t.Context())
		f.want(t, 0)
		for range 10 {
			f.event()
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(time.Minute)
		f.want(t, 0, 140*time.Millisecond)
	})
}

// Who never stops writing is looked at all the same, and not at every write.
func TestAStormIsLookedAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startFake(t.Context())
		for time.Since(f.start) < 3*time.Second {
			for range 100 {
				f.event()
			}
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := len(f.looks); n < 4 || n > 6 {
			t.Errorf("looked %d times in a storm of three seconds: %v", n, f.looks)
		}
		if last := f.looks[len(f.looks)-1]; last < 3*time.Second {
			t.Errorf("the last look, at %v, is not after the end", last)
		}
	})
}

func TestWhatAsksForALook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startFake(t.Context())
		f.events <- fsnotify.Event{Name: "/other", Op: fsnotify.Write}
		time.Sleep(time.Second)
		f.want(t, 0)
		f.errors <- fsnotify.ErrEventOverflow
		time.Sleep(time.Second)
		f.want(t, 0, 1050*time.Millisecond)
		f.wake <- struct{}{}
		time.Sleep(time.Second)
		f.want(t, 0, 1050*time.Millisecond, 2050*time.Millisecond)
	})
}

func TestLookAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := startFake(t.Context())
		f.result.Store(&result{again: 10 * time.Second})
		f.wake <- struct{}{}
		time.Sleep(25 * time.Second)
		f.result.Store(&result{})
		time.Sleep(time.Hour)
		f.want(
			t,
			0,
			50*time.Millisecond,
			10050*time.Millisecond,
			20050*time.Millisecond,
			30050*time.Millisecond,
		)
	})
}

func TestEnds(t *testing.T) {
	failure := errors.New("no watches left")
	for name, tt := range map[string]struct {
		do   func(f *fake, cancel func())
		want error
	}{
		"context":    {func(_ *fake, cancel func()) { cancel() }, context.Canceled},
		"events end": {func(f *fake, _ func()) { close(f.events) }, errEnded},
		"errors end": {func(f *fake, _ func()) { close(f.errors) }, errEnded},
		"look fails": {
			func(f *fake, _ func()) { f.result.Store(&result{err: failure}); f.event() },
			failure,
		},
		"while settling": {func(f *fake, cancel func()) { f.event(); cancel() }, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				f := startFake(ctx)
				tt.do(f, cancel)
				if err := <-f.ended; !errors.Is(err, tt.want) {
					t.Errorf("%v, want %v", err, tt.want)
				}
			})
		})
	}
}
