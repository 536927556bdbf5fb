//go:build !linux

package selftest

// watcher sees no processes where there is no /proc: the report says 0.
type watcher struct{}

func watchProcesses([]needle) *watcher { return &watcher{} }

func (*watcher) look() finding { return finding{} }

func (*watcher) stop() {}
