//go:build unix

package paths

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zen-agent/zen/internal/credential"
)

// Whatever is in the place of a file of zen's own: nobody waits, nothing is made
// elsewhere, and the error says what it is.
func TestOpenFile(t *testing.T) {
	tests := []struct {
		name string
		make func(path string) error
		why  string // what is said after the path; "": it opens
		hint string
	}{
		{"absent", func(string) error { return nil }, "", ""},
		{"a file", func(path string) error { return os.WriteFile(path, []byte("text"), 0o600) }, "", ""},
		{"FIFO", func(path string) error { return unix.Mkfifo(path, 0o600) }, "is not a regular " +
			"file", "mv % %.old"},
		{"directory", func(path string) error { return os.Mkdir(path, 0o700) }, "is not a regular " +
			"file", "mv % %.old"},
		{"socket", func(path string) error {
			ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
			if err != nil {
				return err
			}
			ln.SetUnlinkOnClose(false)
			return ln.Close()
		}, "is not a regular file", "mv % %.old"},
		{"link", func(path string) error { return os.Symlink(path+".planted", path) }, "is a symbolic " +
			"link", "rm %"},
		{"link to a FIFO", func(path string) error {
			return errors.Join(unix.Mkfifo(path+".fifo", 0o600), os.Symlink(path+".fifo", path))
		}, "is a symbolic link", "rm %"},
		{"another user's", func(path string) error {
			return errors.Join(os.WriteFile(path, nil, 0o666), os.Chown(path, 65534, 65534))
		}, "belongs to user 65534", "chown -R root %"},
	}
	flags := []int{unix.O_RDONLY, unix.O_RDWR | unix.O_CREAT, unix.O_WRONLY | unix.O_APPEND | unix.O_CREAT}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if strings.HasPrefix(tt.name, "another") && os.Geteuid() != 0 {
				t.Skip("only root can give a file away")
			}
			dir, err := os.MkdirTemp("/tmp", "zen") // short enough for a socket
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(dir)
			path := filepath.Join(dir, "f")
			if err := tt.make(path); err != nil {
				t.Fatal(err)
			}
			for _, flag := range flags {
				fd, err := OpenFile(path, flag)
				if err == nil {
					unix.Close(fd)
				}
				switch e, _ := errors.AsType[*credential.Error](err); {
				case tt.why != "":
					if e == nil || e.Error() != path+" "+tt.why ||
						!strings.Contains(e.HintText(), strings.ReplaceAll(tt.hint, "%", path)) {
						t.Errorf("flags %o: %v, %+v", flag, err, e)
					}
				case tt.name == "absent" && flag == unix.O_RDONLY:
					if !errors.Is(err, fs.ErrNotExist) {
						t.Errorf("flags %o: %v", flag, err)
					}
				case err != nil:
					t.Errorf("flags %o: %v", flag, err)
				}
			}
			if _, err := os.Lstat(path + ".planted"); err == nil {
				t.Error("a link was followed")
			}
		})
	}
}

func TestOwnFiles(t *testing.T) {
	dir := t.TempDir()
	a, b, c := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "c")
	for _, text := range []string{"one", "two", ""} {
		if err := WriteOwn(a, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := ReadOwn(a, 10); err != nil || string(got) != text {
			t.Errorf("%q, %v", got, err)
		}
	}
	if err := errors.Join(Link(a, b), Rename(b, c), Remove(a)); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(c)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if err := Remove(a); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

// Directories below an own one, and links that only the user can have made.
func TestMakeDir(t *testing.T) {
	tests := []struct {
		name string
		make func(dir string) error // dir/x/zen is the directory
		why  string                 // part of the error
		at   string                 // the directory that is closed then
		root bool
	}{
		{name: "absent", make: func(string) error { return nil }, at: "x/zen"},
		{name: "open", make: func(dir string) error { return mkdir(dir+"/x/zen", 0o755) }, at: "x/zen"},
		{
			name: "open to all",
			make: func(dir string) error { return mkdir(dir+"/x/zen", 0o777) },
			at:   "x/zen",
		},
		{
			name: "everybody's",
			make: func(dir string) error { return mkdir(dir+"/x/zen", 0o777|os.ModeSticky) },
			why:  "is for everybody's files",
		},
		{name: "file", make: func(dir string) error {
			return errors.Join(mkdir(dir+"/x", 0o755), os.WriteFile(dir+"/x/zen", nil, 0o600))
		}, why: "is not a directory"},
		{name: "FIFO", make: func(dir string) error {
			return errors.Join(mkdir(dir+"/x", 0o755), unix.Mkfifo(dir+"/x/zen", 0o600))
		}, why: "is not a directory"},
		{name: "link", make: func(dir string) error {
			return errors.Join(
				mkdir(dir+"/x", 0o755),
				mkdir(dir+"/y", 0o755),
				os.Symlink("../y", dir+"/x/zen"),
			)
		}, at: "y"},
		{name: "link that others can change", make: func(dir string) error {
			return errors.Join(
				mkdir(dir+"/x", 0o777),
				mkdir(dir+"/y", 0o755),
				os.Symlink("../y", dir+"/x/zen"),
			)
		}, why: "is a symbolic link that others can change"},
		{name: "another user's", root: true, make: func(dir string) error {
			return errors.Join(mkdir(dir+"/x/zen", 0o777), os.Chown(dir+"/x/zen", 65534, 65534))
		}, why: "belongs to user 65534"},
		{name: "below another user's", root: true, make: func(dir string) error {
			return errors.Join(mkdir(dir+"/x", 0o777), os.Chown(dir+"/x", 65534, 65534))
		}, why: "belongs to user 65534, so zen makes nothing in it"},
		{name: "link to another user's", root: true, make: func(dir string) error {
			return errors.Join(
				mkdir(dir+"/x", 0o755),
				mkdir(dir+"/y", 0o777),
				os.Chown(dir+"/y", 65534, 65534),
				os.Symlink("../y", dir+"/x/zen"),
			)
		}, why: "belongs to user 65534"},
		{name: "another user's link", root: true, make: func(dir string) error {
			return errors.Join(
				mkdir(dir+"/x", 0o755),
				mkdir(dir+"/y", 0o755),
				os.Symlink("../y", dir+"/x/zen"),
				os.Lchown(dir+"/x/zen", 65534, 65534),
			)
		}, why: "is a symbolic link that user 65534 can change"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.root && os.Geteuid() != 0 {
				t.Skip("only root can give a directory away")
			}
			dir := t.TempDir()
			if err := tt.make(dir); err != nil {
				t.Fatal(err)
			}
			err := MakeDir(dir + "/x/zen")
			if tt.why == "" {
				info, serr := os.Lstat(filepath.Join(dir, tt.at))
				if err != nil || serr != nil || info.Mode() != os.ModeDir|0o700 {
					t.Errorf("%v; %v, %v", err, info, serr)
				}
				return
			}
			if !credential.CannotWrite.Is(err) || !strings.Contains(err.Error(), tt.why) {
				t.Errorf("%v", err)
			}
			if tt.name == "below another user's" {
				if entries, _ := os.ReadDir(dir + "/x"); len(entries) > 0 {
					t.Errorf("it made %v", entries)
				}
			}
		})
	}
}

func mkdir(path string, mode os.FileMode) error {
	return errors.Join(os.MkdirAll(path, 0o755), os.Chmod(path, mode))
}

// The hint names the variable that leads to somebody else's directory.
func TestForeignHint(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a directory away")
	}
	dir := t.TempDir()
	t.Setenv("XDG_DATA_HOME", dir)
	if err := os.Chown(dir, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	err := MakeDir(dir + "/zen")
	if e, ok := errors.AsType[*credential.Error](err); !ok || e.HintText() != "use directories of your "+
		"own: unset XDG_DATA_HOME" {
		t.Errorf("%v, %+v", err, e)
	}
}
