package execsafe

import "syscall"

const admins = -1

// hasACL reports whether a file has a POSIX access control list beyond its mode, or may
// have one.
func hasACL(name string) bool {
	_, err := syscall.Getxattr(name, "system.posix_acl_access", nil)
	return err != syscall.ENODATA && err != syscall.EOPNOTSUPP
}
