//go:build !linux

package daemon

// returnProgram does nothing: what other systems do with such pages was not looked into.
func returnProgram() {}
