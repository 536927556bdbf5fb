// Package clock tells the time by two clocks, so that what must not outlive a time limit
// does not: not by a laptop's sleep, and not by a wall clock that was set back.
//
// It is a leaf: standard library only, no I/O.
package clock
