//go:build unix

package paths

import (
	"errors"
	"io/fs"
	"path"
	"strconv"
	"syscall"

	"github.com/zen-agent/zen/internal/credential"
)

// SecureDir makes dir a directory that only the user can enter, or checks that it is one: a real directory (no symbolic
// link), the user's own, mode 0700 at most. Missing parents are made with mode 0700 too. Anything else is an error that
// says what to type; nothing that exists is changed.
func SecureDir(dir string) error {
	st, err := status(dir, false)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeDirs(dir); err == nil {
			st, err = status(dir, false)
		}
	}
	if err != nil {
		return &credential.Error{Reason: credential.CannotWrite, Message: "cannot make a directory: " + err.Error(), Cause: err}
	}
	switch kind := st.Mode & syscall.S_IFMT; {
	case kind == syscall.S_IFLNK:
		return insecure(dir, "is a symbolic link", "replace it by a directory: rm "+dir)
	case kind != syscall.S_IFDIR:
		return insecure(dir, "is not a directory", "rm "+dir)
	case st.Mode&syscall.S_ISVTX != 0: // /tmp: to close it would be worse than to use it
		return insecure(dir, "is for everybody's files", "give zen a directory of its own (ZEN_SOCKET, XDG_DATA_HOME, XDG_STATE_HOME)")
	case int(st.Uid) != syscall.Geteuid():
		return insecure(dir, "belongs to "+userText(int(st.Uid)), "move it out of the way")
	case st.Mode&0o077 != 0:
		return insecure(dir, "can be read by other users", "chmod 700 "+dir)
	}
	return nil
}

// makeDirs makes dir and what is missing above it. It is not its matter whether what exists is a directory.
func makeDirs(dir string) error {
	err := syscall.Mkdir(dir, 0o700)
	if parent := path.Dir(dir); err == syscall.ENOENT && parent != dir {
		if err := makeDirs(parent); err != nil {
			return err
		}
		err = syscall.Mkdir(dir, 0o700)
	}
	if err != nil && err != syscall.EEXIST {
		return &fs.PathError{Op: "mkdir", Path: dir, Err: err}
	}
	return nil
}

func insecure(path, why, hint string) error {
	return credential.NewError(credential.CannotWrite, path+" "+why, hint)
}

// unfit says why dir is no runtime directory of the user uid, or "": it must be a real directory, the user's, and
// writable by nobody else.
func unfit(dir string, uid int) string {
	if dir[0] != '/' {
		return "is not an absolute path"
	}
	st, err := status(dir, false)
	if err != nil {
		return "cannot be used: " + err.Error()
	}
	switch kind := st.Mode & syscall.S_IFMT; {
	case kind == syscall.S_IFLNK:
		return "is a symbolic link"
	case kind != syscall.S_IFDIR:
		return "is not a directory"
	case int(st.Uid) != uid:
		return "belongs to " + userText(int(st.Uid))
	case st.Mode&0o022 != 0:
		return "can be written by other users"
	}
	return ""
}

// status is stat(2) or, when a link is not followed, lstat(2).
func status(name string, follow bool) (st syscall.Stat_t, err error) {
	op, call := "lstat", syscall.Lstat
	if follow {
		op, call = "stat", syscall.Stat
	}
	for {
		err := call(name, &st)
		if err == nil {
			return st, nil
		}
		if !errors.Is(err, syscall.EINTR) {
			return st, &fs.PathError{Op: op, Path: name, Err: err}
		}
	}
}

func userText(uid int) string {
	if uid == 0 {
		return "root"
	}
	return "user " + strconv.Itoa(uid)
}
