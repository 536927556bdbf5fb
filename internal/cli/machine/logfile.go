package machine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/zen-agent/zen/internal/paths"
	"github.com/zen-agent/zen/internal/safetext"
)

// tailBytes is how much of a log's end is looked at for its last lines.
const tailBytes = 1 << 20

// lastLines returns the last n lines of a file.
func lastLines(path string, n int) ([]string, error) {
	fd, err := paths.OpenFile(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	start := max(0, info.Size()-tailBytes)
	content, err := io.ReadAll(io.NewSectionReader(f, start, info.Size()-start))
	if err != nil {
		return nil, err
	}
	text := strings.TrimSuffix(string(content), "\n")
	if text == "" {
		return nil, nil
	}
	lines := strings.Split(text, "\n")
	if start > 0 {
		lines = lines[1:] // the first one is cut
	}
	return lines[max(0, len(lines)-n):], nil
}

// followLog prints what is appended to a log until the command is interrupted, which is
// how it ends. A log that was replaced or cut is read from its start.
func (a *Daemon) followLog(ctx context.Context, path string) error {
	t := tail{path: path}
	defer t.close()
	if err := t.open(io.SeekEnd); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		text, err := t.more()
		if err != nil {
			return err
		}
		for line := range strings.Lines(text) {
			fmt.Fprintln(a.Out, safetext.Text(strings.TrimSuffix(line, "\n")))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// tail reads what is appended to a file.
type tail struct {
	path string
	f    *os.File
	rest []byte // the beginning of a line
}

func (t *tail) open(whence int) error {
	fd, err := paths.OpenFile(t.path, os.O_RDONLY)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), t.path)
	if _, err := f.Seek(0, whence); err != nil {
		f.Close()
		return err
	}
	t.close()
	t.f, t.rest = f, nil
	return nil
}

func (t *tail) close() {
	if t.f != nil {
		t.f.Close()
	}
}

// more returns the whole lines that came since.
func (t *tail) more() (string, error) {
	if t.moved() {
		if err := t.open(io.SeekStart); err != nil {
			return "", nil // it is not there yet, or not there again
		}
	}
	content, err := io.ReadAll(t.f)
	if err != nil {
		return "", err
	}
	t.rest = append(t.rest, content...)
	end := bytes.LastIndexByte(t.rest, '\n') + 1
	text := string(t.rest[:end])
	t.rest = append([]byte(nil), t.rest[end:]...)
	return text, nil
}

// moved reports whether the path leads to another file than the open one, or to one that
// became shorter.
func (t *tail) moved() bool {
	if t.f == nil {
		return true
	}
	here, err := os.Stat(t.path)
	if err != nil {
		return false
	}
	there, err := t.f.Stat()
	if err != nil || !os.SameFile(here, there) {
		return true
	}
	at, err := t.f.Seek(0, io.SeekCurrent)
	return err == nil && here.Size() < at
}
