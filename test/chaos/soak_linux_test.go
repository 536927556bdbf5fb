//go:build chaos

package chaos

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// What zend may have of its own when it has nothing to do, and with what it has of its
// program's file; how much more after a million gets than after the first tenth, in kB;
// how often its threads may be switched to within idleTime, when there is nothing to do.
const (
	idleMemory   = 4 << 10
	idleResident = 10 << 10
	soakGets     = 1000000
	soakGrowth   = 4 << 10
	soakThreads  = 8
	idleTime     = 3 * time.Second
	idleSwitches = 10
	maxOnDisk    = 64 << 20 // with the audit log's old files, in bytes
)

// footprint is what can be seen of a process from outside: its own memory and all that is
// mapped, programs' files included.
type footprint struct{ own, resident, threads, files int }

// footprintOf looks at zend. Its files can only be counted by root: zend cannot be looked
// into.
func footprintOf(t *testing.T, pid int) (f footprint) {
	t.Helper()
	f.own, f.resident, f.threads = proc(t, pid, "RssAnon"), proc(t, pid, "VmRSS"), proc(t, pid, "Threads")
	if files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid)); err == nil {
		f.files = len(files)
	} else if !errors.Is(err, os.ErrPermission) {
		t.Fatal(err)
	}
	return f
}

// grew reports whether it is more than before.
func (f footprint) grew(before footprint) bool {
	return f.own > before.own+soakGrowth || f.threads > before.threads+soakThreads || f.files > before.files
}

// settled is the footprint after clients left, whose connections zend closes a moment
// later.
func settled(t *testing.T, pid int, before footprint) (f footprint) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if f = footprintOf(t, pid); !f.grew(before) || time.Now().After(end) {
			return f
		}
	}
}

// onDisk counts the files below zend's directories, and their bytes.
func (w *world) onDisk() (files int, size int64) {
	w.t.Helper()
	for _, dir := range []string{w.dirs.Data, w.dirs.State, w.dirs.Runtime} {
		err := filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			files, size = files+1, size+info.Size()
			return nil
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
	return files, size
}

// switches is how often the threads of a process were given a processor after they had
// waited for something.
func switches(t *testing.T, pid int) (n int) {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	if err != nil || len(tasks) == 0 {
		t.Fatal("no tasks", err)
	}
	for _, task := range tasks {
		status, err := os.ReadFile(filepath.Join(task, "status"))
		if err != nil {
			continue // it ended
		}
		var some int
		_, rest, _ := bytes.Cut(status, []byte("\nvoluntary_ctxt_switches:"))
		if _, err := fmt.Sscan(string(rest), &some); err != nil {
			t.Fatal(err)
		}
		n += some
	}
	return n
}

// A zend that has served somebody and has nothing to do any more is small, and sleeps.
func TestIdleZendIsSmallAndSleeps(t *testing.T) {
	w := newWorld(t)
	if err := w.store("hub.example", "alice", "secret"); err != nil {
		t.Fatal(err)
	}
	w.polite(t, 1, 10)
	pid := w.daemons()[0]
	woke := 0
	for range 5 { // a collection of garbage may spoil one measure
		before := switches(t, pid)
		time.Sleep(idleTime) // the measure itself
		if woke = switches(t, pid) - before; woke <= idleSwitches {
			break
		}
	}
	for end := time.Now().Add(15 * time.Second); proc(t, pid, "VmRSS") > idleResident &&
		time.Now().Before(end); {
		// what its start needed is given back when zend was left alone for some seconds
		time.Sleep(50 * time.Millisecond)
	}
	w.polite(t, 1, 10) // which takes back what serving needs
	is := footprintOf(t, pid)
	t.Logf("%d kB of its own, %d kB resident, %d threads, %d files; woke up %d times in "+
		"%v", is.own, is.resident, is.threads, is.files, woke, idleTime)
	if is.resident > idleResident {
		t.Errorf(
			"an idle zend occupies %d kB with its program, at most %d are allowed",
			is.resident,
			idleResident,
		)
	}
	if is.own > idleMemory {
		t.Errorf("an idle zend occupies %d kB of its own, at most %d are allowed", is.own, idleMemory)
	}
	if woke > idleSwitches {
		t.Errorf("an idle zend woke up %d times", woke)
	}
}

// After a million gets zend occupies as much as after a hundred thousand.
func TestSoak(t *testing.T) {
	w := newWorld(t)
	if err := w.store("hub.example", "alice", "secret"); err != nil {
		t.Fatal(err)
	}
	pid := w.daemons()[0]
	first := footprintOf(t, pid)
	w.soak(t, soakGets/10)
	before := settled(t, pid, first)
	begin := time.Now()
	w.soak(t, soakGets-soakGets/10)
	took := time.Since(begin)
	after := settled(t, pid, before)
	files, size := w.onDisk()
	t.Logf("%d gets, %.0f a second; before %+v, after %+v (kB); %d files of %d kB",
		soakGets, (soakGets-soakGets/10)/took.Seconds(), before, after, files, size>>10)
	if after.grew(before) {
		t.Errorf("grew from %+v to %+v", before, after)
	}
	if files > 20 || size > maxOnDisk {
		t.Errorf("%d files of %d bytes are on the disk", files, size)
	}
	if now := w.daemons(); len(now) != 1 || now[0] != pid {
		t.Errorf("zend %d did not survive: now there is %v", pid, now)
	}
}

// soak makes gets, a hundred over each connection.
func (w *world) soak(t *testing.T, gets int64) {
	t.Helper()
	socket, err := w.dirs.Socket()
	if err != nil {
		t.Fatal(err)
	}
	request := []byte(getLine("hub.example"))
	var done atomic.Int64
	err = together(16, func(int) error {
		for done.Load() < gets {
			if err := askOften(socket, request, 100, &done); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func askOften(socket string, request []byte, n int, done *atomic.Int64) error {
	c, err := dial(socket)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	buf := make([]byte, 4096)
	for range n {
		if _, err := c.Write(request); err != nil {
			return err
		}
		n, err := c.Read(buf)
		if err != nil || !bytes.Contains(buf[:n], []byte(`"secret"`)) {
			return fmt.Errorf("was told %q: %w", buf[:n], err)
		}
		done.Add(1)
	}
	return nil
}
