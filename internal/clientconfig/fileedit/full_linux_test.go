package fileedit_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zen-agent/zen/internal/clientconfig/fileedit"
	"github.com/zen-agent/zen/internal/credential"
)

// A real full file system, where root may mount one: TestEditFullDisk does it by a limit
// everywhere.
func TestEditFullFileSystem(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("cannot mount a small file system: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	path := filepath.Join(dir, "f")
	write(t, path, "old", 0o600)
	_, err := fileedit.Edit(t.Context(), path, to(strings.Repeat("new", 1<<16)))
	if !credential.CannotWrite.Is(err) || !strings.Contains(err.Error(), syscall.ENOSPC.Error()) ||
		text(t, path) != "old" {
		t.Errorf("got %v, %q", err, text(t, path))
	}
	only(t, dir, "f")
	if _, err := fileedit.Edit(t.Context(), path, to("new")); err != nil || text(t, path) != "new" {
		t.Errorf("what fits: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Error(err)
	}
}
