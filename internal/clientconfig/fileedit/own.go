package fileedit

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/paths"
	"github.com/zen-agent/zen/internal/safetext"
)

// ReadOwn is Read for a file of zen's own, for which no symbolic link is followed.
func ReadOwn(path string) (Content, error) {
	data, err := paths.ReadOwn(path, MaxSize+1)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Content{}, nil
	case err != nil:
		return Content{}, cannotRead(path, err)
	case len(data) > MaxSize:
		return Content{}, credential.NewError(credential.TooLarge, safetext.Name(path)+" is larger than "+
			"16 MiB", "move it away")
	}
	return Content{Data: data, Exists: true}, nil
}

// EditOwn changes a file of zen's own, which only zen writes, under a lock that keeps out
// other calls of it for files of the same directory. The directory is made, or closed to
// others.
func EditOwn(ctx context.Context, path string, change Change) error {
	dir := filepath.Dir(path)
	if err := paths.MakeDir(dir); err != nil {
		return err
	}
	unlock, _, err := lock(ctx, dir)
	if err != nil {
		return err
	}
	defer unlock()
	before, err := ReadOwn(path)
	if err != nil {
		return err
	}
	after, err := change(before)
	switch {
	case err != nil || same(before, after):
		return err
	case !after.Exists:
		return cannotWrite(path, paths.Remove(path))
	}
	return cannotWrite(path, paths.WriteOwn(path, after.Data))
}
