package clientconfig

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/zen-agent/zen/internal/clientconfig/fileedit"
	"github.com/zen-agent/zen/internal/clientconfig/journal"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/execsafe"
	"github.com/zen-agent/zen/internal/safetext"
)

// maxProfile is the length in bytes of the longest name of a profile that
// docker-credential-zen takes.
const maxProfile = 64

// helperOf is what a configuration calls docker-credential-zen for a profile: "zen-work",
// or "zen" for none.
func helperOf(profile string) (string, error) {
	if profile == "" {
		return Helper, nil
	}
	odd := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') &&
			!strings.ContainsRune("._-", r)
	}
	if len(profile) > maxProfile || strings.ContainsFunc(profile, odd) ||
		strings.ContainsRune(".-", rune(profile[0])) {
		return "", credential.NewError(credential.InvalidInput, "a helper cannot be named after the "+
			"profile "+safetext.Name(profile)+
			": it takes letters, digits and the characters . _ -", "choose a short name, such as work")
	}
	return Helper + "-" + profile, nil
}

// CheckProfile returns an error for a name of a profile that no helper can have, so that
// no client could use it.
func CheckProfile(profile string) error {
	_, err := helperOf(profile)
	return err
}

// Link is a name of its own under which clients execute docker-credential-zen for a
// profile.
type Link = journal.Link

// Links are the names of that kind on this machine.
type Links struct{ Env }

// Make makes sure that clients find the helper of a profile, on PATH: in the directory of
// docker-credential-zen, else in one below the user's home. It returns what it made, or
// would make; nil if there is one already.
func (k Links) Make(ctx context.Context, profile string, dryRun bool) (*Link, error) {
	helper, err := helperOf(profile)
	if err != nil {
		return nil, err
	}
	zen := k.FindHelper(Helper)
	if zen == "" {
		zen = k.HelperBeside()
	}
	if zen == "" {
		w := k.missing()
		return nil, credential.NewError(credential.NoSuchEntity, w.Message, w.Hint)
	}
	if found := k.FindHelper(helper); found != "" {
		if !SameFile(found, zen) {
			return nil, credential.NewError(
				credential.Exists,
				safetext.Name(found)+" is not "+safetext.Name(zen),
				"rm "+safetext.ShellWord(found),
			)
		}
		return nil, nil
	}
	name := "docker-credential-" + helper + exeSuffix
	dirs := k.dirs(zen)
	if len(dirs) == 0 {
		return nil, credential.NewError(
			credential.CannotWrite,
			"there is no directory on PATH to "+
				"put "+name+" into",
			"sudo ln -s "+safetext.ShellWord(
				filepath.Base(zen),
			)+" "+safetext.ShellWord(
				filepath.Join(filepath.Dir(zen), name),
			),
		)
	}
	l := &Link{Profile: profile, Path: filepath.Join(dirs[0], name), Target: zen}
	if dirs[0] == filepath.Dir(zen) {
		l.Target = filepath.Base(zen)
	}
	if _, err := os.Lstat(l.Path); err == nil {
		return nil, credential.NewError(credential.Exists, safetext.Name(l.Path)+" is in the way: it "+
			"leads to no program",
			"rm "+safetext.ShellWord(l.Path))
	}
	if dryRun {
		return l, nil
	}
	return l, k.make(ctx, l)
}

// dirs are the directories of PATH into which the user can put a link, and only the
// user below the home directory.
func (k Links) dirs(zen string) []string {
	list := k.path()
	home, err := k.home()
	if i := slices.Index(list, filepath.Dir(zen)); i >= 0 {
		list = append([]string{list[i]}, list...)
	}
	return slices.DeleteFunc(list, func(dir string) bool {
		below := err == nil && strings.HasPrefix(dir, home+string(filepath.Separator)) &&
			execsafe.Directory(dir) == nil
		return dir != filepath.Dir(zen) && !below || !writable(dir)
	})
}

// make remembers a link before it is made: a memory of one that is not there does no
// harm.
func (k Links) make(ctx context.Context, l *Link) error {
	if err := k.journal().AddLink(ctx, *l); err != nil {
		return err
	}
	err := os.Symlink(l.Target, l.Path)
	if err == nil {
		return nil
	}
	_ = k.journal().DropLink(ctx, *l)
	return &credential.Error{
		Reason: credential.CannotWrite, Message: "the link cannot be made: " + err.Error(), Cause: err,
		Hint: "make it yourself: ln -s " + safetext.ShellWord(l.Target) + " " + safetext.ShellWord(l.Path),
	}
}

// RemoveUnused removes the links that zen made and that no client's configuration names any
// more, and returns them. In a dry run the files of the reports count as what they would
// be.
func (k Links) RemoveUnused(ctx context.Context, undone []*Report, dryRun bool) ([]Link, error) {
	list, err := k.journal().Links()
	if err != nil || len(list) == 0 {
		return nil, err
	}
	named, err := k.named(func(file string) bool {
		return dryRun &&
			slices.ContainsFunc(undone, func(r *Report) bool { return r.Changed && r.Target == file })
	})
	if err != nil {
		return nil, nil //nolint:nilerr // a file that cannot be read may name any of them: they stay
	}
	var removed []Link
	for _, l := range list {
		if helper, err := helperOf(l.Profile); err != nil || slices.Contains(named, helper) {
			continue
		}
		text, err := os.Readlink(l.Path)
		ours := err == nil && text == l.Target
		switch {
		case dryRun:
		case ours:
			err = k.Remove(ctx, l)
		default:
			err = k.journal().DropLink(ctx, l)
		}
		if !dryRun && err != nil {
			return removed, err
		}
		if ours {
			removed = append(removed, l)
		}
	}
	return removed, nil
}

// Remove removes a link that Make made.
func (k Links) Remove(ctx context.Context, l Link) error {
	if err := os.Remove(l.Path); err != nil {
		return &credential.Error{
			Reason: credential.CannotWrite, Message: "the link cannot be removed: " + err.Error(), Cause: err,
			Hint: "sudo rm " + safetext.ShellWord(l.Path),
		}
	}
	return k.journal().DropLink(ctx, l)
}

// named are the helpers of zen's that the configurations of clients name, files
// that are excepted left out.
func (k Links) named(except func(file string) bool) ([]string, error) {
	files, err := k.ConfigFiles()
	if err != nil {
		return nil, err
	}
	var paths, named []string
	for _, f := range files {
		paths = append(paths, f.Path)
	}
	recorded, err := k.journal().Entries()
	if err != nil {
		return nil, err
	}
	for _, r := range recorded {
		if !own(r) {
			paths = append(paths, r.File)
		}
	}
	for _, path := range paths {
		if target, err := fileedit.Resolve(path); err == nil && except(target) {
			continue
		}
		helpers, err := zenIn(path)
		if err != nil {
			return nil, err
		}
		named = append(named, helpers...)
	}
	for _, c := range containersOf(k.Env).confFiles() {
		if target, err := fileedit.Resolve(c.file); err != nil || !except(target) {
			named = append(named, c.helpers...)
		}
	}
	return named, nil
}

// zenIn are the helpers of zen's that a file in docker's format names.
func zenIn(path string) (helpers []string, err error) {
	content, err := fileedit.Read(path)
	if err != nil {
		return nil, err
	}
	defer clear(content.Data) // there may be passwords in it
	d, err := ParseDocker(path, content.Data)
	if err != nil {
		return nil, err
	}
	for _, c := range namingZen(d) {
		helper, _ := d.Text(c.Path...)
		helpers = append(helpers, helper)
	}
	return helpers, nil
}
