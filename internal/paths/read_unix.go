//go:build unix

package paths

import (
	"io/fs"
	"syscall"
)

// ReadFile reads at most the first most bytes of a regular file. Anything else, such as a FIFO, which would make the reader
// wait, is an error.
func ReadFile(name string, most int) ([]byte, error) {
	fd, err := openFile(name)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	defer func() { _ = syscall.Close(fd) }()
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		return nil, &fs.PathError{Op: "fstat", Path: name, Err: err}
	}
	if st.Mode&syscall.S_IFMT != syscall.S_IFREG {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrInvalid}
	}
	content := make([]byte, min(int(st.Size), most))
	for n := 0; n < len(content); {
		m, err := syscall.Read(fd, content[n:])
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return nil, &fs.PathError{Op: "read", Path: name, Err: err}
		case m == 0: // it became shorter
			return content[:n], nil
		default:
			n += m
		}
	}
	return content, nil
}

func openFile(name string) (int, error) {
	for {
		fd, err := syscall.Open(name, syscall.O_RDONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
		if err != syscall.EINTR {
			return fd, err
		}
	}
}
