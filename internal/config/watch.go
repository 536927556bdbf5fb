package config

import (
	"bytes"
	"context"
	"errors"
	"os"
	"time"

	"github.com/zen-agent/zen/internal/filewatch"
)

// Watch calls f with the settings, once when it begins to watch and then whenever the
// file's content changed, until ctx ends. A broken file is given as an error, once. The
// error says that nothing can be watched.
func Watch(ctx context.Context, path string, f func(Config, error)) error {
	w := &watch{path: path, tell: f}
	return filewatch.Watch{
		Paths: func() []string { return []string{path} },
		Look: func(context.Context) time.Duration {
			if w.look(); w.fault != "" {
				return retry
			}
			return 0
		},
	}.Run(ctx)
}

// retry is when a file that cannot be read is tried again: what keeps it from being read
// may end without an event.
const retry = 10 * time.Second

type watch struct {
	path string
	tell func(Config, error)

	told    bool
	content []byte
	fault   string // reading failed like this
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
