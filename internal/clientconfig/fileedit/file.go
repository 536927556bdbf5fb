package fileedit

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

// MaxSize is the largest file that is read, in bytes.
const MaxSize = 16 << 20

// maxLinks is how many symbolic links are followed, as in the Linux kernel.
const maxLinks = 40

// Resolve follows the symbolic links of path to the file itself, which need not exist: a
// link that dangles is followed to the place where it points.
func Resolve(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", cannotWrite(path, err)
	}
	for range maxLinks {
		// Not filepath.Dir and Join: in a link's text, "sub/.." is where the link sub
		// leads, and up from there.
		dir, name := filepath.Split(path)
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			path = filepath.Join(real, name)
		}
		link, err := os.Readlink(path)
		if err != nil {
			return filepath.Clean(path), nil // no link, or nothing at all
		}
		if !filepath.IsAbs(link) {
			link = filepath.Dir(path) + string(filepath.Separator) + link
		}
		path = link
	}
	return "", credential.NewError(credential.CannotWrite, safetext.Name(path)+" is a circle of symbolic "+
		"links", "remove the link")
}

// makeDir creates the directory in which path is or its link is, but not one that a link
// points to: that is missing for some other reason, such as a volume which is not
// mounted.
func makeDir(path string) error {
	return cannotWrite(path, os.MkdirAll(filepath.Dir(path), 0o700))
}

// read returns the content of a regular file, and nil for info if there is none.
func read(target string) (Content, fs.FileInfo, error) {
	f, err := os.OpenFile(target, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe must not block
	if os.IsNotExist(err) {
		return Content{}, nil, nil
	}
	if err != nil {
		return Content{}, nil, cannotRead(target, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Content{}, nil, cannotRead(target, err)
	}
	if info.IsDir() {
		return Content{}, nil, credential.NewError(
			credential.CannotWrite,
			safetext.Name(target)+" is a directory",
			"rmdir "+safetext.ShellWord(target)+", or move it away",
		)
	}
	if !info.Mode().IsRegular() {
		return Content{}, nil, credential.NewError(
			credential.CannotWrite,
			safetext.Name(target)+" is not a file",
			"move it away",
		)
	}
	var data bytes.Buffer
	if _, err := io.Copy(&data, io.LimitReader(f, MaxSize+1)); err != nil {
		return Content{}, nil, cannotRead(target, err)
	}
	if data.Len() > MaxSize {
		return Content{}, nil, credential.NewError(
			credential.TooLarge,
			safetext.Name(target)+" is larger than 16 MiB",
			"make it smaller",
		)
	}
	return Content{Data: data.Bytes(), Exists: true}, info, nil
}

// writable refuses a file that its owner made read-only. A rename would replace it all
// the same.
func writable(target string, info fs.FileInfo) error {
	if info == nil || info.Mode().Perm()&0o200 != 0 {
		return nil
	}
	return credential.NewError(
		credential.CannotWrite,
		safetext.Name(target)+" is read-only",
		"chmod u+w "+safetext.ShellWord(target),
	)
}

// tempPrefix begins the names of temporary files for target.
func tempPrefix(target string) string { return "." + filepath.Base(target) + ".zen-" }

// removeStale removes temporary files that a crash left behind: under the lock, none can
// be in use.
func removeStale(target string) {
	entries, err := os.ReadDir(filepath.Dir(target))
	if err != nil {
		return
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), tempPrefix(target)) && e.Type().IsRegular() {
			discard(filepath.Join(filepath.Dir(target), e.Name()))
		}
	}
}

// discard removes a temporary file. One that stays is removed by the next edit.
func discard(temp string) { _ = os.Remove(temp) }

// syncDir makes a rename durable, where the file system can.
func syncDir(dir string) {
	if f, err := os.Open(dir); err == nil {
		_ = f.Sync()
		f.Close()
	}
}

// cannotRead leaves errors made for a person as they are.
func cannotRead(path string, err error) error {
	if _, ok := errors.AsType[*credential.Error](err); ok {
		return err
	}
	return &credential.Error{
		Reason: credential.CannotWrite, Message: safetext.Name(path) + " cannot be read: " + cause(err),
		Hint: "ls -l " + safetext.ShellWord(path), Cause: err,
	}
}

// cannotWrite returns nil for a nil error, and leaves errors made for a person as they
// are.
func cannotWrite(path string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*credential.Error](err); ok {
		return err
	}
	if errors.Is(err, syscall.EBUSY) {
		return &credential.Error{
			Reason: credential.CannotWrite, Cause: err, Hint: "mount its directory instead of the file alone",
			Message: safetext.Name(path) + " cannot be replaced: something is mounted in its place",
		}
	}
	return &credential.Error{
		Reason: credential.CannotWrite, Message: safetext.Name(path) + " cannot be written: " + cause(err),
		Hint: "ls -ld " + safetext.ShellWord(filepath.Dir(path)), Cause: err,
	}
}

// cause is the system's words without the path, which the message has already.
func cause(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err.Error()
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return e.Err.Error()
	}
	if e, ok := errors.AsType[*os.SyscallError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}
