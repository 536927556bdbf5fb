package clientconfig

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/zen-agent/zen/internal/clientconfig/fileedit"
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
		return helperName, nil
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
	return helperName + "-" + profile, nil
}

// CheckProfile returns an error for a name of a profile that no helper can have, so that
// no client could use it.
func CheckProfile(profile string) error {
	_, err := helperOf(profile)
	return err
}

// Link is a name of its own under which clients execute docker-credential-zen for a
// profile.
type Link struct {
	Profile string `json:"profile"`
	Path    string `json:"path"`
	Target  string `json:"target"` // what it leads to, as it is written in it
}

// Link makes sure that clients find the helper of a profile, on PATH: in the directory of
// docker-credential-zen, else in one below the user's home. It returns what it made, or
// would make; nil if there is one already.
func (e Env) Link(ctx context.Context, profile string, dryRun bool) (*Link, error) {
	helper, err := helperOf(profile)
	if err != nil {
		return nil, err
	}
	zen := e.FindHelper(helperName)
	if zen == "" {
		zen = e.own()
	}
	if zen == "" {
		w := e.missing()
		return nil, credential.NewError(credential.NoSuchEntity, w.Message, w.Hint)
	}
	if found := e.FindHelper(helper); found != "" {
		if !sameFile(found, zen) {
			return nil, credential.NewError(
				credential.Exists,
				safetext.Name(found)+" is not "+safetext.Name(zen),
				"rm "+safetext.ShellWord(found),
			)
		}
		return nil, nil
	}
	name := "docker-credential-" + helper + exeSuffix
	dirs := e.linkDirs(zen)
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
	return l, e.makeLink(ctx, l)
}

// linkDirs are the directories of PATH into which the user can put a link, and only the
// user below the home directory.
func (e Env) linkDirs(zen string) []string {
	list := e.path()
	home, err := e.home()
	if i := slices.Index(list, filepath.Dir(zen)); i >= 0 {
		list = append([]string{list[i]}, list...)
	}
	return slices.DeleteFunc(list, func(dir string) bool {
		below := err == nil && strings.HasPrefix(dir, home+string(filepath.Separator)) &&
			execsafe.Directory(dir) == nil
		return dir != filepath.Dir(zen) && !below || !writable(dir)
	})
}

// makeLink remembers a link before it is made: a memory of one that is not there does no
// harm.
func (e Env) makeLink(ctx context.Context, l *Link) error {
	if err := e.editLinks(ctx, func(list []Link) []Link { return append(list, *l) }); err != nil {
		return err
	}
	err := os.Symlink(l.Target, l.Path)
	if err == nil {
		return nil
	}
	_ = e.forgetLink(ctx, *l)
	return &credential.Error{
		Reason: credential.CannotWrite, Message: "the link cannot be made: " + err.Error(), Cause: err,
		Hint: "make it yourself: ln -s " + safetext.ShellWord(l.Target) + " " + safetext.ShellWord(l.Path),
	}
}

// Unlink removes the links that zen made and that no client's configuration names any
// more, and returns them. In a dry run the files of the reports count as what they would
// be.
func (e Env) Unlink(ctx context.Context, undone []*Report, dryRun bool) ([]Link, error) {
	list, err := e.links()
	if err != nil || len(list) == 0 {
		return nil, err
	}
	named, err := e.helpersNamed(func(file string) bool {
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
			err = e.RemoveLink(ctx, l)
		default:
			err = e.forgetLink(ctx, l)
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

// RemoveLink removes a link that Link made.
func (e Env) RemoveLink(ctx context.Context, l Link) error {
	if err := os.Remove(l.Path); err != nil {
		return &credential.Error{
			Reason: credential.CannotWrite, Message: "the link cannot be removed: " + err.Error(), Cause: err,
			Hint: "sudo rm " + safetext.ShellWord(l.Path),
		}
	}
	return e.forgetLink(ctx, l)
}

// helpersNamed are the helpers of zen's that the configurations of clients name, files
// that are excepted left out.
func (e Env) helpersNamed(except func(file string) bool) ([]string, error) {
	files, err := e.ConfigFiles()
	if err != nil {
		return nil, err
	}
	var paths, named []string
	for _, f := range files {
		paths = append(paths, f.Path)
	}
	recorded, err := e.recorded()
	if err != nil {
		return nil, err
	}
	for _, r := range recorded {
		if !r.own() {
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
	for _, c := range e.confFiles() {
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
	d, err := parseDocker(path, content.Data)
	if err != nil {
		return nil, err
	}
	for _, c := range namingZen(d) {
		helper, _ := d.Text(c.Path...)
		helpers = append(helpers, helper)
	}
	return helpers, nil
}

// linkRecords is the content of the file in which zen remembers its links.
type linkRecords struct {
	Version int    `json:"version"`
	Links   []Link `json:"links"`
}

func (e Env) linkFile() string { return filepath.Join(e.State, "setup", "links.json") }

func (e Env) links() ([]Link, error) {
	content, err := fileedit.ReadOwn(e.linkFile())
	if err != nil {
		return nil, err
	}
	return decodeLinks(e.linkFile(), content)
}

func decodeLinks(file string, content fileedit.Content) ([]Link, error) {
	if !content.Exists {
		return nil, nil
	}
	var r linkRecords
	if err := json.Unmarshal(content.Data, &r); err != nil || r.Version < 1 {
		return nil, damagedRecord(file, err)
	}
	if r.Version > recordVersion {
		return nil, newerRecord(file)
	}
	return r.Links, nil
}

func (e Env) forgetLink(ctx context.Context, l Link) error {
	return e.editLinks(ctx, func(list []Link) []Link {
		return slices.DeleteFunc(list, func(o Link) bool { return o.Path == l.Path })
	})
}

func (e Env) editLinks(ctx context.Context, edit func([]Link) []Link) error {
	return fileedit.EditOwn(ctx, e.linkFile(), func(before fileedit.Content) (fileedit.Content, error) {
		list, err := decodeLinks(e.linkFile(), before)
		if err != nil {
			return before, err
		}
		if list = edit(list); len(list) == 0 {
			return fileedit.Content{}, nil
		}
		data, err := json.MarshalIndent(linkRecords{Version: recordVersion, Links: list}, "", "  ")
		return fileedit.Content{Data: append(data, '\n'), Exists: true}, err
	})
}
