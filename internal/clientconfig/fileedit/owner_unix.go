//go:build unix

package fileedit

import (
	"io/fs"
	"os"
	"syscall"

	"github.com/zen-agent/zen/internal/credential"
)

// keepOwner gives f the owner and group that info tells. It fails where that is not allowed: the file would change hands.
func keepOwner(f *os.File, info fs.FileInfo) error {
	want, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	now, err := f.Stat()
	if err != nil {
		return cannotWrite(f.Name(), err)
	}
	if have, ok := now.Sys().(*syscall.Stat_t); ok && have.Uid == want.Uid && have.Gid == want.Gid {
		return nil
	}
	if err := f.Chown(int(want.Uid), int(want.Gid)); err != nil {
		return &credential.Error{
			Reason: credential.CannotWrite, Message: quote(info.Name()) + " belongs to another user or group",
			Hint: "run this as its owner", Cause: err,
		}
	}
	return nil
}
