package execsafe

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

// maxLinks is how many symbolic links are followed, as by the kernel
// (path_resolution(7)).
const maxLinks = 40

// Resolve returns the path, without symbolic links, at which the program is to be
// executed, if it may be. The file is regular, executable, owned by root or the user, and
// writable by nobody else. So are the directories up to / on the way to it, also those of
// links and of what they lead to; a sticky directory, as /tmp, may be writable by all,
// since there everybody can exchange only what is theirs.
//
// So nobody else can exchange anything on the way, neither between this check and the
// execution nor later: no descriptor is needed. The way is walked from / down, and each
// directory is known to be safe before anything in it is believed.
//
// The error is a *credential.Error of the reason InvalidInput: it names what is at fault,
// whose it is, and what to type. It wraps fs.ErrNotExist if there is nothing at the path.
func Resolve(program string) (string, error) { return thisSystem().resolve(program) }

// Directory checks that nobody but root and the user can put a file into dir, or exchange
// dir, as Resolve does on the way to a program. A sticky directory is not safe here:
// everybody can put new files into it. The error is as that of Resolve, but has a hint
// only where chmod(1) would help.
func Directory(dir string) error { return thisSystem().directory(dir) }

// system is what a decision depends on, so that tests can make one up.
type system struct {
	uid      int // of the user
	admins   int // a group whose members can become root anyway, and so count as root; -1: none
	lstat    func(path string) (status, error)
	readlink func(path string) (string, error)
	hasACL   func(path string) bool
	accounts func() accounts // read only where they are needed
}

// status is what counts of an lstat(2).
type status struct {
	mode     uint32
	uid, gid int
}

func (st status) is(kind uint32) bool { return st.mode&syscall.S_IFMT == kind }

func lstat(name string) (status, error) {
	info, err := os.Lstat(name)
	if err != nil {
		return status{}, err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return status{}, fs.ErrInvalid
	}
	return status{mode: uint32(st.Mode), uid: int(st.Uid), gid: int(st.Gid)}, nil
}

func thisSystem() system {
	return system{
		uid: os.Geteuid(), admins: admins, lstat: lstat, readlink: os.Readlink, hasACL: hasACL,
		accounts: readAccounts,
	}
}

func (s system) resolve(program string) (string, error) {
	if !path.IsAbs(program) {
		return "", refusal(program+" is not an absolute path", "")
	}
	file, st, err := s.follow(program)
	if err != nil {
		return "", unsafe(program, err, "move the program into a directory of your own or of root's")
	}
	what, subject := "it", program
	if file != program {
		what, subject = file, program+" leads to "+file+", which"
	}
	if !st.is(syscall.S_IFREG) {
		return "", refusal(subject+" is not a file", "")
	}
	if err := s.check(what, file, st); err != nil {
		chown := s.sudo(0) + "chown root " + safetext.ShellWord(file)
		return "", unsafe(program, err, "if you trust it: "+chown)
	}
	if st.mode&0o111 == 0 {
		chmod := s.sudo(st.uid) + "chmod +x " + safetext.ShellWord(file)
		return "", refusal(subject+" is not executable", chmod)
	}
	return file, nil
}

// unsafe says which program is refused, with a hint if there is none.
func unsafe(program string, err error, hint string) error {
	e, ok := errors.AsType[*credential.Error](err)
	switch {
	case !ok:
		return err
	case !errors.Is(e, fs.ErrNotExist):
		e.Message = program + " is not safe to execute: " + e.Message
	case e.Message == program+doesNotExist:
		e.Message = "there is no program " + program
	default: // a link leads nowhere, or a directory is missing
		e.Message = "there is no program " + program + ": " + e.Message
	}
	if e.Hint == "" && e.Cause == nil {
		e.Hint = hint
	}
	return e
}

func (s system) directory(dir string) error {
	if !path.IsAbs(dir) {
		return refusal(dir+" is not an absolute path", "")
	}
	dir, st, err := s.follow(dir)
	if err != nil {
		return err
	}
	st.mode &^= syscall.S_ISVTX
	return s.check("the directory "+dir, dir, st)
}

// follow walks an absolute path from / down, through all links, to where it leads.
func (s system) follow(name string) (at string, st status, err error) {
	at, rest := "/", name
	for links := 0; ; {
		if st, err = s.lstat(at); err != nil {
			return "", st, unseen(at, err)
		}
		if st.is(syscall.S_IFLNK) {
			if links++; links > maxLinks {
				return "", st, unseen(name, syscall.ELOOP)
			}
			if at, rest, err = s.link(at, st, rest); err != nil {
				return "", st, err
			}
			continue
		}
		part, after := next(rest)
		if part == "" {
			return at, st, nil
		}
		if !st.is(syscall.S_IFDIR) {
			return "", st, unseen(at, syscall.ENOTDIR)
		}
		if err := s.check("the directory "+at, at, st); err != nil {
			return "", st, err
		}
		at, rest = path.Join(at, part), after
	}
}

// link takes the step that a link is. Whoever owns a link in a sticky directory can
// exchange it.
func (s system) link(at string, st status, rest string) (from, way string, err error) {
	if s.foreign(st) {
		return "", "", refusal("the link "+at+" belongs to "+s.accounts().user(st.uid), "")
	}
	target, err := s.readlink(at)
	if err != nil {
		return "", "", unseen(at, err)
	}
	if path.IsAbs(target) {
		return "/", target + "/" + rest, nil
	}
	return path.Dir(at), target + "/" + rest, nil
}

// next cuts the first name off a path; "" if there is none.
func next(rest string) (part, after string) {
	for {
		part, after, _ = strings.Cut(strings.TrimLeft(rest, "/"), "/")
		if part != "." {
			return part, after
		}
		rest = after
	}
}

func (s system) foreign(st status) bool { return st.uid != 0 && st.uid != s.uid }

// check refuses a file or directory, called what, that somebody else can change.
//
// POSIX access control lists are seen in the group's bits: with a list these are its
// mask, the most that any user or group named in it gets (acl(5)), so that whoever is let
// in by a list makes the file look writable by its group. Only where that is excused must
// the list itself be looked for. What the lists of macOS and of NFSv4 allow is not seen
// in the bits, nor here.
func (s system) check(what, name string, st status) error {
	byOthers := what + " can be changed by "
	hint := s.sudo(st.uid) + "chmod go-w " + safetext.ShellWord(name)
	switch {
	case s.foreign(st):
		return refusal(what+" belongs to "+s.accounts().user(st.uid), "")
	case st.is(syscall.S_IFDIR) && st.mode&syscall.S_ISVTX != 0:
		return nil
	case st.mode&0o002 != 0:
		return refusal(byOthers+"everyone", hint)
	case st.mode&0o020 == 0 || st.gid == s.admins:
		return nil
	case !s.accounts().private(s.uid, st.gid):
		return refusal(byOthers+s.accounts().group(st.gid), hint)
	case s.hasACL(name):
		return refusal(byOthers+"others, by its access control list", hint)
	}
	return nil
}

// sudo stands before a command that only the owner of a file can carry out.
func (s system) sudo(owner int) string {
	if s.uid == 0 || owner == s.uid {
		return ""
	}
	return "sudo "
}

func refusal(message, hint string) *credential.Error {
	return credential.NewError(credential.InvalidInput, message, hint)
}

const doesNotExist = " does not exist"

// unseen is for what the system does not show.
func unseen(name string, err error) *credential.Error {
	message := name + doesNotExist
	if !errors.Is(err, fs.ErrNotExist) {
		if e, ok := errors.AsType[*fs.PathError](err); ok {
			err = e.Err
		}
		message = name + ": " + err.Error()
	}
	return &credential.Error{Reason: credential.InvalidInput, Message: message, Cause: err}
}
