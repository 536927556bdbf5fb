//go:build linux || darwin

package doctor

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// owner follows symbolic links: what counts is whose the file itself is.
func owner(path string) (uid int, exists bool) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(st.Uid), true
}

func writable(path string) bool { return unix.Access(path, unix.W_OK) == nil }

func free(path string) (bytes uint64, known bool) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil || st.Bsize <= 0 || st.Blocks == 0 {
		return 0, false
	}
	return st.Bavail * uint64(st.Bsize), true
}
