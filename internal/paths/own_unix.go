//go:build unix

package paths

import (
	"errors"
	"io/fs"
	"path"

	"golang.org/x/sys/unix"

	"github.com/zen-agent/zen/internal/credential"
)

// OpenFile opens a file of zen's own, and returns a descriptor that no child inherits.
// Flags are those of open(2); a file that is made has mode 0600. The directory has to be
// the user's, as for OpenDir. A symbolic link is not followed, and anything but a regular
// file of the user's is an error that says what to type: a FIFO would make zen wait.
func OpenFile(name string, flags int) (fd int, err error) {
	err = within(name, func(dir int, base string) error {
		fd, err = openat(dir, base, flags|unix.O_NOFOLLOW|unix.O_NONBLOCK)
		return notAFile(name, err)
	})
	if err != nil {
		return -1, err
	}
	var st unix.Stat_t
	if err = fstat(fd, name, &st); err == nil {
		err = fitFile(name, &st)
	}
	if err == nil {
		err = unix.SetNonblock(fd, false)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// notAFile explains what open(2) says of things that are not regular files.
func notAFile(name string, err error) error {
	if err == nil {
		return nil
	}
	errno, _ := errors.AsType[unix.Errno](err)
	switch errno {
	case unix.ELOOP:
		return insecure(name, "is a symbolic link", "replace it by the file that it leads to, or remove "+
			"it: rm "+name)
	case unix.ENXIO, unix.ENODEV, unix.EOPNOTSUPP, unix.EISDIR: // a FIFO, a socket, a device, a directory
		return irregular(name)
	}
	return &fs.PathError{Op: "open", Path: name, Err: err}
}

func irregular(name string) error {
	return insecure(name, "is not a regular file", "move it away: mv "+name+" "+name+".old")
}

func fitFile(name string, st *unix.Stat_t) error {
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return irregular(name)
	case int(st.Uid) != unix.Geteuid():
		return foreign(name, int(st.Uid))
	}
	return nil
}

// ReadOwn reads at most the first most bytes of a file of zen's own.
func ReadOwn(name string, most int) ([]byte, error) {
	fd, err := OpenFile(name, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer func() { _ = unix.Close(fd) }()
	return readAll(fd, name, most)
}

// WriteOwn makes a file of zen's own hold content, which is on the disk then, by renaming
// a new file over the old one. Nobody else may write the file at the same time.
func WriteOwn(name string, content []byte) error {
	return within(name, func(dir int, base string) error {
		temp := "." + base + ".zen-new"
		_ = unix.Unlinkat(dir, temp, 0) // of one that was killed
		fd, err := openat(dir, temp, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW)
		if err != nil {
			return pathError("open", name, err)
		}
		err = writeAll(fd, content)
		if cerr := unix.Close(fd); err == nil {
			err = cerr
		}
		if err == nil {
			err = unix.Renameat(dir, temp, dir, base)
		}
		if err != nil {
			_ = unix.Unlinkat(dir, temp, 0)
			return pathError("write", name, err)
		}
		_ = unix.Fsync(dir) // where the file system can
		return nil
	})
}

func writeAll(fd int, content []byte) error {
	for len(content) > 0 {
		n, err := unix.Write(fd, content)
		if err != nil && err != unix.EINTR {
			return err
		}
		content = content[max(n, 0):]
	}
	return unix.Fsync(fd)
}

// ReadFile reads at most the first most bytes of a regular file of the system's,
// following symbolic links. Anything else, such as a FIFO, is an error.
func ReadFile(name string, most int) ([]byte, error) { return readFile(name, most, false) }

// ReadTrusted is ReadFile for a file that has to be the user's or root's.
func ReadTrusted(name string, most int) ([]byte, error) { return readFile(name, most, true) }

func readFile(name string, most int, trusted bool) ([]byte, error) {
	fd, err := openat(unix.AT_FDCWD, name, unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	defer func() { _ = unix.Close(fd) }()
	var st unix.Stat_t
	if err := fstat(fd, name, &st); err != nil {
		return nil, err
	}
	if owner := int(st.Uid); trusted && owner != 0 && owner != unix.Geteuid() {
		return nil, foreign(name, owner)
	}
	return readAll(fd, name, most)
}

func readAll(fd int, name string, most int) ([]byte, error) {
	var st unix.Stat_t
	if err := fstat(fd, name, &st); err != nil {
		return nil, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrInvalid}
	}
	// The size is a guess: a file may grow meanwhile, and those of /proc say that they
	// are empty.
	content := make([]byte, 0, min(int(st.Size)+1, most))
	for len(content) < most {
		if len(content) == cap(content) {
			content = append(content, 0)[:len(content)]
		}
		m, err := unix.Read(fd, content[len(content):min(cap(content), most)])
		switch {
		case err == unix.EINTR:
		case err != nil:
			return nil, &fs.PathError{Op: "read", Path: name, Err: err}
		case m == 0:
			return content, nil
		default:
			content = content[:len(content)+m]
		}
	}
	return content, nil
}

// Rename and Link give a file of zen's own another name in the same directory; Remove
// takes its name away.
func Rename(from, to string) error {
	return within(from, func(dir int, base string) error {
		return pathError("rename", from, unix.Renameat(dir, base, dir, path.Base(to)))
	})
}

// Link is described at Rename.
func Link(from, to string) error {
	return within(from, func(dir int, base string) error {
		return pathError("link", from, unix.Linkat(dir, base, dir, path.Base(to), 0))
	})
}

// Remove is described at Rename.
func Remove(name string) error {
	return within(name, func(dir int, base string) error {
		return pathError("unlink", name, unix.Unlinkat(dir, base, 0))
	})
}

// within calls f with the directory of a file of zen's own, open, and the file's name in
// it: whatever happens to the directory's name meanwhile, f works in the directory that
// was checked.
func within(name string, f func(dir int, base string) error) error {
	dir, err := OpenDir(path.Dir(name))
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return pathError(p.Op, name, p.Err)
	}
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(dir) }()
	return f(dir, path.Base(name))
}

func openat(dir int, name string, flags int) (int, error) {
	for {
		fd, err := unix.Openat(dir, name, flags|unix.O_CLOEXEC, 0o600)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

func fstat(fd int, name string, st *unix.Stat_t) error {
	for {
		if err := unix.Fstat(fd, st); !errors.Is(err, unix.EINTR) {
			return pathError("fstat", name, err)
		}
	}
}

func pathError(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

func insecure(path, why, hint string) error {
	return credential.NewError(credential.CannotWrite, path+" "+why, hint)
}
