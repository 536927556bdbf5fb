//go:build unix

package fileedit

import (
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

// keepOwner gives f the owner and group that info tells. It fails where that is not
// allowed and matters: the file would change hands.
func keepOwner(f *os.File, info fs.FileInfo) error {
	want, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	now, err := f.Stat()
	if err != nil {
		return cannotWrite(f.Name(), err)
	}
	have, ok := now.Sys().(*syscall.Stat_t)
	if ok && have.Uid == want.Uid && have.Gid == want.Gid {
		return nil
	}
	err = f.Chown(int(want.Uid), int(want.Gid))
	if err == nil || ok && have.Uid == want.Uid && info.Mode().Perm()&0o070 == 0 {
		return nil // a group that may do nothing with the file need not stay
	}
	return &credential.Error{
		Reason: credential.CannotWrite, Message: safetext.Name(info.Name()) + " belongs to another user " +
			"or group",
		Hint: "run this as its owner", Cause: err,
	}
}

// trusted refuses a file of another user, or a place for one in a directory of another
// user, that symbolic links led to: who can make a link in a user's directories could
// have zen read and write whatever that user can. info is nil when there is no file.
func trusted(path, target string, info fs.FileInfo) error {
	if path, err := filepath.Abs(path); err == nil && path == target {
		return nil
	}
	owned := target
	if info == nil {
		owned = filepath.Dir(target)
		var err error
		if info, err = os.Stat(owned); err != nil {
			return nil // the next step says why
		}
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || st.Uid == 0 || int(st.Uid) == os.Geteuid() {
		return nil
	}
	return credential.NewError(credential.CannotWrite,
		safetext.Name(path)+" leads by a symbolic link to "+safetext.Name(owned)+", which belongs to "+
			"user "+strconv.Itoa(int(st.Uid)),
		"see where it leads: ls -l "+safetext.ShellWord(path))
}
