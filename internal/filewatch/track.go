package filewatch

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fsnotify/fsnotify"
)

// maxLinks is how many symbolic links are followed, as in the Linux kernel.
const maxLinks = 40

// tracker keeps the watches on directories that files need.
type tracker struct {
	fs     *fsnotify.Watcher
	beside func(string) bool
	names  map[string]bool        // whose creation, change or end matters; true: a file's own
	dirs   map[string]os.FileInfo // what is watched, as it was then
	near   map[string]bool        // the directories of files
}

// matters reports whether an event can concern the files: directories above them are busy with other things.
func (t *tracker) matters(e fsnotify.Event) bool {
	name := filepath.Clean(e.Name)
	file, known := t.names[name]
	if e.Op == fsnotify.Chmod {
		return file
	}
	return known || t.beside != nil && t.near[filepath.Dir(name)] && t.beside(name)
}

// follow watches what has to be watched for the files as they lie now. Making watches can race with changes: it goes on until
// nothing new turns up.
func (t *tracker) follow(paths []string) error {
	for range maxLinks {
		t.names, t.near = map[string]bool{}, map[string]bool{}
		wanted := map[string]bool{} // whether the file needs it: the directory of the last name on the way
		for _, path := range paths {
			names := trail(path)
			for i, name := range names {
				last := i == len(names)-1
				t.names[name] = t.names[name] || last
				wanted[filepath.Dir(name)] = wanted[filepath.Dir(name)] || last
			}
			if len(names) > 0 {
				t.near[filepath.Dir(names[len(names)-1])] = true
			}
		}
		changed, err := t.watchAll(wanted)
		if err != nil || !changed {
			return err
		}
	}
	return nil // it changes faster than it can be followed; there will be events
}

// watchAll watches these directories and no others. One that cannot be read is no failure: what happens in it is not seen, and
// what is in it mostly cannot be read either.
func (t *tracker) watchAll(wanted map[string]bool) (changed bool, err error) {
	have := t.fs.WatchList()
	for _, dir := range slices.Sorted(maps.Keys(wanted)) {
		info, err := os.Stat(dir)
		if err != nil {
			changed = changed || errors.Is(err, fs.ErrNotExist)
			continue
		}
		if old, ok := t.dirs[dir]; ok && os.SameFile(old, info) && slices.Contains(have, dir) {
			continue
		}
		_ = t.fs.Remove(dir)
		switch err := t.fs.Add(dir); {
		case errors.Is(err, fs.ErrNotExist):
		case errors.Is(err, fs.ErrPermission):
			delete(t.dirs, dir)
			continue
		case err != nil && wanted[dir]:
			return false, err
		case err != nil:
			continue
		}
		if t.dirs == nil {
			t.dirs = map[string]os.FileInfo{}
		}
		t.dirs[dir], changed = info, true
	}
	for dir := range t.dirs {
		if _, ok := wanted[dir]; !ok {
			_ = t.fs.Remove(dir)
			delete(t.dirs, dir)
		}
	}
	return changed, nil
}

// trail is the way to a file: the names that the system looks up one after the other, symbolic links followed, each in the real
// directory that it lies or would lie in. The last one is the file, or what is missing for it to be there.
func trail(path string) (names []string) {
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
		names = append(names, full)
		if target, err := os.Readlink(full); err == nil {
			if links++; links > maxLinks {
				break
			}
			if filepath.IsAbs(target) {
				at = root
			}
			rest = append(split(target), rest...)
			continue
		}
		if info, err := os.Lstat(full); len(rest) > 0 && (err != nil || !info.IsDir()) {
			break
		}
		at = full
	}
	return above(names)
}

// split returns the elements of a path, but those that lead nowhere.
func split(path string) []string {
	path = path[len(filepath.VolumeName(path)):]
	return slices.DeleteFunc(strings.Split(filepath.ToSlash(path), "/"), func(s string) bool { return s == "" || s == "." })
}
