package fileedit

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/zen-agent/zen/internal/credential"
)

// files makes the files in a new directory and returns their paths, sorted as given.
func files(t *testing.T, content ...string) []string {
	t.Helper()
	dir := t.TempDir()
	var paths []string
	for i, text := range content {
		path := filepath.Join(dir, string(rune('a'+i)))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

func content(text string) Content { return Content{Data: []byte(text), Exists: true} }

func has(t *testing.T, path, want string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil || string(data) != want {
		t.Errorf("%s holds %q, %v, want %q", filepath.Base(path), data, err, want)
	}
}

// In a container a file can be a mount of its own, which nothing can take the place of.
func TestMountedFile(t *testing.T) {
	err := cannotWrite("/x/config.json", &os.LinkError{Op: "rename", Err: syscall.EBUSY})
	e, ok := errors.AsType[*credential.Error](err)
	if !ok || !strings.Contains(e.Message, "mounted") || !strings.Contains(e.Hint, "mount its directory") {
		t.Errorf("%v", err)
	}
}

// A swap took out what another program had just written. It goes back, unless something
// newer came since.
func TestPutBack(t *testing.T) {
	if err := swap(files(t, "a", "b")[0], "/nowhere"); unsupported(err) {
		t.Skip("the system cannot exchange two files in one step: they are replaced another way, which " +
			"other tests try")
	}
	tests := []struct {
		name, inPlace, want string
	}{
		{"ours is in place", "ours", "theirs"},
		{"something newer is in place", "newer", "newer"},
	}
	for _, tt := range tests {
		paths := files(t, "theirs", tt.inPlace)
		if err := putBack(paths[0], paths[1], content("ours")); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		has(t, paths[1], tt.want)
	}
	paths := files(t, "theirs", "ours")
	if err := os.Remove(paths[1]); err != nil {
		t.Fatal(err)
	}
	if err := putBack(paths[0], paths[1], content("ours")); err != nil {
		t.Errorf("it was removed: %v", err)
	}
}

// Where files cannot be exchanged, a look before the rename has to do.
func TestRename(t *testing.T) {
	paths := files(t, "new", "old")
	if again, err := rename(paths[0], paths[1], content("old")); again || err != nil {
		t.Errorf("%v, %v", again, err)
	}
	has(t, paths[1], "new")
	paths = files(t, "new", "theirs")
	if again, err := rename(paths[0], paths[1], content("old")); !again || err != nil {
		t.Errorf("changed meanwhile: %v, %v", again, err)
	}
	has(t, paths[1], "theirs")
}
