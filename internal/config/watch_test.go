package config

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// watched is a config.toml that is being watched.
type watched struct {
	t    *testing.T
	path string
	told chan string // what the watcher told: the list policy, or the error
}

func startWatch(t *testing.T, path string) *watched {
	t.Helper()
	w := &watched{t: t, path: path, told: make(chan string, 100)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- Watch(ctx, path, func(c Config, err error) {
			if err != nil {
				w.told <- err.Error()
				return
			}
			w.told <- string(c.List)
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Watch: %v", err)
		}
		select {
		case extra := <-w.told:
			t.Errorf("told %q too", extra)
		default:
		}
	})
	return w
}

// next is the next thing the watcher tells.
func (w *watched) next() string {
	w.t.Helper()
	select {
	case got := <-w.told:
		return got
	case <-time.After(10 * time.Second):
		w.t.Fatal("the change was not noticed")
		return ""
	}
}

func (w *watched) want(list string) {
	w.t.Helper()
	if got := w.next(); got != list {
		w.t.Errorf("told %q, want %q", got, list)
	}
}

func list(value string) string { return "list = \"" + value + "\"\n" }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWatchEdits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "zen", "config.toml")
	write(t, path, list("static"))
	w := startWatch(t, path)
	w.want("static")

	write(t, path, list("none")) // in place, as nano does
	w.want("none")

	write(t, path+".new", list("all")) // by renaming, as vim does
	must(t, os.Rename(path, path+"~"))
	must(t, os.Rename(path+".new", path))
	w.want("all")

	write(t, path, "list = 3\n")
	if got := w.next(); !strings.Contains(got, "line 1: list: 3 is not allowed") {
		t.Errorf("told %q", got)
	}
	write(t, path, list("none"))
	w.want("none")

	must(t, os.Remove(path))
	w.want("all") // the default
	write(t, path, list("static"))
	w.want("static")

	must(t, os.Remove(path))
	must(t, os.Mkdir(path, 0o700))
	if got := w.next(); !strings.Contains(got, "it is not a file") {
		t.Errorf("told %q", got)
	}
	must(t, os.Remove(path))
	write(t, path, list("none"))
	w.want("none")
}

func TestWatchDirectories(t *testing.T) {
	top := t.TempDir()
	path := filepath.Join(top, "a", "zen", "config.toml")
	w := startWatch(t, path)
	w.want("all")
	write(t, path, list("none")) // makes both directories
	w.want("none")
	must(t, os.Rename(filepath.Join(top, "a", "zen"), filepath.Join(top, "away")))
	w.want("all")
	write(t, path, list("static"))
	w.want("static")
	must(t, os.RemoveAll(filepath.Join(top, "a")))
	w.want("all")
	must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	must(t, os.Rename(filepath.Join(top, "away", "config.toml"), path))
	w.want("none")
}

// People keep their settings elsewhere and link to them, and switch between versions by
// another link.
func TestWatchLinks(t *testing.T) {
	top := t.TempDir()
	one, two := filepath.Join(top, "one"), filepath.Join(top, "two")
	write(t, filepath.Join(one, "config.toml"), list("static"))
	write(t, filepath.Join(two, "config.toml"), list("none"))
	dir := filepath.Join(top, "config", "zen")
	must(t, os.MkdirAll(filepath.Dir(dir), 0o700))
	must(t, os.Symlink(one, dir))
	path := filepath.Join(dir, "config.toml")
	w := startWatch(t, path)
	w.want("static")

	must(t, os.Symlink("../two", dir+".new")) // the directory's link is switched
	must(t, os.Rename(dir+".new", dir))
	w.want("none")

	must(t, os.Symlink("../one/config.toml", path+".new")) // the file becomes a link
	must(t, os.Rename(path+".new", path))
	w.want("static")

	write(t, filepath.Join(one, "config.toml"), list("all")) // and what it leads to is edited
	w.want("all")

	must(t, os.Remove(filepath.Join(one, "config.toml")))
	write(t, filepath.Join(one, "config.toml"), list("none"))
	w.want("none")
}

// A burst of events is one change; what does not change the content is none.
func TestWatchIsQuiet(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.toml")
	write(t, path, list("static"))
	w := startWatch(t, path)
	w.want("static")
	for range 200 {
		write(t, path, list("none"))
		write(t, filepath.Join(filepath.Dir(path), "other"), "x")
	}
	must(t, os.Chmod(path, 0o644))
	write(t, path, "end = 1\n")
	told := 0
	for got := w.next(); !strings.Contains(got, `"end"`); got = w.next() {
		told++ // the burst took longer than a burst may
	}
	if told > 20 {
		t.Errorf("told %d times of one burst", told)
	}
}
