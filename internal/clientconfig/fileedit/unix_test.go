//go:build unix

package fileedit_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zen-agent/zen/internal/clientconfig/fileedit"
	"github.com/zen-agent/zen/internal/credential"
)

// TestMain runs this program anew as one of the children below.
func TestMain(m *testing.M) {
	if run, ok := children()[os.Getenv("FILEEDIT_CHILD")]; ok {
		run(os.Getenv("FILEEDIT_PATH"))
		return
	}
	os.Exit(m.Run())
}

// children are programs that do one edit in a bad situation. They print the error.
func children() map[string]func(path string) {
	edit := func(path string) {
		_, err := fileedit.Edit(context.Background(), path, to(strings.Repeat("new", 1<<16)))
		if err != nil {
			os.Stdout.WriteString(string(credential.ReasonOf(err)) + ": " + err.Error())
		}
	}
	return map[string]func(string){
		"edit": edit,
		"full": func(path string) { // a file system that takes 100 bytes a file
			signal.Ignore(unix.SIGXFSZ)
			limit := unix.Rlimit{Cur: 100, Max: 100}
			if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
				panic(err)
			}
			edit(path)
		},
		"die": func(path string) { // killed while it holds the lock
			_, err := fileedit.Edit(
				context.Background(),
				path,
				func(fileedit.Content) (fileedit.Content, error) {
					return fileedit.Content{}, syscall.Kill(os.Getpid(), syscall.SIGKILL)
				},
			)
			panic(err)
		},
	}
}

func child(t *testing.T, name, path string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	// GORACE: else the race detector waits a second at the end of each.
	cmd.Env = append(os.Environ(), "FILEEDIT_CHILD="+name, "FILEEDIT_PATH="+path, "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = os.Stderr
	return cmd
}

func TestEditFullDisk(t *testing.T) {
	for _, old := range []string{"", "old"} {
		dir := t.TempDir()
		path := filepath.Join(dir, "f")
		var names []string
		if old != "" {
			write(t, path, old, 0o600)
			names = []string{"f"}
		}
		out, err := child(t, "full", path).Output()
		if err != nil || !strings.HasPrefix(string(out), "cannot_write: ") ||
			!strings.Contains(string(out), "cannot be written") {
			t.Errorf("%q, %v", out, err)
		}
		only(t, dir, names...)
		if old != "" && text(t, path) != old {
			t.Errorf("the file holds %q", text(t, path))
		}
	}
}

// The lock of a program that died is free.
func TestEditAfterCrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, "old", 0o600)
	if err := child(t, "die", path).Run(); err == nil {
		t.Error("the child lives")
	}
	if result, err := fileedit.Edit(t.Context(), path, to("new")); err != nil || !result.Changed {
		t.Errorf("%+v, %v", result, err)
	}
}

func TestEditKeepsOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, "old", 0o640)
	if err := os.Chown(path, 12345, 23456); err != nil {
		t.Fatal(err)
	}
	if _, err := fileedit.Edit(t.Context(), path, to("new")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if st := info.Sys().(*syscall.Stat_t); st.Uid != 12345 || st.Gid != 23456 ||
		info.Mode().Perm() != 0o640 ||
		text(t, path) != "new" {
		t.Errorf("%d:%d %v %q", st.Uid, st.Gid, info.Mode(), text(t, path))
	}
}

// Somebody who may write to the directory but cannot give the file back to its owner does
// not take it away from them. A group that may do nothing with the file does not count.
func TestEditForeignFile(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can become somebody else")
	}
	tests := []struct {
		name     string
		uid, gid int
		mode     os.FileMode
		want     string
	}{
		{"another user's", 12345, 12345, 0o666, "cannot_write: f belongs to another user or group"},
		{"another group's", 54321, 12345, 0o660, "cannot_write: f belongs to another user or group"},
		{"a useless group", 54321, 12345, 0o600, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := openTempDir(t)
			path := filepath.Join(dir, "f")
			write(t, path, "old", tt.mode)
			if err := errors.Join(os.Chown(path, tt.uid, tt.gid), os.Chmod(dir, 0o777)); err != nil {
				t.Fatal(err)
			}
			if out := editAs(t, 54321, path); out != tt.want {
				t.Errorf("%q, want %q", out, tt.want)
			}
			if changed := text(t, path) != "old"; changed != (tt.want == "") {
				t.Errorf("changed: %v", changed)
			}
			only(t, dir, "f")
		})
	}
}

// editAs edits a file as another user, which takes root, and returns the reason and the
// text of the error.
func editAs(t *testing.T, uid uint32, path string) string {
	t.Helper()
	program, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(openTempDir(t), "child")
	if err := os.WriteFile(bin, program, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := child(t, "edit", path)
	cmd.Path = bin
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	out, err := cmd.Output()
	if err != nil {
		t.Error(err)
	}
	return string(out)
}

// openTempDir is a temporary directory that other users can reach.
func openTempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "fileedit") // t.TempDir is inside of a directory that others cannot enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A link may lead anywhere but to another user's file, or to where another user could
// make it.
func TestLinkToAnotherUsers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	for name, given := range map[string]string{"file": "theirs/f", "no file": "theirs"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "theirs"), 0o777); err != nil {
				t.Fatal(err)
			}
			if name == "file" {
				write(t, filepath.Join(dir, "theirs/f"), "old", 0o644)
			}
			link := filepath.Join(dir, "link")
			if err := errors.Join(os.Chown(filepath.Join(dir, given), 12345, 12345),
				os.Symlink("theirs/f", link)); err != nil {
				t.Fatal(err)
			}
			before := listing(t, filepath.Join(dir, "theirs"))
			_, err := fileedit.Edit(t.Context(), link, to("new"))
			_, rerr := fileedit.Read(link)
			for _, err := range []error{err, rerr} {
				if !credential.CannotWrite.Is(err) || !strings.Contains(err.Error(), "belongs to user "+
					"12345") {
					t.Errorf("%v", err)
				}
			}
			if after := listing(t, filepath.Join(dir, "theirs")); after != before {
				t.Errorf("changed:\n%s\nwas:\n%s", after, before)
			}
		})
	}
}

// Files of zen's own: no link is followed, and nothing but a file is read.
func TestOwnFileInTheWay(t *testing.T) {
	for name, put := range map[string]func(path string) error{
		"FIFO": func(path string) error { return unix.Mkfifo(path, 0o600) },
		"link": func(path string) error { return os.Symlink("planted", path) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "made/zen")
			path := filepath.Join(dir, "f")
			if err := fileedit.EditOwn(t.Context(), path, to("new")); err != nil || text(t, path) != "new" {
				t.Fatal(err)
			}
			if err := errors.Join(os.Remove(path), put(path)); err != nil {
				t.Fatal(err)
			}
			_, rerr := fileedit.ReadOwn(path)
			for _, err := range []error{rerr, fileedit.EditOwn(t.Context(), path, to("new"))} {
				if e, ok := errors.AsType[*credential.Error](err); !ok ||
					e.Reason != credential.CannotWrite ||
					e.HintText() == "" {
					t.Errorf("%v", err)
				}
			}
			only(t, dir, "f")
		})
	}
}

func TestEditPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := fileedit.Edit(t.Context(), path, to("new")); !credential.CannotWrite.Is(err) {
		t.Errorf("got %v", err)
	}
}

// The directory of a file that only its owner may enter.
func TestEditWithoutPermission(t *testing.T) {
	dir := openTempDir(t)
	path := filepath.Join(dir, "f")
	write(t, path, "old", 0o644)
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	var got string
	if os.Geteuid() == 0 { // who may write everywhere
		const uid = 54321
		if err := errors.Join(os.Chown(dir, uid, uid), os.Chown(path, uid, uid)); err != nil {
			t.Fatal(err)
		}
		got = editAs(t, uid, path)
	} else if _, err := fileedit.Edit(t.Context(), path, to("new")); err != nil {
		got = string(credential.ReasonOf(err)) + ": " + err.Error()
	}
	if !strings.HasPrefix(got, "cannot_write: ") || !strings.HasSuffix(got, "permission denied") ||
		text(t, path) != "old" {
		t.Errorf("got %q", got)
	}
}

// Whoever waits for the lock stops waiting when it is told to.
func TestEditWaitsForTheLock(t *testing.T) {
	dir := t.TempDir()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := fileedit.Edit(ctx, filepath.Join(dir, "f"), to("new"))
		done <- err
	}()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	go func() {
		_, err := fileedit.Edit(t.Context(), filepath.Join(dir, "f"), to("new"))
		done <- err
	}()
	f.Close()
	if err := <-done; err != nil {
		t.Errorf("got %v", err)
	}
}
