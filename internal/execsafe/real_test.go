package execsafe

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// tree makes DIR/a/b/p, which is safe, and returns DIR.
func tree(t *testing.T) string {
	t.Helper()
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(top, "a/b"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(top, "a/b/p"), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return top
}

// The same on real files. An ordinary user cannot give files away.
func TestRealFiles(t *testing.T) {
	mode := func(m uint32) func(string) error {
		return func(name string) error { return syscall.Chmod(name, m) }
	}
	foreign := func(name string) error { return os.Lchown(name, 54321, -1) }
	group := func(name string) error { return syscall.Chmod(name, 0o775) }
	if os.Geteuid() == 0 {
		group = func(name string) error { // an ordinary user has whatever group the system gave it
			if err := os.Chown(name, -1, 54321); err != nil {
				return err
			}
			return syscall.Chmod(name, 0o775)
		}
	}
	for name, tt := range map[string]struct {
		change func(string) error
		at     string
		want   string // after the directory's name
		asRoot bool
	}{
		"everyone's file":       {mode(0o757), "a/b/p", "/a/b/p can be changed by everyone", false},
		"everyone's directory":  {mode(0o777), "a/b", "/a/b can be changed by everyone", false},
		"everyone's, above":     {mode(0o777), "a", "/a can be changed by everyone", false},
		"another's file":        {foreign, "a/b/p", "/a/b/p belongs to user 54321", true},
		"another's directory":   {foreign, "a/b", "/a/b belongs to user 54321", true},
		"another's, above":      {foreign, "a", "/a belongs to user 54321", true},
		"another's link":        {foreign, "l", "/l belongs to user 54321", true},
		"another group's":       {group, "a", "/a can be changed by the group 54321", true},
		"another group's file":  {group, "a/b/p", "/a/b/p can be changed by the group 54321", true},
		"sticky, for all":       {mode(0o1777), "a", "", false},
		"as it should be":       {mode(0o755), "a", "", false},
		"not executable at all": {mode(0o644), "a/b/p", "/a/b/p, which is not executable", false},
	} {
		if tt.asRoot && os.Geteuid() != 0 {
			continue // TestResolve has it on a made-up system
		}
		top := tree(t)
		program := filepath.Join(top, "l")
		if err := os.Symlink("a/b/p", program); err != nil {
			t.Fatal(err)
		}
		if err := tt.change(filepath.Join(top, tt.at)); err != nil {
			t.Fatal(err)
		}
		got, err := Resolve(program)
		switch {
		case tt.want == "" && (err != nil || got != filepath.Join(top, "a/b/p")):
			t.Errorf("%s: %q, %v", name, got, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), top+tt.want)):
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}
