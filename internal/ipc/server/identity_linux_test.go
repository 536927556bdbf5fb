package server

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// What a descriptor of a process tells and what /proc does is the same, and no two processes have the same identity.
func TestIdentities(t *testing.T) {
	ofDescriptor := func(pid int) (identity, bool) {
		pidfd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			return identity{}, false
		}
		defer unix.Close(pidfd)
		return behind(pidfd)
	}
	for name, of := range map[string]func(int) (identity, bool){"a descriptor": ofDescriptor, "/proc": stat, "either": identityOf} {
		self, ok := of(os.Getpid())
		if !ok && name == "a descriptor" {
			t.Log("this kernel is older than Linux 6.13")
			continue
		}
		parent, ok2 := of(os.Getppid())
		if !ok || !ok2 || self.parent != os.Getppid() || self.unique == 0 || self.unique == parent.unique {
			t.Errorf("%s: %+v, %v, child of %+v, %v; the parent is %d", name, self, ok, parent, ok2, os.Getppid())
		}
		if again, ok := of(os.Getpid()); !ok || again != self {
			t.Errorf("%s: %+v, and then %+v", name, self, again)
		}
	}
}

// A number that is nobody's has no identity, and a process that cannot be looked at has a name.
func TestIdentityOfNobody(t *testing.T) {
	const nobody = 1 << 30 // more than the kernel gives out
	if id, ok := identityOf(nobody); ok {
		t.Errorf("%+v", id)
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

// A program is told by its path, however long that is.
func TestExecutableWithALongPath(t *testing.T) {
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Skip("no program to copy")
	}
	content, err := os.ReadFile(sleep)
	if err != nil {
		t.Fatal(err)
	}
	for _, parts := range []int{1, 4} {
		dir := filepath.Join(t.TempDir(), strings.Repeat("/"+strings.Repeat("d", 200), parts))
		path := filepath.Join(dir, "sleep")
		if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(path, content, 0o700)); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), path, "100")
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
