//go:build unix

package fileedit

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zen-agent/zen/internal/credential"
)

// Waiting for the lock: others hold it for milliseconds.
const (
	lockPoll = 2 * time.Millisecond
	lockWait = 10 * time.Second
)

// lock takes an exclusive flock on the directory itself, so that no lock file is left in it. locked is false where the
// file system knows no such locks.
func lock(ctx context.Context, dir string) (unlock func(), locked bool, err error) {
	f, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, false, cannotWrite(dir, err)
	}
	late := time.NewTimer(lockWait)
	defer late.Stop()
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return func() { f.Close() }, true, nil
		case !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR):
			return func() { f.Close() }, false, nil
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, false, context.Cause(ctx)
		case <-late.C:
			f.Close()
			return nil, false, credential.NewError(credential.Timeout, quote(dir)+" is locked by another program", "try again")
		case <-time.After(lockPoll):
		}
	}
}
