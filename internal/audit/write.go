package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/paths"
)

// recheck is how often it is looked whether the file still has its name.
const recheck = time.Second

// actionAudit is the action of the log's own entries.
const actionAudit = "audit"

// batch is the number of bytes after which entries are written though there are more.
const batch = 64 << 10

// writer appends to the file. The zero writer opens it when there is something to write.
type writer struct {
	opt  Options
	file *os.File
	size int64
	torn bool // the file may end in half a line
	buf  bytes.Buffer
	held int64     // entries in buf
	gone int64     // entries that were lost since one was last written
	last time.Time // of the last entry
	seen time.Time // when the file had its name
}

// write appends entries, and after them how many more are lost. What the disk does not
// take is lost too, and counted.
func (w *writer) write(entries []api.AuditEntry, lost int64) (err error) {
	for _, e := range entries {
		w.add(e)
		w.held++
		if w.buf.Len() >= batch {
			err = w.flush()
		}
	}
	w.gone += lost
	if w.buf.Len() > 0 || w.gone > 0 {
		err = w.flush()
	}
	if w.buf.Cap() > 2*batch {
		w.buf = bytes.Buffer{}
	}
	return err
}

// add appends an entry to the buffer. No two entries have the same time, so that a reader
// of the log can say where it was.
func (w *writer) add(e api.AuditEntry) {
	if !e.Time.After(w.last) {
		e.Time = w.last.Add(1)
	}
	w.last = e.Time
	enc := json.NewEncoder(&w.buf)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(e) // of plain types into memory
}

// flush writes the buffer.
func (w *writer) flush() error {
	if w.gone > 0 {
		w.add(api.AuditEntry{
			Time: w.opt.Now().UTC(), Action: actionAudit, Result: string(credential.CannotWrite),
			Detail: fmt.Sprintf("%d entries before this one are lost", w.gone),
		})
	}
	err := w.append(w.buf.Bytes())
	if err != nil {
		w.gone += w.held
	} else {
		w.gone = 0
	}
	w.held = 0
	w.buf.Reset()
	return err
}

func (w *writer) close() {
	if w.file != nil {
		_ = w.file.Close()
		w.file = nil
	}
}

func (w *writer) append(lines []byte) error {
	if err := w.open(); err != nil {
		return err
	}
	if w.size > 0 && w.size+int64(len(lines)) > w.opt.MaxSize {
		if err := w.rotate(); err != nil {
			return err
		}
	}
	if w.torn {
		lines = append([]byte{'\n'}, lines...)
	}
	n, err := w.file.Write(lines)
	w.size += int64(n)
	w.torn = n > 0 && lines[n-1] != '\n' || n == 0 && w.torn
	return unwrapPath(err)
}

// open opens the file unless it is open and still has its name: somebody may have removed
// it or moved it away.
func (w *writer) open() error {
	now := w.opt.Now()
	if w.file != nil && now.Sub(w.seen) < recheck {
		return nil
	}
	w.seen = now
	if w.file != nil {
		here, err1 := w.file.Stat()
		there, err2 := os.Lstat(w.opt.Path)
		if err1 == nil && err2 == nil && os.SameFile(here, there) {
			return nil
		}
		_ = w.file.Close()
		w.file = nil
	}
	fd, err := paths.OpenFile(w.opt.Path, os.O_CREATE|os.O_APPEND|os.O_RDWR)
	if err != nil {
		return unwrapPath(err)
	}
	f := os.NewFile(uintptr(fd), w.opt.Path)
	if err := w.adopt(f); err != nil {
		_ = f.Close()
		return unwrapPath(err)
	}
	return nil
}

// adopt checks that an opened file is one to write to, and makes it the user's alone.
func (w *writer) adopt(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 != 0 {
		if err := f.Chmod(0o600); err != nil {
			return err
		}
	}
	w.file, w.size, w.torn = f, info.Size(), false
	if w.size > 0 {
		end := make([]byte, 1)
		if _, err := f.ReadAt(end, w.size-1); err != nil || end[0] != '\n' {
			w.torn = true
		}
	}
	return nil
}

// rotate renames the files to their next number, the oldest falling out, and begins a new
// one.
func (w *writer) rotate() error {
	_ = w.file.Close()
	w.file = nil
	for n := w.opt.Keep; n > 0; n-- {
		err := paths.Rename(older(w.opt.Path, n-1), older(w.opt.Path, n))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return unwrapPath(err)
		}
	}
	return w.open()
}

// older is the name of the n-th older file; 0 is the log itself.
func older(path string, n int) string {
	if n == 0 {
		return path
	}
	return path + "." + strconv.Itoa(n)
}

// unwrapPath drops the path, which the notice has already.
func unwrapPath(err error) error {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return p.Err
	}
	if l, ok := errors.AsType[*os.LinkError](err); ok {
		return l.Err
	}
	return err
}
