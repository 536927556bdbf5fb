package filewatch

import (
	"context"
	"errors"
	"time"

	"github.com/fsnotify/fsnotify"
)

// How long files must be left alone before they are looked at, by default: editors
// truncate, write and rename in several steps.
const (
	Settle    = 50 * time.Millisecond
	MaxSettle = time.Second
)

var errEnded = errors.New("the system ended watching")

// Watch says what to watch and what to do.
type Watch struct {
	// Paths are the files, absolute; none of them need exist. It is asked before every
	// look.
	Paths func() []string

	// Look is called when the watch begins and then whenever something may have changed.
	// A result above 0 is the time after which it is to be called again, whatever
	// happens.
	Look func(ctx context.Context) (again time.Duration)

	// Beside, unless it is nil, says which other names in a file's directory matter.
	Beside func(path string) bool

	// Wake asks for a look, as an event does. It may be nil.
	Wake <-chan struct{}

	Settle    time.Duration // files that are left alone for so long are looked at; 0: the constant
	MaxSettle time.Duration // and others, after so long at most; 0: the constant

	source func() (source, error) // nil: the system's
}

// Run watches until ctx ends. Any other error says that nothing can be watched, or not
// any more.
func (w Watch) Run(ctx context.Context) error {
	open := w.source
	if open == nil {
		open = newSource
	}
	src, err := open()
	if err != nil {
		return err
	}
	defer func() { _ = src.close() }()
	t := &tracker{source: src, beside: w.Beside}
	l := loop{
		events:  src.events(),
		errors:  src.errors(),
		wake:    w.Wake,
		matters: t.matters,
		settle:  w.Settle,
		max:     w.MaxSettle,
	}
	if l.settle == 0 {
		l.settle = Settle
	}
	if l.max == 0 {
		l.max = max(MaxSettle, l.settle)
	}
	l.look = func(ctx context.Context) (time.Duration, error) {
		if err := t.follow(w.Paths()); err != nil {
			return 0, err
		}
		return w.Look(ctx), nil
	}
	return l.run(ctx)
}

// loop turns events into looks.
type loop struct {
	events      <-chan fsnotify.Event
	errors      <-chan error
	wake        <-chan struct{}
	matters     func(fsnotify.Event) bool
	look        func(context.Context) (again time.Duration, err error)
	settle, max time.Duration
}

func (l loop) run(ctx context.Context) error {
	due := time.NewTimer(0)
	defer due.Stop()
	var first time.Time // of the events that were not looked at yet
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e, ok := <-l.events:
			if !ok {
				return errEnded
			}
			if !l.matters(e) {
				continue
			}
		case _, ok := <-l.errors: // an overflow: something was missed
			if !ok {
				return errEnded
			}
		case <-l.wake:
		case <-due.C:
			first = time.Time{}
			again, err := l.look(ctx)
			if err != nil {
				return err
			}
			if again > 0 {
				due.Reset(again)
			}
			continue
		}
		if first.IsZero() {
			first = time.Now()
		}
		if left := l.max - time.Since(first); left > 0 { // else it is due already
			due.Reset(min(l.settle, left))
		}
	}
}
