//go:build unix

package fileedit

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

// Waiting for the lock: others hold it for milliseconds.
const (
	lockPoll = 2 * time.Millisecond
	lockWait = 10 * time.Second
)

// lock takes an exclusive flock on the directory itself, so that no lock file is left in
// it. locked is false where the file system knows no such locks.
func lock(ctx context.Context, dir string) (unlock func(), locked bool, err error) {
	late := time.NewTimer(lockWait)
	defer late.Stop()
	for {
		f, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY, 0)
		if err != nil {
			return nil, false, cannotWrite(dir, err)
		}
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil && leadsTo(dir, f):
			return func() { f.Close() }, true, nil
		case err != nil && !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR):
			return func() { f.Close() }, false, nil
		}
		f.Close()
		select {
		case <-ctx.Done():
			return nil, false, context.Cause(ctx)
		case <-late.C:
			return nil, false, credential.NewError(credential.Timeout, safetext.Name(dir)+" is locked by "+
				"another program", "try again")
		case <-time.After(lockPoll):
		}
	}
}

// leadsTo reports whether the directory was not removed and made anew since f was opened:
// a lock of the old one keeps nobody out.
func leadsTo(dir string, f *os.File) bool {
	now, err := os.Stat(dir)
	if err != nil {
		return false
	}
	opened, err := f.Stat()
	return err == nil && os.SameFile(now, opened)
}
