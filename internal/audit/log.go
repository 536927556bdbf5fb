package audit

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
)

// resultOK is an entry's result when nothing failed; else it is a credential.Reason.
const resultOK = "ok"

// queueSize is how many entries may wait for the disk; further ones are counted as lost.
const queueSize = 4096

// keepQueue is the room for entries, in entries, that is kept for further ones.
const keepQueue = 512

// linger is how long the first entry waits for others: to write each by itself would cost
// as much as to serve a request.
const linger = 2 * time.Millisecond

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

// Log is the audit log. It is safe for concurrent use.
type Log struct {
	opt  Options
	disk sync.Mutex // held while writing
	file writer     // guarded by disk

	mu     sync.Mutex // never held over I/O
	queue  []api.AuditEntry
	spare  []api.AuditEntry // room for the next queue
	lost   int64            // entries that found the queue full, not yet reported
	due    *time.Timer      // writes the queue; set when its first entry comes
	closed bool
	notice *api.Notice // nil: all is well
}

// New returns a log that appends to the file, which is made when there is something to
// write.
func New(opt Options) *Log {
	opt = opt.withDefaults()
	return &Log{opt: opt, file: writer{opt: opt}}
}

// Record queues one entry. It looks up the caller's processes at once, while they are
// there, and waits for nothing. It wakes nobody either: the caller's own answer comes
// first.
func (l *Log) Record(caller access.Caller, subject access.Subject, result error, detail string) {
	e := api.AuditEntry{
		Time: l.opt.Now().
			UTC(),
		Action: string(
			subject.Action,
		), Address: subject.Address.String(), Connector: clean(subject.Connector),
		To: clean(
			subject.To.String(),
		), Result: resultOK, Detail: clean(detail), PID: caller.PID, Dir: clean(caller.Dir),
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
	l.enqueue(e)
}

func (l *Log) enqueue(e api.AuditEntry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
	case len(l.queue) >= queueSize:
		l.lost++
	default:
		l.queue = append(l.queue, e)
		if len(l.queue) == 1 {
			l.wakeLater()
		}
	}
}

// wakeLater lets the queue be written soon.
func (l *Log) wakeLater() {
	if l.due == nil {
		l.due = time.AfterFunc(linger, l.flush)
		return
	}
	l.due.Reset(linger)
}

// flush returns when all that was recorded before is in the file or lost.
func (l *Log) flush() {
	l.disk.Lock()
	defer l.disk.Unlock()
	l.mu.Lock()
	queue, lost := l.queue, l.lost
	l.queue, l.spare, l.lost = l.spare, nil, 0
	l.mu.Unlock()
	if len(queue) > 0 || lost > 0 {
		l.report(l.file.write(queue, lost))
	}
	if cap(queue) <= keepQueue {
		clear(queue)
		l.mu.Lock()
		l.spare = queue[:0]
		l.mu.Unlock()
	}
}

// Close writes what is queued and ends the log. What is recorded afterwards is lost.
func (l *Log) Close() error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.flush()
	l.disk.Lock()
	defer l.disk.Unlock()
	l.file.close()
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
