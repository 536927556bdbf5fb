//go:build unix && !linux

package arena

// exclude does nothing: there is no portable way to leave single pages out of a dump.
func exclude([]byte) {}
