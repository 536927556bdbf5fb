//go:build unix

package paths

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zen-agent/zen/internal/credential"
)

func TestSecureDir(t *testing.T) {
	root := os.Geteuid() == 0
	tests := []struct {
		name  string
		make  func(path string) error
		why   string // what is said after the path; "": it is good
		hint  string // with % for the path
		after os.FileMode
	}{
		{"absent", nil, "", "", os.ModeDir | 0o700},
		{"made before", func(path string) error { return os.Mkdir(path, 0o700) }, "", "", os.ModeDir | 0o700},
		{
			"cannot be written",
			func(path string) error { return errors.Join(os.Mkdir(path, 0o700), os.Chmod(path, 0o500)) },
			"",
			"",
			os.ModeDir | 0o500,
		},
		{
			"open",
			func(path string) error { return errors.Join(os.Mkdir(path, 0o700), os.Chmod(path, 0o755)) },
			"can be read by other users",
			"chmod 700 %",
			os.ModeDir | 0o755,
		},
		{
			"entered by others",
			func(path string) error { return errors.Join(os.Mkdir(path, 0o700), os.Chmod(path, 0o701)) },
			"can be read by other users",
			"chmod 700 %",
			os.ModeDir | 0o701,
		},
		{
			"everybody's", func(path string) error {
				return errors.Join(os.Mkdir(path, 0o700), os.Chmod(path, 0o777|os.ModeSticky))
			},
			"is for everybody's files", "give zen a directory of its own (ZEN_SOCKET, XDG_DATA_HOME, " +
				"XDG_STATE_HOME)",
			os.ModeDir | os.ModeSticky | 0o777,
		},
		{"file", func(path string) error { return os.WriteFile(path, nil, 0o600) }, "is not a " +
			"directory", "rm %", 0o600},
		{
			"link",
			func(path string) error {
				return errors.Join(os.Mkdir(path+".d", 0o700),
					os.Symlink(path+".d", path))
			},
			"is a symbolic link",
			"replace it by a directory: rm %",
			os.ModeSymlink | 0o777,
		},
		{
			"link to nothing",
			func(path string) error { return os.Symlink(path+".none", path) },
			"is a symbolic link",
			"replace it by a directory: rm %",
			os.ModeSymlink | 0o777,
		},
		{
			"another user's",
			func(path string) error {
				return errors.Join(os.Mkdir(path, 0o700),
					os.Chown(path, 65534, 65534))
			},
			"belongs to user 65534",
			"chown -R root %",
			os.ModeDir | 0o700,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if strings.HasPrefix(tt.name, "another") && !root {
				t.Skip("only root can give a directory away")
			}
			path := filepath.Join(t.TempDir(), "dir")
			if tt.make != nil {
				if err := tt.make(path); err != nil {
					t.Fatal(err)
				}
			}
			err := SecureDir(path)
			info, lerr := os.Lstat(path)
			if lerr != nil || info.Mode() != tt.after {
				t.Errorf("it is %v now (%v)", info.Mode(), lerr)
			}
			if tt.why == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			e, ok := errors.AsType[*credential.Error](err)
			if !ok || e.Reason != credential.CannotWrite || e.Error() != path+" "+tt.why ||
				e.HintText() != strings.ReplaceAll(tt.hint, "%", path) {
				t.Errorf("%v, %+v", err, e)
			}
		})
	}
}

func TestSecureDirMakesParents(t *testing.T) {
	base := t.TempDir()
	if err := SecureDir(filepath.Join(base, "a/b/c")); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"a", "a/b", "a/b/c"} {
		if info, err := os.Stat(filepath.Join(base, dir)); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s is %v, %v", dir, info.Mode(), err)
		}
	}
	if err := os.WriteFile(filepath.Join(base, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := SecureDir(filepath.Join(base, "file/dir")); !credential.CannotWrite.Is(err) ||
		!strings.Contains(err.Error(), "not a directory") {
		t.Errorf("%v", err)
	}
}
