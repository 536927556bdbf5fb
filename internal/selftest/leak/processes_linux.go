package leak

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// pollEvery is how often the processes are looked at: docker-credential-zen lives for a
// few milliseconds, and a run makes several calls of it.
const pollEvery = 4 * time.Millisecond

// Watcher looks at the command line and environment of every process of this user, again
// and again, as a nosy neighbour would with ps.
type Watcher struct {
	needles Needles
	proc    string
	uid     uint32
	stopped chan struct{}
	done    sync.WaitGroup

	mu    sync.Mutex
	seen  map[string]bool // PIDs
	leaks []string
}

// Watch begins to look, until Stop.
func Watch(list Needles) *Watcher {
	w := &Watcher{
		needles: list,
		proc:    "/proc",
		uid:     uint32(os.Getuid()),
		stopped: make(chan struct{}),
		seen:    map[string]bool{},
	}
	w.done.Go(w.poll)
	return w
}

func (w *Watcher) poll() {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-w.stopped:
			return
		case <-tick.C:
			w.scan()
		}
	}
}

// Look scans once more and returns everything that was seen so far.
func (w *Watcher) Look() Finding {
	w.scan()
	w.mu.Lock()
	defer w.mu.Unlock()
	return Finding{Processes: len(w.seen), Leaks: slices.Clone(w.leaks)}
}

// Stop ends the looking.
func (w *Watcher) Stop() {
	close(w.stopped)
	w.done.Wait()
}

func (w *Watcher) scan() {
	dir, err := os.Open(w.proc)
	if err != nil {
		return
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	for _, name := range names {
		if _, err := strconv.Atoi(name); err == nil {
			w.process(name)
		}
	}
}

// process searches one process. What belongs to others, has ended, or is not for us to
// read (a program that is not dumpable) is nothing that this user can see.
func (w *Watcher) process(pid string) {
	dir := filepath.Join(w.proc, pid)
	var st syscall.Stat_t
	if syscall.Lstat(dir, &st) != nil || (st.Uid != w.uid && w.uid != 0) {
		return
	}
	for _, file := range []string{"cmdline", "environ"} {
		content, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil || len(content) == 0 {
			continue
		}
		w.note(pid, file, w.needles.In(content))
	}
}

func (w *Watcher) note(pid, file string, found []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[pid] = true
	for _, spelling := range found {
		leak := filepath.Join(w.proc, pid, file) + " (" + spelling + ")"
		if !slices.Contains(w.leaks, leak) {
			w.leaks = append(w.leaks, leak)
		}
	}
}
