package filewatch

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fsnotify/fsnotify"
)

// maxLinks is how many symbolic links are followed, as in the Linux kernel.
const maxLinks = 40

// maxBeside is how many of the other names in a directory are watched for what is written
// to them. More are a heap that somebody left behind; that they come and go is seen all
// the same.
const maxBeside = 64

// source is what the system has to tell of changes.
type source interface {
	// watch makes these ways, and the files with these names, what is watched, and
	// nothing else. changed says that something is watched that was not before, in which
	// changes may have been missed.
	watch(ways []way, beside []string) (changed bool, err error)
	// made is called for a name that somebody has just put there, if it matters: what is
	// written to it next should be seen.
	made(name string)
	events() <-chan fsnotify.Event
	errors() <-chan error
	close() error
}

// tracker knows which names matter.
type tracker struct {
	source source
	beside func(string) bool
	names  map[string]bool // whose creation, change or end matters; true: their attributes too
	near   map[string]bool // the directories of files
}

// matters reports whether an event can concern the files: directories above them are busy
// with other things.
func (t *tracker) matters(e fsnotify.Event) bool {
	name := filepath.Clean(e.Name)
	attributes, known := t.names[name]
	if e.Op == fsnotify.Chmod {
		return attributes
	}
	if !known && (t.beside == nil || !t.near[filepath.Dir(name)] || !t.beside(name)) {
		return false
	}
	if e.Has(fsnotify.Create) {
		t.source.made(name)
	}
	return true
}

// follow watches what has to be watched for the files as they lie now. Making watches can
// race with changes: it goes on until nothing new turns up.
func (t *tracker) follow(paths []string) error {
	for range maxLinks {
		t.names, t.near = map[string]bool{}, map[string]bool{}
		var ways []way
		for _, path := range paths {
			way := wayTo(path)
			if len(way) == 0 {
				continue
			}
			for i, s := range way {
				t.names[s.name] = t.names[s.name] || s.kind == link || i == len(way)-1
			}
			t.names[way.dir()], t.near[way.dir()] = true, true
			ways = append(ways, way)
		}
		changed, err := t.source.watch(ways, t.others())
		if err != nil || !changed {
			return err
		}
	}
	return nil // it changes faster than it can be followed; there will be events
}

// others are the files beside the files that matter.
func (t *tracker) others() (names []string) {
	if t.beside == nil {
		return nil
	}
	for dir := range t.near {
		entries, _ := os.ReadDir(dir) // what cannot be read cannot be watched either
		n := 0
		for _, e := range entries {
			name := filepath.Join(dir, e.Name())
			if n < maxBeside && e.Type().IsRegular() && t.beside(name) {
				names = append(names, name)
				n++
			}
		}
	}
	return names
}

// kind is what a name stands for.
type kind int

const (
	missing kind = iota // or not to be found out
	link
	directory
	regular
	special // a device, a pipe, a socket
)

func kindOf(name string) kind {
	info, err := os.Lstat(name)
	switch {
	case err != nil:
		return missing
	case info.Mode()&fs.ModeSymlink != 0:
		return link
	case info.IsDir():
		return directory
	case info.Mode().IsRegular():
		return regular
	}
	return special
}

// step is a name on the way to a file, in the real directory that it lies or would lie
// in.
type step struct {
	name string
	kind kind
}

// way is how the system gets to a file: the names that it looks up one after the other,
// symbolic links followed. The last one is the file, or what is missing for it to be
// there.
type way []step

func (w way) last() step { return w[len(w)-1] }

// dir is the directory in which the file, or what is missing, lies or would lie. It is
// there.
func (w way) dir() string { return filepath.Dir(w.last().name) }

func wayTo(path string) (w way) {
	root := filepath.VolumeName(path) + string(filepath.Separator)
	at, links := root, 0
	rest := split(path)
	for len(rest) > 0 {
		name := rest[0]
		rest = rest[1:]
		if name == ".." {
			at = filepath.Dir(at)
			continue
		}
		full := filepath.Join(at, name)
		s := step{full, kindOf(full)}
		w = append(w, s)
		switch s.kind {
		case directory:
			at = full
		case link:
			target, err := os.Readlink(full)
			if links++; links > maxLinks || err != nil {
				return w
			}
			if filepath.IsAbs(target) {
				at = root
			}
			rest = append(split(target), rest...)
		default:
			return w
		}
	}
	return w
}

// split returns the elements of a path, but those that lead nowhere.
func split(path string) []string {
	path = path[len(filepath.VolumeName(path)):]
	return slices.DeleteFunc(
		strings.Split(filepath.ToSlash(path), "/"),
		func(s string) bool { return s == "" || s == "." },
	)
}
