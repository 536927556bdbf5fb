package keystore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/zen-agent/zen/internal/credential"
)

var errHeld = errors.New("another process holds the writer lock")

// errStopping is what everything says after Close.
var errStopping = credential.NewError(credential.Unavailable, "zend is stopping", "")

// What a person types to get on.
const (
	hintRestore = "go back to the previous generation: zen vault restore"
	hintUnlock  = "unlock the vault: zen unlock"
	hintStatus  = "see what is wrong: zen vault status"
	hintAnew    = "enter your credentials again, which makes a new vault: zen service-connector register " +
		"--help"
)

func fail(reason credential.Reason, hint, format string, args ...any) *credential.Error {
	return credential.NewError(reason, fmt.Sprintf(format, args...), hint)
}

// because notes what brought an error about.
func because(cause error, e *credential.Error) *credential.Error {
	e.Cause = cause
	return e
}

// cannotWrite explains a failed change of the vault file.
func cannotWrite(path string, cause error) error {
	return because(cause, fail(credential.CannotWrite, writeHint(path, cause),
		"cannot write %s: %s; the vault is as it was before", path, plain(cause)))
}

// mayNotLast explains a change that took place while the disk would not promise to keep
// it.
func mayNotLast(path string, cause error) error {
	return because(cause, fail(credential.CannotWrite, writeHint(path, cause),
		"%s was written, but may not survive a crash of the machine: %s", path, plain(cause)))
}

// neitherReadNorWritten explains a change that failed while the disk does not say what it
// holds now.
func neitherReadNorWritten(path string, cause error) error {
	return because(cause, fail(credential.CannotWrite, writeHint(path, cause)+"; then: zen daemon restart",
		"cannot write %s, nor read it to see what is there now: %s", path, plain(cause)))
}

func writeHint(path string, cause error) string {
	dir := filepath.Dir(path)
	if e, ok := errors.AsType[*credential.Error](cause); ok {
		return e.HintText()
	}
	switch {
	case errors.Is(cause, syscall.ENOSPC), errors.Is(cause, syscall.EDQUOT):
		return "make room on the disk that holds " + dir + " and try again"
	case errors.Is(cause, os.ErrPermission), errors.Is(cause, syscall.EROFS):
		return "make " + dir + " writable for you and try again"
	case errors.Is(cause, os.ErrNotExist):
		return "create the directory and try again: mkdir -p -m 700 " + dir
	case errors.Is(cause, syscall.ENOTDIR):
		return "a part of that path is a file; move it away and try again: mkdir -p -m 700 " + dir
	}
	return "check the disk that holds " + dir + " and try again"
}

// plain is an error's innermost text: the paths of temporary files help nobody.
func plain(err error) string {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var texts []string
		for _, e := range joined.Unwrap() {
			texts = append(texts, plain(e))
		}
		return strings.Join(texts, ", ")
	}
	if inner := errors.Unwrap(err); inner != nil {
		return plain(inner)
	}
	return err.Error()
}

// unreadable explains why the file's content is of no use. prev says whether there is a
// previous generation to go back to.
func unreadable(path string, cause error, prev bool) *credential.Error {
	if errors.Is(cause, errNewer) {
		return because(cause, fail(credential.VaultTooNew, "install the newer zen again",
			"%s was written by a newer zen: %s, this zen knows format %d and leaves it alone",
			path, strings.TrimPrefix(cause.Error(), "the "), Format))
	}
	hint := hintRestore
	e, ok := errors.AsType[*credential.Error](cause)
	switch {
	case ok:
		hint = e.HintText()
	case errors.Is(cause, os.ErrPermission):
		hint = "make the file readable for you: chmod 600 " + path
	case !prev:
		hint = "restore " + path + " from a backup, or start over: mv " + path + " " + path + ".bad"
	}
	return because(cause, fail(credential.VaultDamaged, hint, "the vault %s cannot be used: "+
		"%s", path, plainDamage(cause)))
}

func plainDamage(cause error) string {
	if errors.Is(cause, errDamaged) {
		return strings.TrimPrefix(cause.Error(), errDamaged.Error()+": ")
	}
	return plain(cause)
}
