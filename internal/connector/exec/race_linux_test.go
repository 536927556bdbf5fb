package exec

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

const (
	attacker = 54321 // uid and gid
	attempts = 2500  // at each trap: with a check of the program alone, dozens executed the wrong one
)

// A trap is a place in which another user exchanges a good program for one of their own.
type trap struct {
	name    string
	make    func(t *testing.T, dir string) // a/p is there, root's and safe
	command string
	swap    [2]string
}

func traps() []trap {
	do := func(t *testing.T, errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	give := func(names ...string) error {
		var errs []error
		for _, name := range names {
			errs = append(errs, os.Lchown(name, attacker, attacker))
		}
		return errors.Join(errs...)
	}
	return []trap{
		{"their directory", func(t *testing.T, dir string) {
			do(t, give(dir+"/a"))
		}, "a/p", [2]string{"a/p", "a/evil"}},
		{"their directory above", func(t *testing.T, dir string) {
			do(t, os.Mkdir(dir+"/b", 0o755), os.Rename(dir+"/a/evil", dir+"/b/p"), give(dir))
		}, "a/p", [2]string{"a", "b"}},
		{"everyone's directory", func(t *testing.T, dir string) {
			do(t, os.Chmod(dir+"/a", 0o777))
		}, "a/p", [2]string{"a/p", "a/evil"}},
		{"their group's directory", func(t *testing.T, dir string) {
			do(t, os.Chown(dir+"/a", 0, attacker), os.Chmod(dir+"/a", 0o775))
		}, "a/p", [2]string{"a/p", "a/evil"}},
		{"a link through their directory", func(t *testing.T, dir string) {
			do(t, os.Mkdir(dir+"/b", 0o755), os.Symlink("../a/p", dir+"/b/l"),
				os.Symlink("../a/evil", dir+"/b/m"), os.Symlink("b/l", dir+"/l"), give(dir+"/b"))
		}, "l", [2]string{"b/l", "b/m"}},
		{"their link in a sticky directory", func(t *testing.T, dir string) {
			do(t, os.Chmod(dir, 0o1777), os.Symlink("a/p", dir+"/l"), os.Symlink("a/evil", dir+"/m"),
				give(dir+"/l", dir+"/m"))
		}, "l", [2]string{"l", "m"}},
	}
}

// However fast another user exchanges what the command leads to, their program is never
// executed.
func TestExchangedPrograms(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be two users; the table of execsafe has the same places")
	}
	for _, tt := range traps() {
		t.Run(tt.name, func(t *testing.T) {
			mark := filepath.Join(t.TempDir(), "executed")
			dir := twoPrograms(t, mark)
			tt.make(t, dir)
			command := filepath.Join(dir, tt.command)
			s := spec(t, methodHelper, map[string]string{"command": command, "registry": "ghcr.io"})
			exchanges := exchange(t, filepath.Join(dir, tt.swap[0]), filepath.Join(dir, tt.swap[1]))
			for range attempts {
				cred, err := mint(t, s)
				if err == nil || !strings.Contains(err.Error(), "is not safe to execute") {
					t.Fatalf("got %v, %v", cred, err)
				}
			}
			if _, err := os.Stat(mark); err == nil || exchanges.Load() == 0 {
				t.Errorf("after %d exchanges their program was executed: %v", exchanges.Load(), err == nil)
			}
		})
	}
}

// twoPrograms makes DIR/a with the programs p and evil, which leaves a mark, where others
// can enter.
func twoPrograms(t *testing.T, mark string) (dir string) {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "zen")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	errs := []error{os.Chmod(dir, 0o755), os.Mkdir(dir+"/a", 0o755)}
	const answer = `echo '{"Username":"u","Secret":"s"}'`
	for name, body := range map[string]string{"p": answer, "evil": "echo >>" + mark + "; " + answer} {
		written := script(t, name, body)
		errs = append(errs, os.Chmod(written, 0o755), os.Rename(written, filepath.Join(dir, "a", name)))
	}
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	return dir
}

// exchange lets the attacker exchange two files until the test ends, and counts.
func exchange(t *testing.T, a, b string) *atomic.Int64 {
	t.Helper()
	var stop atomic.Bool
	count, ready, done := new(atomic.Int64), make(chan error, 1), make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good: only this thread becomes the attacker
		_, _, failed := unix.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0)
		if failed == 0 {
			_, _, failed = unix.RawSyscall(unix.SYS_SETRESGID, attacker, attacker, attacker)
		}
		if failed == 0 {
			_, _, failed = unix.RawSyscall(unix.SYS_SETRESUID, attacker, attacker, attacker)
		}
		if failed != 0 {
			ready <- failed
			return
		}
		for first := true; !stop.Load(); first = false {
			err := unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
			if first {
				ready <- err
			}
			if err == nil {
				count.Add(1)
			}
		}
	}()
	t.Cleanup(func() { stop.Store(true); <-done })
	if err := <-ready; err != nil {
		t.Fatal(err)
	}
	return count
}
