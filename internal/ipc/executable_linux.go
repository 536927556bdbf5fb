package ipc

import (
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"
)

// executable is the path of the running program, without symbolic links (proc(5),
// /proc/pid/exe).
func executable() (string, error) {
	const link = "/proc/self/exe"
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlink(link, buf)
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: link, Err: err}
	}
	return strings.TrimSuffix(string(buf[:n]), " (deleted)"), nil
}
