//go:build unix

package fileedit

import (
	"io/fs"
	"os"
	"syscall"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

// keepOwner gives f the owner and group that info tells. It fails where that is not allowed and matters: the file would change
// hands.
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
		Reason: credential.CannotWrite, Message: safetext.Name(info.Name()) + " belongs to another user or group",
		Hint: "run this as its owner", Cause: err,
	}
}
