package server_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/ipc/server"
)

func TestListen(t *testing.T) {
	dir := shortDir(t)
	path, lock := filepath.Join(dir, "s"), filepath.Join(dir, "lock")
	ln, err := server.Listen(path, lock)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(path); err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("the socket is %v, %v", info.Mode(), err)
	}
	if info, err := os.Lstat(lock); err != nil || info.Mode() != 0o600 {
		t.Errorf("the lock is %v, %v", info.Mode(), err)
	}
	if ln.Path() != path || ln.IsActivated() || !ln.Owned() {
		t.Errorf("%q, %v, %v", ln.Path(), ln.IsActivated(), ln.Owned())
	}
	begin := time.Now()
	if _, err := server.Listen(path, lock); !credential.VaultBusy.Is(err) || err.Error() != "another "+
		"zend is running (it holds "+lock+")" {
		t.Errorf("a second one: %v", err)
	}
	if took := time.Since(begin); took > time.Second {
		t.Errorf("it took %v to see that", took)
	}
	if err := ln.Close(); err != nil {
		t.Error(err)
	}
	left, _ := filepath.Glob(filepath.Join(dir, "*"))
	hidden, _ := filepath.Glob(filepath.Join(dir, ".*"))
	if got := strings.Join(append(left, hidden...), " "); got != lock {
		t.Errorf("left are %s", got)
	}
}

// What a killed zend leaves behind is replaced.
func TestListenReplacesStaleSockets(t *testing.T) {
	dir := shortDir(t)
	path := filepath.Join(dir, "s")
	for _, name := range []string{path, filepath.Join(dir, ".zend")} {
		old, err := net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		old.SetUnlinkOnClose(false)
		old.Close()
	}
	ln, err := server.Listen(path, filepath.Join(dir, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if !ln.Owned() {
		t.Error("the socket is another one")
	}
}

func TestListenRefuses(t *testing.T) {
	root := os.Geteuid() == 0
	tests := []struct {
		name    string
		make    func(dir string) error
		reason  credential.Reason
		message string // with % for the directory
	}{
		{
			"FIFO",
			func(dir string) error { return unix.Mkfifo(dir+"/s", 0o600) },
			credential.CannotWrite,
			"%/s is not a socket",
		},
		{
			"file",
			func(dir string) error { return os.WriteFile(dir+"/s", []byte("mine"), 0o600) },
			credential.CannotWrite,
			"%/s is not a socket",
		},
		{
			"directory",
			func(dir string) error { return os.Mkdir(dir+"/s", 0o700) },
			credential.CannotWrite,
			"%/s is not a socket",
		},
		{
			"link",
			func(dir string) error { return os.Symlink("elsewhere", dir+"/s") },
			credential.CannotWrite,
			"%/s is not a socket",
		},
		{"foreign socket", func(dir string) error {
			if !root {
				return nil
			}
			ln, err := net.Listen("unix", dir+"/s")
			if err == nil {
				t.Cleanup(func() { ln.Close() }) // what nobody knows any more is closed as garbage
			}
			return errors.Join(err, os.Chown(dir+"/s", 65534, 65534))
		}, credential.ForeignPeer, "%/s belongs to another user"},
		{
			"linked lock",
			func(dir string) error { return os.Symlink(dir+"/elsewhere", dir+"/lock") },
			credential.CannotWrite,
			"cannot open the lock: %/lock is a symbolic link",
		},
		{
			"FIFO as the lock",
			func(dir string) error { return unix.Mkfifo(dir+"/lock", 0o600) },
			credential.CannotWrite,
			"cannot open the lock: %/lock is not a regular file",
		},
		{
			"no directory",
			func(dir string) error { return os.Remove(dir) },
			credential.CannotWrite,
			"cannot open the lock: open %/lock: no such file or directory",
		},
		{
			"directory in the way",
			func(dir string) error { return os.MkdirAll(dir+"/.zend/x", 0o700) },
			credential.CannotWrite,
			"cannot listen: remove %/.zend: directory not empty",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.reason == credential.ForeignPeer && !root {
				t.Skip("only root can make another user's socket")
			}
			dir := shortDir(t)
			if err := tt.make(dir); err != nil {
				t.Fatal(err)
			}
			before, _ := os.Lstat(dir + "/s")
			ln, err := server.Listen(dir+"/s", dir+"/lock")
			if err == nil {
				ln.Close()
			}
			if credential.ReasonOf(err) != tt.reason ||
				err.Error() != strings.ReplaceAll(tt.message, "%", dir) {
				t.Errorf("%v (%s)", err, credential.ReasonOf(err))
			}
			if after, _ := os.Lstat(dir + "/s"); before != nil &&
				(after == nil || !os.SameFile(before, after)) {
				t.Error("what was there has gone")
			}
			if !strings.Contains(tt.name, "lock") && tt.name != "no directory" {
				if other, err := os.OpenFile(dir+"/lock", os.O_RDWR, 0); err != nil ||
					unix.Flock(int(other.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
					t.Errorf("the lock is still held (%v)", err)
				} else {
					other.Close()
				}
			}
		})
	}
	long := filepath.Join(shortDir(t), strings.Repeat("d", 100))
	if err := os.Mkdir(long, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Listen(long+"/s", long+"/lock"); !credential.InvalidInput.Is(err) ||
		!strings.Contains(err.Error(), "too long") {
		t.Errorf("%v", err)
	}
}

// A zend that is ending has given up its name, not yet its lock: the next one waits for
// that.
func TestListenWaitsForTheEndingOne(t *testing.T) {
	dir := shortDir(t)
	path, lock := filepath.Join(dir, "s"), filepath.Join(dir, "lock")
	first, err := server.Listen(path, lock)
	if err != nil {
		t.Fatal(err)
	}
	first.Withdraw()
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the name is still there (%v)", err)
	}
	got := make(chan *server.Listener)
	go func() {
		second, err := server.Listen(path, lock)
		if err != nil {
			t.Error(err)
		}
		got <- second
	}()
	select {
	case <-got:
		t.Fatal("two hold the lock")
	case <-time.After(50 * time.Millisecond):
	}
	first.Close()
	if second := <-got; second != nil {
		if !second.Owned() {
			t.Error("the first one took the second's name away")
		}
		second.Close()
	}
}

// Who no longer owns the name does not remove what is there now.
func TestCloseLeavesOthersSockets(t *testing.T) {
	dir := shortDir(t)
	path := filepath.Join(dir, "s")
	for _, end := range []func(*server.Listener){
		func(l *server.Listener) { l.Close() },
		func(l *server.Listener) { l.Withdraw(); l.Close() },
	} {
		ln, err := server.Listen(path, filepath.Join(dir, "lock"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path, path+".away"); err != nil {
			t.Fatal(err)
		}
		if ln.Owned() {
			t.Error("the name is gone and still owned")
		}
		other, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		if ln.Owned() {
			t.Error("another's name is owned")
		}
		end(ln)
		if _, err := os.Lstat(path); err != nil {
			t.Errorf("the other's socket is gone: %v", err)
		}
		other.Close()
	}
}
