//go:build unix && !linux

package daemon

const notDumpable = "unknown"

func dumpable() string { return notDumpable }
