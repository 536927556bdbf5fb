package filewatch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"
)

// What is watched of a file or directory, for inotify(7).
const (
	ends = unix.IN_DELETE_SELF | unix.IN_MOVE_SELF // that it is removed, replaced or moved
	// and its attributes: a link's end, if it has other names
	changes  = ends | unix.IN_ATTRIB
	content  = changes | unix.IN_MODIFY // and what is written to it
	removals = unix.IN_DELETE           // what is removed from a directory
	// which names there are in it, and their attributes
	entries = changes | unix.IN_CREATE | unix.IN_DELETE | movements

	movements = unix.IN_MOVED_FROM | unix.IN_MOVED_TO
)

var errNoWatches = errors.New("the system has no more watches to give")

// inotify watches just what the ways need. It is not fsnotify's, which has no way to ask
// for less than all that happens in a directory: each write to any file in the home
// directory would wake zend.
type inotify struct {
	fd   int
	file *os.File // of fd
	out  chan fsnotify.Event
	errs chan error
	done chan struct{}

	mu      sync.Mutex
	watches map[int32]subject // by the kernel's number
	numbers map[string]int32  // by name
}

// subject is a file or a directory, by any of its names: hard links and mounts can give
// it several.
type subject struct {
	names []string
	mask  uint32
}

func newSource() (source, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("inotify_init1", err)
	}
	n := &inotify{
		fd: fd, file: os.NewFile(uintptr(fd), "inotify"),
		out: make(
			chan fsnotify.Event,
		), errs: make(chan error), done: make(chan struct{}), watches: map[int32]subject{},
	}
	go n.read()
	return n, nil
}

func (n *inotify) events() <-chan fsnotify.Event { return n.out }
func (n *inotify) errors() <-chan error          { return n.errs }

func (n *inotify) close() error {
	close(n.done)
	err := n.file.Close()
	for range n.out { // until read has ended
	}
	return err
}

// masks are what to watch. A directory or link on the way tells of its own end; which
// other names there are beside it matters only in the last directory, where the file, or
// what is missing, comes and goes.
func masks(ways []way, beside []string) map[string]uint32 {
	all := map[string]uint32{}
	for _, w := range ways {
		for _, s := range w {
			switch s.kind {
			case directory:
				all[s.name] |= ends
			case link, special: // of a device, like /dev/null, all the system's writes would be told
				all[s.name] |= changes
			case regular:
				all[s.name] |= content
			case missing:
			}
		}
		all[w.dir()] |= entries
		// A directory that somebody has open or works in does not tell of its end before
		// they leave.
		if up := filepath.Dir(w.dir()); !isShared(up) {
			all[up] |= removals
		}
	}
	for _, name := range beside {
		all[name] |= content
	}
	return all
}

// isShared reports whether everybody puts files into a directory, like /tmp: it is too
// busy.
func isShared(dir string) bool {
	info, err := os.Lstat(dir)
	return err != nil || info.Mode()&fs.ModeSticky != 0
}

// watch asks the kernel anew for each name: it knows best what has that name now, and
// returns the number that it gave to that before.
func (n *inotify) watch(ways []way, beside []string) (changed bool, err error) {
	wanted := masks(ways, beside)
	n.mu.Lock()
	defer n.mu.Unlock()
	need := map[int32]uint32{} // by all names together: the last word would count
	for name, mask := range wanted {
		if number, ok := n.numbers[name]; ok {
			need[number] |= mask
		}
	}
	watches, numbers := map[int32]subject{}, map[string]int32{}
	for name, mask := range wanted {
		before, known := n.numbers[name]
		if known {
			mask |= need[before]
		}
		number, err := n.add(name, mask)
		if other := watches[number]; err == nil && mask|other.mask != mask {
			mask |= other.mask
			number, err = n.add(name, mask)
		}
		if err != nil {
			changed = changed || isGone(err)
			if isFailure(err) && mask&(unix.IN_CREATE|unix.IN_MODIFY) != 0 {
				if errors.Is(err, unix.ENOSPC) {
					err = errNoWatches // it has nothing to do with the disk
				}
				return false, &os.PathError{Op: "watch", Path: name, Err: err}
			}
			continue
		}
		changed = changed || !known || before != number || mask&^n.watches[number].mask != 0
		numbers[name], watches[number] = number, subject{append(watches[number].names, name), mask}
	}
	for number := range n.watches {
		if _, ok := watches[number]; !ok {
			_, _ = unix.InotifyRmWatch(n.fd, uint32(number)) // it may be gone already
		}
	}
	n.watches, n.numbers = watches, numbers
	return changed, nil
}

// isGone reports whether there was something of that name a moment ago.
func isGone(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP)
}

// isFailure reports whether changes will go unseen. Those in what may not be read do too,
// but it mostly cannot be read by the caller either.
func isFailure(err error) bool {
	return !isGone(err) && !errors.Is(err, fs.ErrPermission)
}

func (n *inotify) add(name string, mask uint32) (number int32, err error) {
	wd, err := unix.InotifyAddWatch(n.fd, name, mask|unix.IN_DONT_FOLLOW)
	return int32(wd), err
}

// made watches a new file before its writer is done.
func (n *inotify) made(name string) {
	if kindOf(name) != regular {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	number, err := n.add(name, content)
	if err != nil {
		return // watch will tell
	}
	if w := n.watches[number]; !slices.Contains(w.names, name) {
		n.watches[number] = subject{append(w.names, name), content}
		n.numbers[name] = number
	}
}

// read tells what the kernel tells, until the file is closed.
func (n *inotify) read() {
	defer close(n.out)
	buf := make([]byte, 8<<10) // an event takes up to 272 bytes
	for {
		size, err := n.file.Read(buf)
		if err != nil {
			return
		}
		for rest := buf[:size]; len(rest) >= unix.SizeofInotifyEvent; {
			number := int32(binary.NativeEndian.Uint32(rest)) // struct inotify_event
			mask := binary.NativeEndian.Uint32(rest[4:])
			end := min(unix.SizeofInotifyEvent+int(binary.NativeEndian.Uint32(rest[12:])), len(rest))
			name, _, _ := bytes.Cut(rest[unix.SizeofInotifyEvent:end], []byte{0})
			rest = rest[end:]
			if !n.tell(number, mask, string(name)) {
				return
			}
		}
	}
}

// tell passes one event on. It returns false when nobody listens any more.
func (n *inotify) tell(number int32, mask uint32, name string) bool {
	if mask&unix.IN_Q_OVERFLOW != 0 {
		select {
		case n.errs <- fsnotify.ErrEventOverflow:
			return true
		case <-n.done:
			return false
		}
	}
	for _, path := range n.concerns(number, mask) {
		if name != "" {
			path += "/" + name
		}
		select {
		case n.out <- fsnotify.Event{Name: path, Op: op(mask)}:
		case <-n.done:
			return false
		}
	}
	return true
}

// concerns returns the names of what an event is about, none when it is not watched any
// more.
func (n *inotify) concerns(number int32, mask uint32) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	names := n.watches[number].names
	if mask&unix.IN_IGNORED != 0 { // it is gone, and its number with it
		delete(n.watches, number)
	}
	return names
}

func op(mask uint32) (op fsnotify.Op) {
	for _, is := range []struct {
		bits uint32
		op   fsnotify.Op
	}{
		{unix.IN_CREATE | unix.IN_MOVED_TO, fsnotify.Create},
		{unix.IN_MODIFY, fsnotify.Write},
		{unix.IN_DELETE | unix.IN_DELETE_SELF | unix.IN_IGNORED | unix.IN_UNMOUNT, fsnotify.Remove},
		{unix.IN_MOVED_FROM | unix.IN_MOVE_SELF, fsnotify.Rename},
		{unix.IN_ATTRIB, fsnotify.Chmod},
	} {
		if mask&is.bits != 0 {
			op |= is.op
		}
	}
	return op
}
