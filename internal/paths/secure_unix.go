//go:build unix

package paths

import (
	"os"
	"strconv"
	"syscall"

	"github.com/zen-agent/zen/internal/credential"
)

// SecureDir makes path a directory that only the user can enter, or checks that it is one: a real directory (no symbolic
// link), the user's own, mode 0700 at most. Missing parents are made with mode 0700 too. Anything else is an error that
// says what to type; nothing that exists is changed.
func SecureDir(path string) error {
	info, err := os.Lstat(path)
	if os.IsNotExist(err) {
		if err = os.MkdirAll(path, 0o700); err == nil {
			info, err = os.Lstat(path)
		}
	}
	if err != nil {
		return &credential.Error{Reason: credential.CannotWrite, Message: "cannot make a directory: " + err.Error(), Cause: err}
	}
	switch uid, ok := owner(info); {
	case info.Mode()&os.ModeSymlink != 0:
		return insecure(path, "is a symbolic link", "replace it by a directory: rm "+path)
	case !info.IsDir():
		return insecure(path, "is not a directory", "rm "+path)
	case info.Mode()&os.ModeSticky != 0: // /tmp: to close it would be worse than to use it
		return insecure(path, "is for everybody's files", "give zen a directory of its own (ZEN_SOCKET, XDG_DATA_HOME, XDG_STATE_HOME)")
	case !ok || uid != os.Geteuid():
		return insecure(path, "belongs to "+userText(uid), "move it out of the way")
	case info.Mode().Perm()&0o077 != 0:
		return insecure(path, "can be read by other users", "chmod 700 "+path)
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
		return "cannot be used: " + (&os.PathError{Op: "lstat", Path: dir, Err: err}).Error()
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

// status is stat(2) or, when a link is not followed, lstat(2). What package os makes of the answer costs docker-credential-zen
// more than the call.
func status(path string, follow bool) (st syscall.Stat_t, err error) {
	for {
		if follow {
			err = syscall.Stat(path, &st)
		} else {
			err = syscall.Lstat(path, &st)
		}
		if err != syscall.EINTR {
			return st, err
		}
	}
}

func owner(info os.FileInfo) (uid int, ok bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(st.Uid), true
}

func userText(uid int) string {
	if uid == 0 {
		return "root"
	}
	return "user " + strconv.Itoa(uid)
}
