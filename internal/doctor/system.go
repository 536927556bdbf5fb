package doctor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/config"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/paths"
	"github.com/zen-agent/zen/internal/safetext"
)

// leastFree is how many bytes a disk must have left: a vault and a line of log.
const leastFree = 1 << 20

// failure is a problem that an error tells of.
func failure(s Status, err error) Result {
	r := Result{Status: s, Message: err.Error()}
	if e, ok := errors.AsType[*credential.Error](err); ok {
		r.Hint = e.HintText()
	}
	return r
}

// sudoUser is who called sudo, "" if nobody did.
func (f Facts) sudoUser() string {
	if name := f.Env.Getenv("SUDO_USER"); f.UID == 0 && name != "root" {
		return name
	}
	return ""
}

// foreignHome reports whether HOME is another user's.
func (f Facts) foreignHome() bool {
	owner, ok := f.System.Owner(f.Env.Getenv("HOME"))
	return ok && owner != f.UID
}

// whoRuns: sudo keeps HOME on some systems; then clients work as root in the user's
// files, and leave files there that the user cannot change. Where it does not, sudo
// docker simply has none of the user's logins.
func whoRuns(_ context.Context, f Facts) []Result {
	home, sudo := f.Env.Getenv("HOME"), f.sudoUser()
	owner, exists := f.System.Owner(home)
	shown := safetext.Name(home)
	switch {
	case home == "":
		return one(Warning, "HOME is not set: clients look for their configuration elsewhere, or "+
			"nowhere", "export HOME=~")
	case !exists:
		return one(
			Warning,
			"HOME is "+shown+", which does not exist",
			"mkdir -m 700 "+safetext.ShellWord(home),
		)
	case f.foreignHome() && sudo != "":
		return one(
			Problem,
			"sudo left HOME at "+shown+", which is "+f.System.UserName(
				owner,
			)+"'s: clients read the configuration there, "+
				"but root has a zend and logins of its own",
			"run zen and docker without sudo",
		)
	case f.foreignHome() && f.UID == 0: // in a container, where it does no harm
		return one(Warning, "HOME is "+shown+", which is "+f.System.UserName(owner)+"'s, and zen runs as "+
			"root", "export HOME=/root")
	case f.foreignHome():
		return one(Problem, "HOME is "+shown+", which is "+f.System.UserName(owner)+"'s, and zen runs "+
			"as "+f.System.UserName(f.UID),
			"set HOME to your own home directory")
	case sudo != "":
		return one(Warning, "zen runs as root by sudo: root has a zend and logins of its own, none "+
			"of "+sudo+"'s",
			"run zen and docker without sudo, or log in for root too: sudo zen login NAME")
	}
	return fine("zen runs as " + f.System.UserName(f.UID) + ", whose home directory is " + shown)
}

// directories: zend needs directories of its own that nobody else can enter, and room on
// the disk.
func directories(_ context.Context, f Facts) []Result {
	if f.DirsErr != nil {
		return []Result{failure(Problem, f.DirsErr)}
	}
	var found []Result
	for _, dir := range []string{f.Dirs.Data, f.Dirs.State, f.Dirs.Runtime} {
		if r, bad := f.directory(dir); bad {
			found = append(found, r)
		}
	}
	return otherwise(found, "the vault is in "+safetext.Name(f.Dirs.Data)+", the logs are "+
		"in "+safetext.Name(f.Dirs.State))
}

func (f Facts) directory(dir string) (Result, bool) {
	shown, there := safetext.Name(dir), existing(dir)
	if there == dir {
		check := paths.CheckDir
		if dir == f.Dirs.Runtime {
			check = paths.SecureDir // changes nothing in one that exists
		}
		if err := check(dir); err != nil {
			return failure(Problem, err), true
		}
	}
	if !f.System.Writable(there) {
		message := shown + " cannot be written to"
		if there != dir {
			message = shown + " cannot be made: nothing can be written to " + safetext.Name(there)
		}
		return Result{Status: Problem, Message: message, Hint: "ls -ld " + safetext.ShellWord(there)}, true
	}
	if free, known := f.System.Free(there); known && free < leastFree {
		return Result{
			Status: Problem, Message: "the disk of " + shown + " is full",
			Hint: "make room: df -h " + safetext.ShellWord(there),
		}, true
	}
	return Result{}, false
}

// existing is dir, or the innermost directory above it that exists and can be seen.
func existing(dir string) string {
	for {
		if _, err := os.Lstat(dir); err == nil || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// runtimeDirectory: sessions that find different directories for the socket start one
// zend each.
func runtimeDirectory(_ context.Context, f Facts) []Result {
	if f.DirsErr != nil {
		return nil // told by directories
	}
	socket, err := f.Dirs.Socket()
	if err != nil {
		return []Result{failure(Problem, err)}
	}
	systems := filepath.Join(f.Env.Root, "/run/user", strconv.Itoa(f.UID)) + string(filepath.Separator)
	var found []Result
	for _, fall := range f.Dirs.Fallbacks {
		used := safetext.Name(fall.Used)
		switch {
		case fall.Variable == "HOME": // told by user
		case fall.Wanted != "":
			found = append(found, Result{
				Status: Warning,
				Message: fall.Variable + " is " + safetext.Name(
					fall.Wanted,
				) + ", which " + fall.Why + "; zen uses " + used + " instead",
				Hint: "set " + fall.Variable + " to an absolute path that is yours alone, or: " +
					"unset " + fall.Variable,
			})
		case !strings.HasPrefix(fall.Used+string(filepath.Separator), systems):
			found = append(found, Result{
				Status: Warning,
				Message: fall.Variable + " is not set; zen uses " + used + ". A session in which it is " +
					"set would start a zend of its own",
				Hint: "set " + fall.Variable + " in every session or in none",
			})
		}
	}
	return otherwise(found, "the socket is "+safetext.Name(socket))
}

// urgent is what zend wants people to know before anything else; nil: nothing.
func (f Facts) urgent() *api.Notice {
	if f.Zend.Status == nil {
		return nil
	}
	i := slices.IndexFunc(f.Zend.Status.Notices, func(n api.Notice) bool { return n.Urgent })
	if i < 0 {
		return nil
	}
	return &f.Zend.Status.Notices[i]
}

// settings: with a mistake in config.toml, zend goes on with the settings it had, or
// hands out nothing when it had none. It knows best which, and which file it reads.
func settings(_ context.Context, f Facts) []Result {
	if n := f.urgent(); n != nil {
		return one(Problem, n.Text, n.Hint)
	}
	if f.DirsErr != nil {
		return nil
	}
	file := f.Dirs.ConfigFile()
	cfg, err := config.Load(file)
	if err != nil {
		return one(
			Problem,
			err.Error()+"; a zend that starts now hands out nothing",
			"edit "+safetext.ShellWord(file),
		)
	}
	if cfg.List == config.ListNone && f.Env.FindProgram("regctl") != "" {
		return one(Warning, `list = "none" in `+safetext.Name(file)+": regctl asks only for registries "+
			"that are listed, so for none",
			`write list = "all" or list = "static"`)
	}
	return fine(safetext.Name(file) + " is valid or absent")
}
