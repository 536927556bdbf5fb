// Package rosetta stands in for the module of this name, which docker's command line
// imports to say in `docker version` whether it runs under macOS's translator and which
// not every module proxy serves. The end-to-end tests run on Linux.
package rosetta

// Enabled reports that no translator is at work.
func Enabled() bool { return false }
