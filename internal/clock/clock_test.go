package clock

import (
	"testing"
	"testing/synctest"
	"time"
)

// Whatever one of the clocks does, an end is reached when either of them gets there.
func TestTwoClocks(t *testing.T) {
	tests := []struct {
		name         string
		mono, shift  time.Duration // how far the monotonic clock ran, and the wall clock beyond it
		reached      bool
		until, since time.Duration
	}{
		{"nothing happens", 0, 0, false, time.Minute, 0},
		{"time passes", 59 * time.Second, 0, false, time.Second, 59 * time.Second},
		{"to the nanosecond", time.Minute - 1, 0, false, 1, time.Minute - 1},
		{"the end", time.Minute, 0, true, 0, time.Minute},
		{
			"sleep",
			time.Second,
			8 * time.Hour,
			true,
			time.Minute - time.Second - 8*time.Hour,
			8*time.Hour + time.Second,
		},
		{"set back", 2 * time.Minute, -24 * time.Hour, true, -time.Minute, 2 * time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				shift := time.Duration(0)
				c := New(func() time.Time { return time.Now().Add(shift) })
				begin := c.Now()
				end := begin.Add(time.Minute)
				time.Sleep(tt.mono)
				shift = tt.shift
				now := c.Now()
				if now.Reached(end) != tt.reached || now.Until(end) != tt.until ||
					now.Since(begin) != tt.since {
					t.Errorf(
						"reached %v, until %v, since %v",
						now.Reached(end),
						now.Until(end),
						now.Since(begin),
					)
				}
			})
		})
	}
	if d := time.Until(New(nil).Now().Wall); d > time.Second || d < -time.Minute {
		t.Errorf("without a wall clock it is off by %v", d)
	}
}
