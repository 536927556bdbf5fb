//go:build !linux

package filewatch

func newSource() (source, error) { return newPortable() }
