package server

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What a descriptor of a process tells and what /proc does is the same.
func TestParent(t *testing.T) {
	if parent, ok := stat(os.Getpid()); !ok || parent != os.Getppid() {
		t.Errorf("/proc: %d, %v", parent, ok)
	}
	looked := 0
	if parent, ok := ancestor(os.Getpid(), func(pid int) { looked = pid }); !ok || parent != os.Getppid() ||
		looked != os.Getpid() {
		t.Errorf("%d, %v, looked at %d", parent, ok, looked)
	}
}

// A number that is nobody's has no parent, and a process that cannot be looked at has a
// name.
func TestNobody(t *testing.T) {
	const nobody = 1 << 30 // more than the kernel gives out
	if parent, ok := ancestor(nobody, func(int) {}); ok {
		t.Errorf("%d", parent)
	}
	if exe := executable(nobody); exe != "" {
		t.Error(exe)
	}
	const kthreadd = 2 // a process without a program
	if comm, err := os.ReadFile("/proc/2/comm"); err == nil && string(comm) == "kthreadd\n" {
		if exe := executable(kthreadd); exe != "[kthreadd]" {
			t.Error(exe)
		}
	}
}

// A program that was removed or replaced goes by the path that it had; one whose name
// only looks like that keeps its name.
func TestRemovedExecutable(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	tests := []struct {
		name, program string
		then          func(program string) error
		want          string
	}{
		{"there", "a", func(string) error { return nil }, path("a")},
		{"removed", "b", os.Remove, path("b")},
		{"replaced", "c", func(p string) error {
			return errors.Join(os.WriteFile(p+".new", nil, 0o700), os.Rename(p+".new", p))
		}, path("c")},
		{"named so", "d (deleted)", func(string) error { return nil }, path("d (deleted)")},
		{"named so, and removed", "e (deleted)", os.Remove, path("e (deleted)")},
		{
			"removed, with another name",
			"f",
			func(p string) error { return errors.Join(os.Link(p, p+".other"), os.Remove(p)) },
			path("f (deleted)"),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), copyOf(t, "sleep", path(tt.program)), "100")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() { _, _ = cmd.Process.Kill(), cmd.Wait() }()
			if err := tt.then(path(tt.program)); err != nil {
				t.Fatal(err)
			}
			if exe := executable(cmd.Process.Pid); exe != tt.want {
				t.Errorf("%q, want %q", exe, tt.want)
			}
		})
	}
}

// copyOf copies a program of the system.
func copyOf(t *testing.T, program, path string) string {
	t.Helper()
	from, err := exec.LookPath(program)
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700),
		os.WriteFile(path, content, 0o700)); err != nil {
		t.Fatal(err)
	}
	return path
}

// A program is told by its path, however long that is.
func TestExecutableWithALongPath(t *testing.T) {
	for _, parts := range []int{1, 4} {
		path := filepath.Join(t.TempDir(), strings.Repeat("/"+strings.Repeat("d", 200), parts), "sleep")
		cmd := exec.CommandContext(t.Context(), copyOf(t, "sleep", path), "100")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if exe := executable(cmd.Process.Pid); exe != path {
			t.Errorf("%d bytes: %q", len(path), exe)
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}
