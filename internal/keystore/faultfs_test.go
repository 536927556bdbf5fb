package keystore

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// errKilled stands for the end of the process: nothing that comes after it happens.
var errKilled = errors.New("killed")

// fault is what goes wrong.
type fault struct {
	name  string
	err   error
	stays bool // it goes on going wrong
	short bool // a write is cut short without an error
}

func faults() []fault {
	return []fault{
		{name: "killed", err: errKilled, stays: true},
		{name: "disk full once", err: syscall.ENOSPC},
		{name: "I/O error once", err: syscall.EIO},
		{name: "I/O error from then on", err: syscall.EIO, stays: true},
		{name: "read-only from then on", err: syscall.EROFS, stays: true},
		{name: "short write", short: true},
	}
}

// event is one change of the disk or of a key slot, in the order they happened.
type event struct {
	op       string // create, write, sync, sync dir, rename, link, remove; save and delete for a key slot
	name, to string
	data     []byte
}

// faultFS is the operating system's file system with one operation that goes wrong. It
// notes what was changed.
type faultFS struct {
	fault   fault
	at      int  // the operation that goes wrong, counted from 1; 0: none
	noLinks bool // as on FAT

	mu     sync.Mutex
	count  int
	writes []int // which operations are writes of data
	events []event
}

// step counts an operation and reports whether it goes wrong. A full or read-only disk
// can be read.
func (fs *faultFS) step(reads bool) error {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.count++
	if reads && (errors.Is(fs.fault.err, syscall.ENOSPC) || errors.Is(fs.fault.err, syscall.EROFS)) {
		return nil
	}
	if fs.at > 0 && (fs.count == fs.at || fs.count > fs.at && fs.fault.stays) {
		return fs.fault.err
	}
	return nil
}

func (fs *faultFS) noteWrite() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.writes = append(fs.writes, fs.count)
}

func (fs *faultFS) shortNow() bool {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.fault.short && fs.count == fs.at
}

// killed reports whether the process that uses fs is gone.
func (fs *faultFS) killed() bool {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.at > 0 && fs.count >= fs.at && errors.Is(fs.fault.err, errKilled)
}

func (fs *faultFS) note(e event) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.events = append(fs.events, e)
}

func pathError(op, name string, err error) error { return &os.PathError{Op: op, Path: name, Err: err} }

func (fs *faultFS) OpenFile(name string, flag int, perm os.FileMode) (File, error) {
	if err := fs.step(flag == os.O_RDONLY); err != nil {
		return nil, pathError("open", name, err)
	}
	_, absent := os.Lstat(name)
	f, err := os.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	if flag&os.O_CREATE != 0 && absent != nil {
		fs.note(event{op: "create", name: name})
	}
	return &faultFile{f, fs, name}, nil
}

func (fs *faultFS) Rename(from, to string) error {
	return fs.change("rename", from, to, func() error { return os.Rename(from, to) })
}

func (fs *faultFS) Link(from, to string) error {
	if fs.noLinks {
		return &os.LinkError{Op: "link", Old: from, New: to, Err: syscall.EPERM}
	}
	return fs.change("link", from, to, func() error { return os.Link(from, to) })
}

func (fs *faultFS) Remove(name string) error {
	return fs.change("remove", name, "", func() error { return os.Remove(name) })
}

func (fs *faultFS) change(op, name, to string, do func() error) error {
	if err := fs.step(false); err != nil {
		return pathError(op, name, err)
	}
	err := do()
	if err == nil {
		fs.note(event{op: op, name: name, to: to})
	}
	return err
}

type faultFile struct {
	*os.File
	fs   *faultFS
	name string
}

// Write does half of the work before it fails.
func (f *faultFile) Write(b []byte) (int, error) {
	err := f.fs.step(false)
	f.fs.noteWrite()
	if err != nil || f.fs.shortNow() {
		b = b[:len(b)/2]
	}
	n, werr := f.File.Write(b)
	f.fs.note(event{op: "write", name: f.name, data: bytes.Clone(b)})
	return n, errors.Join(err, werr)
}

func (f *faultFile) Read(b []byte) (int, error) {
	if err := f.fs.step(true); err != nil {
		return 0, pathError("read", f.name, err)
	}
	return f.File.Read(b)
}

// Sync only notes that it was asked for: the test's machine does not crash.
func (f *faultFile) Sync() error {
	if err := f.fs.step(false); err != nil {
		return pathError("sync", f.name, err)
	}
	op := "sync"
	if info, err := f.Stat(); err == nil && info.IsDir() {
		op = "sync dir"
	}
	f.fs.note(event{op: op, name: f.name})
	return nil
}

func (f *faultFile) Close() error {
	return errors.Join(f.File.Close(), f.fs.step(true))
}

// disk is the content of the vault's directory, by base name.
type disk map[string][]byte

func readDisk(t testing.TB, path string) disk {
	t.Helper()
	d := make(disk)
	for _, name := range files(t, path) {
		d[filepath.Base(name)] = mustRead(t, name)
	}
	return d
}

// write puts the content into a new directory and returns the vault's path there. The
// thousands of small files that these tests make are kept in memory where the system has
// a place for that.
func (d disk) write(t testing.TB) (path string) {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "zen-test-")
	if err != nil {
		dir = t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path = filepath.Join(dir, "vault.json")
	for name, b := range d {
		if err := os.WriteFile(filepath.Join(filepath.Dir(path), name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// crashes returns what may be found on the disk when the machine loses power after each
// event, together with how many events had happened. What was done to the directory since
// it was last synced may be lost from some point on, and a file that was not synced may
// be empty, cut short or whole.
func crashes(start disk, events []event) (found []crash) {
	for n := range len(events) + 1 {
		happened := events[:n]
		durable := 0 // events before the last sync of the directory
		for i, e := range happened {
			if e.op == "sync dir" {
				durable = i
			}
		}
		for kept := durable; kept <= n; kept++ {
			for _, unsynced := range []float64{0, 0.5, 1} {
				found = append(found, crash{n, replay(start, happened, kept, unsynced)})
			}
		}
	}
	return found
}

type crash struct {
	events int
	disk   disk
}

// inode is a file's content; names refer to it.
type inode struct {
	data   []byte
	synced bool
}

// replay applies the changes of the directory among the first kept events, and the data
// of all. Data that was not synced is there only in part.
func replay(start disk, events []event, kept int, unsynced float64) disk {
	// on the disk, and as the running system sees it
	now, later := make(map[string]*inode), make(map[string]*inode)
	for name, b := range start {
		now[name] = &inode{b, true}
		later[name] = now[name]
	}
	for i, e := range events {
		name := filepath.Base(e.name)
		switch e.op {
		case "write":
			later[name].data, later[name].synced = slices.Concat(later[name].data, e.data), false
		case "sync":
			later[name].synced = true
		default:
			if e.op == "create" {
				e.data = nil
				later[name] = &inode{synced: true}
				if i < kept {
					now[name] = later[name]
				}
				continue
			}
			rearrange(later, e)
			if i < kept {
				rearrange(now, e)
			}
		}
	}
	out := make(disk)
	for name, file := range now {
		out[name] = file.data
		if !file.synced {
			out[name] = file.data[:int(float64(len(file.data))*unsynced)]
		}
	}
	return out
}

func rearrange(names map[string]*inode, e event) {
	from, to := filepath.Base(e.name), filepath.Base(e.to)
	switch e.op {
	case "rename":
		if names[from] == names[to] && from != to {
			return // two names of one file: rename(2) does nothing
		}
		names[to] = names[from]
		delete(names, from)
	case "link":
		names[to] = names[from]
	case "remove":
		delete(names, from)
	}
}

// slotAfter is what a key slot holds after some events.
func slotAfter(start *slotStub, events []event) *slotStub {
	s := start.clone()
	for _, e := range events {
		switch e.op {
		case "save":
			if s.keys == nil {
				s.keys = make(map[string][KeySize]byte)
			}
			s.keys[e.name] = [KeySize]byte(e.data)
		case "delete":
			delete(s.keys, e.name)
		}
	}
	return s
}

func describe(events []event) string {
	var b strings.Builder
	for _, e := range events {
		b.WriteString("\n\t" + e.op + " " + filepath.Base(e.name))
		if e.to != "" {
			b.WriteString(" -> " + filepath.Base(e.to))
		}
	}
	return b.String()
}
