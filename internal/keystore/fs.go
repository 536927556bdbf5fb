package keystore

import (
	"errors"
	"io"
	"os"
	"syscall"

	"github.com/zen-agent/zen/internal/paths"
)

// FS is the part of a file system that changes the vault. Tests give one that fails,
// stops or cuts a write short at any step; nil means the operating system's.
type FS interface {
	OpenFile(name string, flag int, perm os.FileMode) (File, error)
	Rename(from, to string) error
	Link(from, to string) error
	Remove(name string) error
}

// File is an open file, or a directory (O_DIRECTORY) that is to be synced.
type File interface {
	io.Reader
	io.Writer
	Sync() error
	Close() error
}

// osFS is the operating system's, as far as files and directories are zen's own.
type osFS struct{}

func (osFS) OpenFile(name string, flag int, _ os.FileMode) (File, error) {
	open := paths.OpenFile
	if flag&syscall.O_DIRECTORY != 0 {
		open = func(name string, _ int) (int, error) { return paths.OpenDir(name) }
	}
	fd, err := open(name, flag)
	if err != nil {
		return nil, err // not a File that holds a nil *os.File
	}
	return os.NewFile(uintptr(fd), name), nil
}

func (osFS) Rename(from, to string) error { return paths.Rename(from, to) }
func (osFS) Link(from, to string) error   { return paths.Link(from, to) }
func (osFS) Remove(name string) error     { return paths.Remove(name) }

// readFile reads a file of at most limit bytes.
func readFile(fs FS, name string, limit int64) ([]byte, error) {
	f, err := fs.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	size := int64(4096)
	if s, ok := f.(interface{ Stat() (os.FileInfo, error) }); ok {
		if info, err := s.Stat(); err == nil {
			size = info.Size() + 1 // room to see the end of the file
		}
	}
	if size > limit {
		return nil, errTooBig
	}
	return readAll(io.LimitReader(f, limit), size)
}

var errTooBig = errors.New("the file is too big to be a vault")

func readAll(r io.Reader, size int64) ([]byte, error) {
	b := make([]byte, 0, size)
	for {
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			return nil, err
		}
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
	}
}

// writeFile creates a file that must not exist, readable by its owner only, and makes
// sure that its bytes are on the disk. What it created is removed again when anything
// fails.
func writeFile(fs FS, name string, data []byte) (err error) {
	f, err := fs.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = fs.Remove(name)
		}
	}()
	n, err := f.Write(data)
	if err == nil && n < len(data) {
		err = io.ErrShortWrite
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncDir makes renames in a directory last. File systems that cannot sync a directory
// say EINVAL or ENOTSUP; there is nothing more to do on them.
func syncDir(fs FS, dir string) error {
	d, err := fs.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil
	}
	return errors.Join(err, d.Close())
}
