package filewatch

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/fsnotify/fsnotify"
)

// portable watches whole directories, since whoever replaces a file takes the watch on it
// along. To watch a directory opens every file in it on some systems (kqueue), and home
// directories have many: only those of links, the file's, and the one above are worth
// that.
type portable struct {
	fs   *fsnotify.Watcher
	dirs map[string]os.FileInfo // what is watched, as it was then
}

func newPortable() (source, error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	return &portable{fs: watcher, dirs: map[string]os.FileInfo{}}, nil
}

func (p *portable) events() <-chan fsnotify.Event { return p.fs.Events }
func (p *portable) errors() <-chan error          { return p.fs.Errors }
func (p *portable) close() error                  { return p.fs.Close() }

// who watches a directory sees what is written to the files in it
func (p *portable) made(string) {}

// directories are those to watch, and whether the file needs it: the directory of the
// last name on the way.
func directories(ways []way) map[string]bool {
	wanted := map[string]bool{}
	for _, w := range ways {
		for i, s := range w {
			if last := i == len(w)-1; last || i == len(w)-2 || s.kind == link {
				dir := filepath.Dir(s.name)
				wanted[dir] = wanted[dir] || last
			}
		}
	}
	return wanted
}

// watch watches directories. One that cannot be read is not a failure: what happens in it is
// not seen, and what is in it mostly cannot be read either.
func (p *portable) watch(ways []way, _ []string) (changed bool, err error) {
	wanted, have := directories(ways), p.fs.WatchList()
	for _, dir := range slices.Sorted(maps.Keys(wanted)) {
		info, err := os.Stat(dir)
		if err != nil {
			changed = changed || errors.Is(err, fs.ErrNotExist)
			continue
		}
		if old, ok := p.dirs[dir]; ok && os.SameFile(old, info) && slices.Contains(have, dir) {
			continue
		}
		_ = p.fs.Remove(dir)
		switch err := p.fs.Add(dir); {
		case errors.Is(err, fs.ErrNotExist):
		case errors.Is(err, fs.ErrPermission):
			delete(p.dirs, dir)
			continue
		case err != nil && wanted[dir]:
			return false, err
		case err != nil:
			continue
		}
		p.dirs[dir], changed = info, true
	}
	for dir := range p.dirs {
		if _, ok := wanted[dir]; !ok {
			_ = p.fs.Remove(dir)
			delete(p.dirs, dir)
		}
	}
	return changed, nil
}
