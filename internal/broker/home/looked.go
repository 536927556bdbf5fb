package home

import (
	"sync"
	"time"
)

// looked remembers when each server listed its connectors. The zero value is ready.
type looked struct {
	mu sync.Mutex
	at map[string]time.Time // by the id of the server
}

func (l *looked) set(id string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.put(id, now)
}

func (l *looked) put(id string, now time.Time) {
	if l.at == nil {
		l.at = make(map[string]time.Time)
	}
	l.at[id] = now
}

// due reports whether a server has not been asked for as long as after; if so, it counts
// as asked now. The time of one that was never asked begins now.
func (l *looked) due(id string, now time.Time, after time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, known := l.at[id]
	if known && now.Sub(at) < after {
		return false
	}
	l.put(id, now)
	return known
}
