package execsafe

import (
	"errors"
	"path"
	"strings"
	"syscall"

	"github.com/zen-agent/zen/internal/credential"
)

// maxLinks is how many symbolic links are followed, as by the kernel (path_resolution(7)).
const maxLinks = 40

// Resolve returns the path, without symbolic links, at which the program is to be executed, if it may
// be. The file is regular, executable, owned by root or the user, and writable by nobody else. So are
// the directories up to / on the way to it, also those of links and of what they lead to; a sticky
// directory, as /tmp, may be writable by all, since there everybody can exchange only what is theirs.
//
// So nobody else can exchange anything on the way, neither between this check and the execution nor
// later: no descriptor is needed. The way is walked from / down, and each directory is known to be
// safe before anything in it is believed.
//
// The error is a *credential.Error of the reason InvalidInput: it names what is at fault, whose it is,
// and what to type. It wraps fs.ErrNotExist if there is nothing at the path.
func Resolve(program string) (string, error) { return thisSystem().resolve(program) }

// Directory checks that nobody but root and the user can put a file into dir, or exchange dir, as
// Resolve does on the way to a program. A sticky directory is not safe here: everybody can put new
// files into it. The error is as that of Resolve, but has a hint only where chmod(1) would help.
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

func thisSystem() system {
	return system{
		uid: syscall.Geteuid(), admins: admins, lstat: lstat, readlink: readlink, hasACL: hasACL,
		accounts: readAccounts,
	}
}

func (s system) resolve(program string) (string, error) {
	file, st, err := s.follow(program)
	if err != nil {
		return "", withHint(err, "move the program into a directory of your own or of root's")
	}
	if !st.is(syscall.S_IFREG) {
		return "", refusal(file+" is not a file", "")
	}
	if err := s.check(file, st); err != nil {
		return "", withHint(err, "if you trust it: "+s.sudo(0)+"chown root "+word(file))
	}
	if st.mode&0o111 == 0 {
		return "", refusal(file+" is not executable", s.sudo(st.uid)+"chmod +x "+word(file))
	}
	return file, nil
}

func (s system) directory(dir string) error {
	dir, st, err := s.follow(dir)
	if err != nil {
		return err
	}
	st.mode &^= syscall.S_ISVTX
	return s.check(dir, st)
}

// follow walks a path from / down, through all links, to where it leads.
func (s system) follow(name string) (at string, st status, err error) {
	if !path.IsAbs(name) {
		return "", st, refusal(name+" is not an absolute path", "")
	}
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
		if err := s.check(at, st); err != nil {
			return "", st, err
		}
		at, rest = path.Join(at, part), after
	}
}

// link takes the step that a link is. Whoever owns a link in a sticky directory can exchange it.
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

// check refuses a file or directory that somebody else can change.
//
// POSIX access control lists are seen in the group's bits: with a list these are its mask, the most
// that any user or group named in it gets (acl(5)), so that whoever is let in by a list makes the
// file look writable by its group. Only where that is excused must the list itself be looked for.
// What the lists of macOS and of NFSv4 allow is not seen in the bits, nor here.
func (s system) check(name string, st status) error {
	what := name
	if st.is(syscall.S_IFDIR) {
		what = "the directory " + name
	}
	byOthers := what + " can be changed by "
	hint := s.sudo(st.uid) + "chmod go-w " + word(name)
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

func unseen(name string, err error) *credential.Error {
	e := refusal(name+": "+err.Error(), "")
	e.Cause = err
	return e
}

// withHint adds a hint to a refusal that has none.
func withHint(err error, hint string) error {
	if e, ok := errors.AsType[*credential.Error](err); ok && e.Hint == "" && e.Cause == nil {
		e.Hint = hint
	}
	return err
}

// word writes a path as a word for a shell.
func word(name string) string {
	plain := func(r rune) bool {
		return strings.ContainsRune("%+,-./:=@_", r) || r|0x20 >= 'a' && r|0x20 <= 'z' || r >= '0' && r <= '9'
	}
	if strings.TrimFunc(name, plain) == "" {
		return name
	}
	return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
}
