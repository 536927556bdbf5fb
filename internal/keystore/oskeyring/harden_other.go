//go:build !linux

package oskeyring

// harden does nothing where the calls differ; the process lives for one operation.
func harden() {}
