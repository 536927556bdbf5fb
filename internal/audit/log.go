package audit

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/broker"
	"github.com/zen-agent/zen/internal/credential"
)

// resultOK is an entry's result when nothing failed; else it is a credential.Reason.
const resultOK = "ok"

// queueSize is how many entries may wait for the disk; further ones are counted as lost.
const queueSize = 4096

// Options say where the log is. Only Path is required; zero fields mean the default.
type Options struct {
	Path    string           // the log; older parts have .1, .2, ... appended
	MaxSize int64            // of one file, in bytes; 4 MiB
	Keep    int              // older files that are kept; 3
	Log     *slog.Logger     // nil: nothing is logged
	Now     func() time.Time // nil: time.Now
}

func (o Options) withDefaults() Options {
	if o.MaxSize <= 0 {
		o.MaxSize = 4 << 20
	}
	if o.Keep <= 0 {
		o.Keep = 3
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Log is the audit log. It is safe for concurrent use; one goroutine writes.
type Log struct {
	opt   Options
	queue chan *item
	lost  atomic.Int64  // entries that found the queue full, not yet reported
	quit  chan struct{} // closed by Close
	done  chan struct{} // closed when the writer ended
	once  sync.Once

	mu     sync.Mutex
	notice *api.Notice // nil: all is well
}

var _ broker.Auditor = (*Log)(nil)

// item is an entry to write, or a request to tell when all before it is written. The queue has pointers: thousands of entries
// that are not there would count as memory in use, and the garbage that Go allows grows with that.
type item struct {
	entry   api.AuditEntry
	flushed chan<- struct{}
}

// New returns a log that appends to the file, which is made when there is something to write.
func New(opt Options) *Log {
	l := &Log{opt: opt.withDefaults(), queue: make(chan *item, queueSize), quit: make(chan struct{}), done: make(chan struct{})}
	go l.write()
	return l
}

// Record queues one entry. It looks up the caller's processes at once, while they are there, and waits for nothing.
func (l *Log) Record(caller broker.Caller, subject broker.Subject, result error, detail string) {
	e := api.AuditEntry{
		Time: l.opt.Now().UTC(), Action: string(subject.Action), Address: subject.Address.String(), Connector: clean(subject.Connector),
		Result: resultOK, Detail: clean(detail), PID: caller.PID, Dir: clean(caller.Dir),
	}
	if result != nil {
		e.Result = string(credential.ReasonOf(result))
	}
	if caller.Exe != nil {
		e.Exe = clean(caller.Exe())
	}
	if caller.Parents != nil {
		e.Parents = cleanAll(caller.Parents())
	}
	select {
	case l.queue <- &item{entry: e}:
	default:
		l.lost.Add(1)
	}
}

// flush returns when all that was recorded before is in the file or lost.
func (l *Log) flush() {
	flushed := make(chan struct{})
	select {
	case l.queue <- &item{flushed: flushed}:
	case <-l.done:
		return
	}
	select {
	case <-flushed:
	case <-l.done:
	}
}

// Close writes what is queued and ends the log. What is recorded afterwards is lost.
func (l *Log) Close() error {
	l.once.Do(func() { close(l.quit) })
	<-l.done
	return nil
}

// Notices says what a person should know about the log: that it cannot be written.
func (l *Log) Notices() []api.Notice {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.notice == nil {
		return nil
	}
	return []api.Notice{*l.notice}
}

// report remembers and logs that the log cannot be written, once until it can be again.
func (l *Log) report(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		l.notice = nil
		return
	}
	if l.notice != nil {
		return
	}
	l.notice = &api.Notice{
		Time: l.opt.Now().UTC(), Text: fmt.Sprintf("the audit log cannot be written: %v", err),
		Hint: "make room for " + l.opt.Path + ", or make it writable",
	}
	l.opt.Log.Warn("Cannot write the audit log", "error", err)
}
