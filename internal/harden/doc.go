// Package harden keeps the memory of the calling process from everybody else's eyes. It
// is a leaf that every program of zen calls first, and does nothing but that.
package harden
