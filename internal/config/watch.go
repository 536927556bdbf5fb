package config

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// How long a file must be left alone before it is read: editors truncate, write and rename in several steps.
const (
	settle    = 50 * time.Millisecond
	maxSettle = time.Second
)

var errEnded = errors.New("watching config.toml ended")

// maxLinks bounds a chain of symbolic links.
const maxLinks = 16

// Watch calls f with the settings, once when it begins to watch and then whenever the file's content changed, until ctx ends.
// A broken file is given as an error, once. It watches directories, not the file: editors replace it. A directory that does
// not exist yet, or is removed, is waited for. The error says that nothing can be watched.
func Watch(ctx context.Context, path string, f func(Config, error)) error {
	fs, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	defer fs.Close()
	w := &watch{fs: fs, path: path, tell: f, dirs: map[string]os.FileInfo{}}
	if err := w.follow(); err != nil {
		return err
	}
	w.look()
	return w.run(ctx)
}

type watch struct {
	fs   *fsnotify.Watcher
	path string
	tell func(Config, error)

	names []string               // whose creation, change or end matters
	dirs  map[string]os.FileInfo // what is watched, as it was then

	told    bool
	content []byte
	fault   string // reading failed like this
}

func (w *watch) run(ctx context.Context) error {
	due := time.NewTimer(time.Hour)
	due.Stop()
	defer due.Stop()
	var first time.Time // of the events that were not looked at yet
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e, ok := <-w.fs.Events:
			if !ok {
				return errEnded
			}
			if !w.matters(e) {
				continue
			}
		case _, ok := <-w.fs.Errors: // an overflow: something was missed
			if !ok {
				return errEnded
			}
		case <-due.C:
			first = time.Time{}
			if err := w.follow(); err != nil {
				return err
			}
			w.look()
			continue
		}
		if first.IsZero() {
			first = time.Now()
		}
		due.Reset(min(settle, maxSettle-time.Since(first)))
	}
}

// matters reports whether an event can concern the file: directories above it are busy with other things.
func (w *watch) matters(e fsnotify.Event) bool {
	return e.Op != fsnotify.Chmod && slices.Contains(w.names, filepath.Clean(e.Name)) ||
		e.Has(fsnotify.Chmod) && filepath.Clean(e.Name) == w.path
}

// follow watches what has to be watched for the file as it lies now. Making watches can race with changes: it goes on until
// nothing new turns up.
func (w *watch) follow() error {
	for range maxLinks {
		names, dirs := trail(w.path)
		w.names = names
		changed := false
		for _, dir := range dirs {
			info, err := os.Stat(dir)
			if err != nil {
				changed = true
				continue
			}
			if old, ok := w.dirs[dir]; ok && os.SameFile(old, info) && slices.Contains(w.fs.WatchList(), dir) {
				continue
			}
			_ = w.fs.Remove(dir)
			if err := w.fs.Add(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
			w.dirs[dir], changed = info, true
		}
		w.unwatch(dirs)
		if !changed {
			return nil
		}
	}
	return nil
}

func (w *watch) unwatch(except []string) {
	for dir := range w.dirs {
		if !slices.Contains(except, dir) {
			_ = w.fs.Remove(dir)
			delete(w.dirs, dir)
		}
	}
}

// trail follows path through symbolic links, of the file and of its directory. It returns the names on the way and the
// directories in which they lie, or would lie.
func trail(path string) (names, dirs []string) {
	for range maxLinks {
		dir, missing := existing(filepath.Dir(path))
		dirs = append(dirs, dir)
		names = append(names, path, dir)
		if missing != "" {
			names = append(names, missing)
			break
		}
		if isLink(dir) {
			dirs = append(dirs, filepath.Dir(dir))
		}
		target, err := os.Readlink(path)
		if err != nil {
			break
		}
		if !filepath.IsAbs(target) {
			if dir, err = filepath.EvalSymlinks(dir); err != nil {
				break
			}
			target = filepath.Join(dir, target)
		}
		path = target
	}
	return names, dirs
}

// existing returns dir, or the nearest directory above it that exists and the name that is missing there.
func existing(dir string) (found, missing string) {
	for {
		if info, err := os.Stat(dir); err == nil && info.IsDir() || dir == filepath.Dir(dir) {
			return dir, missing
		}
		dir, missing = filepath.Dir(dir), dir
	}
}

func isLink(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode()&os.ModeSymlink != 0
}

// look reads the file and tells of it if it is not as it was.
func (w *watch) look() {
	content, err := read(w.path)
	fault := ""
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		fault = reason(err)
	}
	if w.told && fault == w.fault && bytes.Equal(content, w.content) {
		return
	}
	w.told, w.content, w.fault = true, content, fault
	if fault != "" {
		w.tell(Config{}, wrong("cannot be read: "+fault, w.path, 0, err))
		return
	}
	w.tell(parse(w.path, content))
}
