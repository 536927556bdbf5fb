//go:build unix

package paths

import (
	"errors"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/zen-agent/zen/internal/credential"
)

// SecureDir makes dir a directory that only the user can enter, or checks that it is one:
// a real directory (no symbolic link), the user's own, mode 0700 at most. Missing parents
// are made with mode 0700 too. Anything else is an error that says what to type; nothing
// that exists is changed. It is for the socket's directory, which may be any of the
// user's (ZEN_SOCKET); for the others there is MakeDir.
func SecureDir(dir string) error {
	if err := makeDirs(dir); err != nil {
		return err
	}
	st, err := status(dir, false)
	if err != nil {
		return cannotMake(err)
	}
	if st.Mode&unix.S_IFMT == unix.S_IFLNK {
		return insecure(dir, "is a symbolic link", "replace it by a directory: rm "+dir)
	}
	return CheckDir(dir)
}

// MakeDir makes dir, a directory of zen's own, as SecureDir does. One that exists is
// checked as by CheckDir, and closed to others if it was open.
func MakeDir(dir string) error {
	if err := makeDirs(dir); err != nil {
		return err
	}
	return fitDir(dir, true)
}

// CheckDir checks that dir is the user's own and mode 0700 at most, and changes nothing.
// In its place may be a symbolic link that only the user or root can have made.
func CheckDir(dir string) error {
	return fitDir(dir, false)
}

func fitDir(dir string, tighten bool) error {
	fd, err := OpenDir(dir)
	if err != nil {
		return notADir(dir, err)
	}
	defer func() { _ = unix.Close(fd) }()
	return closed(fd, dir, tighten)
}

// OpenDir opens a directory of zen's own, which has to be the user's. In its place may be
// a symbolic link, as for CheckDir. The caller closes the descriptor.
func OpenDir(dir string) (fd int, err error) {
	fd, err = openat(unix.AT_FDCWD, dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW)
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENOTDIR) { // which of them for a link, differs
		fd, err = openLinked(dir, err)
	}
	if err != nil {
		if _, ok := errors.AsType[*credential.Error](err); ok {
			return -1, err
		}
		return -1, pathError("open", dir, err)
	}
	var st unix.Stat_t
	if err = fstat(fd, dir, &st); err == nil && int(st.Uid) != unix.Geteuid() {
		err = foreign(dir, int(st.Uid))
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// openLinked opens the directory that a symbolic link leads to. Anyone who can replace
// the link could lead zen to another directory of the user's.
func openLinked(dir string, otherwise error) (fd int, err error) {
	link, err := status(dir, false)
	if err != nil || link.Mode&unix.S_IFMT != unix.S_IFLNK {
		return -1, otherwise
	}
	parent, err := status(path.Dir(dir), true)
	if err != nil {
		return -1, otherwise
	}
	for _, st := range []*syscall.Stat_t{&link, &parent} {
		if owner := int(st.Uid); owner != 0 && owner != unix.Geteuid() {
			return -1, insecure(
				dir,
				"is a symbolic link that "+userText(owner)+" can change",
				foreignHint(dir),
			)
		}
	}
	others := parent.Mode&0o002 != 0 || parent.Mode&0o020 != 0 && int(parent.Gid) != unix.Getegid()
	if others && parent.Mode&unix.S_ISVTX == 0 {
		return -1, insecure(dir, "is a symbolic link that others can change", "chmod go-w "+path.Dir(dir))
	}
	return openat(unix.AT_FDCWD, dir, unix.O_RDONLY|unix.O_DIRECTORY)
}

// closed checks that only the user can enter an open directory of his.
func closed(fd int, dir string, tighten bool) error {
	var st unix.Stat_t
	if err := fstat(fd, dir, &st); err != nil {
		return err
	}
	switch {
	case st.Mode&unix.S_ISVTX != 0: // /tmp: to close it would be worse than to use it
		return insecure(dir, "is for everybody's files", "give zen a directory of its own (ZEN_SOCKET, "+
			"XDG_DATA_HOME, XDG_STATE_HOME)")
	case st.Mode&0o077 != 0 && tighten && unix.Fchmod(fd, 0o700) == nil:
		return closed(fd, dir, false) // some file systems only say that they did it
	case st.Mode&0o077 != 0:
		return insecure(dir, "can be read by other users", "chmod 700 "+dir)
	}
	return nil
}

// makeDirs makes dir, which zen would own, unless something is there.
func makeDirs(dir string) error {
	if _, err := status(dir, false); err == nil {
		return nil
	}
	fd, err := makeAll(dir)
	if err != nil {
		return cannotMake(err)
	}
	_ = unix.Close(fd)
	return nil
}

// makeAll opens dir, or makes it and what is missing above it, nothing of it below
// another user's directory.
func makeAll(dir string) (fd int, err error) {
	fd, err = openat(unix.AT_FDCWD, dir, unix.O_RDONLY|unix.O_DIRECTORY)
	parent := path.Dir(dir)
	if !errors.Is(err, unix.ENOENT) || parent == dir {
		return fd, pathError("open", dir, err)
	}
	up, err := makeAll(parent)
	if err != nil {
		return -1, err
	}
	defer func() { _ = unix.Close(up) }()
	var st unix.Stat_t
	if err := fstat(up, parent, &st); err != nil {
		return -1, err
	}
	if owner := int(st.Uid); owner != 0 && owner != unix.Geteuid() {
		return -1, insecure(parent, "belongs to "+userText(owner)+", so zen makes nothing in "+
			"it", foreignHint(dir))
	}
	if err := unix.Mkdirat(up, path.Base(dir), 0o700); err != nil && err != unix.EEXIST {
		return -1, pathError("mkdir", dir, err)
	}
	fd, err = openat(up, path.Base(dir), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW)
	return fd, pathError("open", dir, err)
}

// cannotMake leaves errors made for a person as they are.
func cannotMake(err error) error {
	if _, ok := errors.AsType[*credential.Error](err); ok {
		return err
	}
	return &credential.Error{Reason: credential.CannotWrite, Message: "cannot make a " +
		"directory: " + err.Error(), Cause: err}
}

// notADir is cannotMake for a directory that is there, or should be.
func notADir(dir string, err error) error {
	if st, lerr := status(dir, false); lerr == nil && st.Mode&unix.S_IFMT != unix.S_IFDIR &&
		errors.Is(err, unix.ENOTDIR) {
		return insecure(dir, "is not a directory", "rm "+dir)
	}
	return cannotMake(err)
}

func foreign(name string, owner int) error {
	return insecure(name, "belongs to "+userText(owner), foreignHint(name))
}

// foreignHint is what to type when name, or what it lies in, is another user's: it is in
// a directory of the user's own, and an earlier `sudo zen` made it, or the environment
// names a directory of somebody else.
func foreignHint(name string) string {
	if st, err := status(name, false); err == nil && st.Mode&unix.S_IFMT == unix.S_IFLNK {
		return "let the link lead to a directory of your own, or remove it: rm " + name
	}
	if st, err := status(path.Dir(name), true); err == nil && int(st.Uid) == unix.Geteuid() {
		if st.Uid == 0 {
			return "chown -R root " + name
		}
		return "sudo chown -R $(id -un) " + name
	}
	for _, variable := range []string{
		"ZEN_SOCKET", "XDG_RUNTIME_DIR", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME",
		"XDG_CACHE_HOME",
	} {
		if value := getenv(variable); path.IsAbs(value) &&
			(variable == "ZEN_SOCKET" && path.Dir(value) == name ||
				strings.HasPrefix(name+"/", path.Clean(value)+"/")) {
			return "use directories of your own: unset " + variable
		}
	}
	if unix.Geteuid() == 0 {
		return "run zen without sudo, or in root's home directory: sudo -H zen status"
	}
	return "set HOME to your own home directory"
}

// unfit says why dir is not a runtime directory of the user uid, or "": it must be a real
// directory, the user's, and writable by nobody else.
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
