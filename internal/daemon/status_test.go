package daemon

import (
	"testing"
	"time"
)

// zen status says when an open vault locks itself, and nothing once it is locked or never
// does.
func TestStatusTellsOfAutoLock(t *testing.T) {
	w := newWorld(t)
	p := w.start()
	w.store("ghcr.io")
	if at := w.status().AutoLock; at != nil {
		t.Errorf("without a limit it locks at %v", at)
	}
	w.write(w.dirs.ConfigFile(), "auto_lock = \"1h\"\n")
	p.awaitLog("Took over the edited config.toml")
	before := time.Now()
	w.wantGet("ghcr.io", canary)
	after := time.Now()
	at := w.status().AutoLock
	if at == nil || at.Before(before.Add(time.Hour-time.Second)) ||
		at.After(after.Add(time.Hour+time.Second)) {
		t.Errorf("locks at %v, used between %v and %v", at, before, after)
	}
	w.mustCall("vault.lock", struct{}{})
	if at := w.status().AutoLock; at != nil {
		t.Errorf("a locked vault locks at %v", at)
	}
}
