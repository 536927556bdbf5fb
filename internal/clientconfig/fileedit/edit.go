package fileedit

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

// Content is what a file holds.
type Content struct {
	Data   []byte
	Exists bool
}

// Change makes the new content from the old, whose Data it must not change. A result that
// does not exist removes the file. It is called again when another program changed the
// file meanwhile.
type Change func(before Content) (Content, error)

// Result says what Edit did.
type Result struct {
	Target  string // the file itself, with symbolic links followed
	Changed bool
}

// A file is written only when nobody else has written it for the time of quiet: programs
// without a lock read, change and write it, and lose what came in between. Edit gives up
// when that does not happen in time.
const (
	quiet    = 200 * time.Millisecond
	patience = 5 * time.Second
)

// Edit changes the file at path under a lock that keeps out other calls of Edit for files
// of the same directory, once no other program has written it for 200 ms. A missing
// directory is created with mode 0700, a missing file with 0600. Errors are
// *credential.Error unless they come from change; CannotWrite after 5 s if other programs
// never leave the file alone.
func Edit(ctx context.Context, path string, change Change) (Result, error) {
	if err := makeDir(path); err != nil {
		return Result{}, err
	}
	var result Result
	for deadline := time.Now().Add(patience); ; {
		again, err := attempt(ctx, path, change, &result)
		if err != nil || !again {
			return result, err
		}
		if time.Now().After(deadline) {
			return result, credential.NewError(credential.CannotWrite, "another program is writing "+
				safetext.Name(result.Target), "try again when nothing else uses it")
		}
	}
}

// attempt makes the change once, under the lock of the directory where path leads now.
// again means that another program was faster.
func attempt(ctx context.Context, path string, change Change, result *Result) (again bool, err error) {
	target, err := Resolve(path)
	if err != nil {
		return false, err
	}
	result.Target = target
	unlock, locked, err := lock(ctx, filepath.Dir(target))
	if err != nil {
		return false, err
	}
	defer unlock()
	if locked {
		removeStale(target)
	}
	result.Changed, again, err = try(ctx, path, target, change)
	return again, err
}

// Look calls look with what is in the file at path, under the lock of Edit. It changes
// and makes nothing; without the directory it is an error.
func Look(ctx context.Context, path string, look func(Content) error) error {
	_, err := attempt(ctx, path, func(now Content) (Content, error) { return now, look(now) }, &Result{})
	return err
}

// RemoveDir removes an empty directory, under the lock of Edit for its files: nobody is
// left with the lock of a directory that is not there any more.
func RemoveDir(ctx context.Context, dir string) error {
	unlock, _, err := lock(ctx, dir)
	if err != nil {
		return err
	}
	defer unlock()
	return os.Remove(dir)
}

// Read returns what is in the file at path, following symbolic links. A missing file is
// not an error.
func Read(path string) (Content, error) {
	target, err := Resolve(path)
	if err != nil {
		return Content{}, err
	}
	content, info, err := read(target)
	if err == nil {
		err = trusted(path, target, info)
	}
	if err != nil {
		return Content{}, err
	}
	return content, nil
}

// try makes the change of the file itself, which path leads to.
func try(ctx context.Context, path, target string, change Change) (changed, again bool, err error) {
	before, info, err := read(target)
	if err == nil {
		err = trusted(path, target, info)
	}
	if err != nil {
		return false, false, err
	}
	after, err := change(before)
	if err != nil || same(before, after) {
		return false, false, err
	}
	if err := Dangling(path); err != nil {
		return false, false, err
	}
	if err := writable(target, info); err != nil {
		return false, false, err
	}
	if again, err = busy(ctx, target, info); again || err != nil {
		return false, again, err
	}
	if !after.Exists {
		again, err = remove(target, before)
	} else {
		again, err = replace(target, info, before, after)
	}
	if err == nil && !again {
		syncDir(filepath.Dir(target))
	}
	return !again && err == nil, again, err
}

// Dangling returns an error if path is a symbolic link that leads to nothing: what it
// leads to is missing for some other reason, such as a volume that is not mounted, and is
// not to be made.
func Dangling(path string) error {
	link, err := os.Lstat(path)
	if err != nil || link.Mode()&fs.ModeSymlink == 0 {
		return nil
	}
	target, err := Resolve(path)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(target); !os.IsNotExist(err) {
		return nil
	}
	return credential.NewError(credential.CannotWrite, safetext.Name(path)+" is a link to "+
		safetext.Name(target)+", which does not exist", "mount or unlock what it leads to, or remove the "+
		"link: rm "+safetext.ShellWord(path))
}

// busy waits until the file has been left alone for a while. It reports at once that
// somebody wrote it since info was read. One that does not exist has no writer yet.
func busy(ctx context.Context, target string, info fs.FileInfo) (bool, error) {
	if info == nil {
		return false, nil
	}
	// a time in the future, of another machine's clock, counts as now
	over := time.Now().Add(min(quiet, quiet-time.Since(info.ModTime())))
	for left := time.Until(over); left > 0; left = time.Until(over) {
		select {
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case <-time.After(min(left, quiet/10)):
		}
		if !untouched(target, info) {
			return true, nil
		}
	}
	return false, nil
}

// untouched reports whether the file is still the one of which info was read.
func untouched(target string, info fs.FileInfo) bool {
	now, err := os.Lstat(target)
	return err == nil && os.SameFile(now, info) && now.ModTime().Equal(info.ModTime()) &&
		now.Size() == info.Size()
}

func same(a, b Content) bool { return a.Exists == b.Exists && bytes.Equal(a.Data, b.Data) }

// replace publishes after in before's place. info is nil when there was no file.
func replace(target string, info fs.FileInfo, before, after Content) (again bool, err error) {
	temp, err := writeTemp(target, info, after.Data)
	if err != nil {
		return false, err
	}
	defer discard(temp)
	switch {
	case before.Exists && !untouched(target, info):
		return true, nil
	case before.Exists:
		again, err = exchange(temp, target, before, after)
	default:
		again, err = create(temp, target)
	}
	return again, cannotWrite(target, err)
}

// writeTemp writes data beside target, with the mode and owner info tells, and makes it
// durable.
func writeTemp(target string, info fs.FileInfo, data []byte) (name string, err error) {
	f, err := os.CreateTemp(filepath.Dir(target), tempPrefix(target)+"*") // mode 0600
	if err != nil {
		return "", cannotWrite(target, err)
	}
	defer func() {
		f.Close()
		if err != nil {
			discard(f.Name())
		}
	}()
	if info != nil {
		if err := keepOwner(f, info); err != nil {
			return "", err
		}
		if err := f.Chmod(info.Mode().Perm()); err != nil {
			return "", cannotWrite(target, err)
		}
	}
	if _, err := f.Write(data); err != nil {
		return "", cannotWrite(target, err)
	}
	if err := f.Sync(); err != nil {
		return "", cannotWrite(target, err)
	}
	// the next edit has not to wait for this one: it has the lock
	before := time.Now().Add(-quiet)
	_ = os.Chtimes(f.Name(), before, before)
	return f.Name(), nil
}

// create puts temp in target's place unless a file came there meanwhile.
func create(temp, target string) (again bool, err error) {
	err = os.Link(temp, target)
	if os.IsExist(err) {
		return true, nil
	}
	if err == nil {
		return false, nil
	}
	return false, os.Rename(temp, target) // a file system without hard links
}

// exchange puts temp, which holds after, in target's place if that holds before.
func exchange(temp, target string, before, after Content) (again bool, err error) {
	err = swap(temp, target)
	if unsupported(err) {
		return rename(temp, target, before)
	}
	if os.IsNotExist(err) {
		return true, nil // target was removed
	}
	if err != nil {
		return false, err
	}
	out, err := readOut(temp)
	if err == nil && same(out, before) {
		return false, nil
	}
	return true, putBack(temp, target, after)
}

// readOut reads what came out of a file's place. A symbolic link that came there
// meanwhile is nothing that can be compared.
func readOut(temp string) (Content, error) {
	if info, err := os.Lstat(temp); err != nil || !info.Mode().IsRegular() {
		return Content{}, err
	}
	content, _, err := read(temp)
	return content, err
}

// putBack undoes a swap that took out what another program had just written: what is in
// temp goes back into target's place, if that still holds what was put there. What is
// newer stays, and comes back if it appeared in that very moment.
func putBack(temp, target string, placed Content) error {
	for {
		now, err := readOut(target)
		if os.IsNotExist(err) || err == nil && !same(now, placed) {
			return nil // removed or written since
		}
		next, readErr := readOut(temp)
		if err = errors.Join(err, readErr); err != nil {
			return err
		}
		if err := swap(temp, target); err != nil {
			if os.IsNotExist(err) {
				return nil
			}
			return err
		}
		out, err := readOut(temp)
		if err != nil || same(out, placed) {
			return err
		}
		placed = next // the newer one is in temp, and goes back
	}
}

// rename is for systems that cannot exchange files: a program that writes between the
// look and the rename loses.
func rename(temp, target string, before Content) (again bool, err error) {
	now, _, err := read(target)
	if err != nil || !same(now, before) {
		return true, err
	}
	return false, os.Rename(temp, target)
}

// remove takes target away if it holds before: first out of the way, then, when that is
// what it held, for good.
func remove(target string, before Content) (again bool, err error) {
	temp, err := writeTemp(target, nil, nil)
	if err != nil {
		return false, err
	}
	defer discard(temp)
	if err := os.Rename(target, temp); err != nil {
		if os.IsNotExist(err) {
			return true, nil
		}
		return false, cannotWrite(target, err)
	}
	if out, err := readOut(temp); err == nil && same(out, before) {
		return false, nil
	}
	_, err = create(temp, target)
	return true, cannotWrite(target, err)
}
