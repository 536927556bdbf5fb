package clock

import "time"

// Clock reads two clocks. A laptop that sleeps stops the monotonic one on Linux
// (CLOCK_MONOTONIC, time(7)), and a person or NTP may set the wall clock back: whatever
// has an end has to be good by both. Use New.
type Clock struct {
	wall  func() time.Time
	start time.Time
}

// New returns a Clock over a wall clock; nil is time.Now.
func New(wall func() time.Time) Clock {
	if wall == nil {
		wall = time.Now
	}
	return Clock{wall: wall, start: time.Now()}
}

// Now is this moment.
func (c Clock) Now() Instant { return Instant{Wall: c.wall().Round(0), Mono: time.Since(c.start)} }

// Instant is one moment by both clocks. Instants of different Clocks cannot be compared.
type Instant struct {
	Wall time.Time // without a monotonic reading
	Mono time.Duration
}

// Add is the moment d later.
func (i Instant) Add(d time.Duration) Instant { return Instant{i.Wall.Add(d), i.Mono + d} }

// Reached reports whether i is at or after t by either clock.
func (i Instant) Reached(t Instant) bool { return i.Mono >= t.Mono || !i.Wall.Before(t.Wall) }

// Until is how long it takes from i to t by the clock that gets there first; it may be
// negative.
func (i Instant) Until(t Instant) time.Duration { return min(t.Mono-i.Mono, t.Wall.Sub(i.Wall)) }

// Since is how long ago t was by the clock that ran further.
func (i Instant) Since(t Instant) time.Duration { return max(i.Mono-t.Mono, i.Wall.Sub(t.Wall)) }
