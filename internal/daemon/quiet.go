package daemon

import (
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// worthReturning is how much memory, in bytes, must be there to give back: less is not
// worth the collection it takes.
const worthReturning = 4 << 20

// whenQuiet returns what zend does when it was left alone for a while: what only its
// start needed is given back once.
func whenQuiet() func() {
	var started sync.Once
	return func() {
		returnMemory()
		started.Do(returnProgram)
	}
}

// returnMemory gives back to the system what a burst of requests needed. By itself the
// runtime does so minutes later.
func returnMemory() {
	held := []metrics.Sample{
		{Name: "/memory/classes/heap/free:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"}, // garbage is among them
	}
	metrics.Read(held)
	total := uint64(0)
	for _, s := range held {
		total += s.Value.Uint64()
	}
	if total >= worthReturning {
		debug.FreeOSMemory()
	}
}
