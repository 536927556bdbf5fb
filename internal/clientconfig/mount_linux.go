package clientconfig

import "golang.org/x/sys/unix"

// mounted reports whether a file is the root of a mount, as in containers: it can be
// written, but nothing can take its place.
func mounted(path string) bool {
	var info unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_TYPE, &info)
	return err == nil && info.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0
}
