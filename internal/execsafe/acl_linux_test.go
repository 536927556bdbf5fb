package execsafe

import (
	"encoding/binary"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// An access control list lets somebody else write: that is seen in the group's bits, and
// found where these are excused.
func TestRealACL(t *testing.T) {
	top := tree(t)
	// As "setfacl -m u:54321:rwx": version 2; then tag, permissions and id of each entry
	// (acl(5)).
	acl := []byte{2, 0, 0, 0}
	const none = 1<<32 - 1
	for _, e := range [][3]uint32{{1, 7, none}, {2, 7, 54321}, {4, 5, none}, {16, 7, none}, {32, 5, none}} {
		acl = append(acl, byte(e[0]), 0, byte(e[1]), 0)
		acl = binary.LittleEndian.AppendUint32(acl, e[2])
	}
	dir := filepath.Join(top, "a")
	if err := unix.Setxattr(dir, "system.posix_acl_access", acl, 0); err != nil {
		t.Skipf("the file system of %s has no access control lists: %v", top, err)
	}
	if st, err := lstat(dir); err != nil || st.mode&0o777 != 0o775 {
		t.Fatalf("the mode is %o, %v", st.mode, err)
	}
	s := thisSystem()
	s.accounts = func() accounts { return accounts{} }
	_, err := s.resolve(filepath.Join(dir, "b/p"))
	if err == nil || !strings.Contains(err.Error(), "/a can be changed by the group") {
		t.Error(err)
	}
	if !hasACL(dir) || hasACL(filepath.Join(top, "a/b")) {
		t.Error("the list is not found, or one that is not there")
	}
}
