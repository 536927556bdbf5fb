package engine

import "time"

// clock reads two clocks. A laptop that sleeps stops the monotonic one on Linux (CLOCK_MONOTONIC, time(7)), and a person or
// NTP may set the wall clock back: a credential has to be good by both.
type clock struct {
	wall  func() time.Time
	start time.Time
}

func newClock(wall func() time.Time) clock { return clock{wall: wall, start: time.Now()} }

func (c clock) now() instant { return instant{wall: c.wall().Round(0), mono: time.Since(c.start)} }

// instant is one moment by both clocks.
type instant struct {
	wall time.Time // without a monotonic reading
	mono time.Duration
}

func (i instant) add(d time.Duration) instant { return instant{i.wall.Add(d), i.mono + d} }

// reached reports whether i is at or after t by either clock.
func (i instant) reached(t instant) bool { return i.mono >= t.mono || !i.wall.Before(t.wall) }

// until is how long it takes from i to t by the clock that gets there first; it may be negative.
func (i instant) until(t instant) time.Duration { return min(t.mono-i.mono, t.wall.Sub(i.wall)) }

// since is how long ago t was by the clock that ran further.
func (i instant) since(t instant) time.Duration { return max(i.mono-t.mono, i.wall.Sub(t.wall)) }
