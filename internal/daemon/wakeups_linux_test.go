package daemon

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// sleeps is how often the threads of zend fell asleep so far, each time after something
// had woken them.
func (p *process) sleeps() (n int) {
	p.w.t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", p.cmd.Process.Pid))
	if err != nil || len(files) == 0 {
		p.w.t.Fatal("no threads", err)
	}
	for _, name := range files {
		status, err := os.ReadFile(name)
		if err != nil {
			continue // it ended
		}
		some := 0
		_, rest, _ := bytes.Cut(status, []byte("\nvoluntary_ctxt_switches:"))
		if _, err := fmt.Sscan(string(rest), &some); err != nil {
			p.w.t.Fatal(err)
		}
		n += some
	}
	return n
}

// quiet waits until zend has done what it had to do.
func (p *process) quiet() {
	p.w.t.Helper()
	last := p.sleeps()
	eventually(p.w.t, "zend sleeps", func() bool {
		time.Sleep(300 * time.Millisecond) // longer than the guard leaves files alone
		before := last
		last = p.sleeps()
		return last == before
	})
}

// Nobody wakes an idle zend by writing to files in the directories above those that it
// watches, or as zend itself writes.
func TestPlainWritesWakeNobody(t *testing.T) {
	w := newWorld(t)
	w.write(w.dockerFile(), `{"credsStore":"zen","auths":{}}`)
	w.write(w.dirs.ConfigFile(), "guard = \"report\"\n")
	var names []string
	for _, dir := range []string{
		w.home, filepath.Join(w.home, ".config"), filepath.Dir(w.dockerFile()), filepath.Join(w.home, "run"),
		w.dirs.State, w.dirs.Data, w.dirs.Runtime,
	} {
		names = append(names, filepath.Join(dir, "other"))
		w.write(filepath.Join(dir, "other"), "")
	}
	p := w.start()
	w.store("ghcr.io")
	w.wantGet("ghcr.io", canary)

	const rounds = 100
	writes := func() {
		for range rounds {
			for _, name := range append(names, w.dirs.Audit()) {
				f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := f.WriteString("{}\n"); err != nil {
					t.Error(err)
				}
				f.Close()
			}
			w.write(filepath.Join(w.dirs.Data, "next"), "a new vault")
			if err := os.Rename(filepath.Join(w.dirs.Data, "next"),
				filepath.Join(w.dirs.Data, "other")); err != nil {
				t.Error(err)
			}
		}
		time.Sleep(20 * time.Millisecond) // whoever is woken runs
	}
	woken := func(do func()) int {
		p.quiet()
		before := p.sleeps()
		do()
		return p.sleeps() - before
	}
	least := woken(writes)
	for range 4 { // a collection of garbage may spoil one measure
		if least > 0 {
			least = min(least, woken(writes))
		}
	}
	if least > rounds/20 {
		t.Errorf("%d times %d writes of others woke zend %d times", rounds, len(names)+2, least)
	}
	wakes := woken(func() {
		w.writeLogins("ghcr.io")
		p.awaitLog("stores credentials in plain text")
	})
	if wakes == 0 {
		t.Error("zend did something, and was not woken: the measure is none")
	}
	t.Logf("zend was woken %d times by %d writes of others, and %d times by one that "+
		"matters", least, rounds*(len(names)+2), wakes)
}
