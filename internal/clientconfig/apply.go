package clientconfig

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/zen-agent/zen/internal/clientconfig/fileedit"
	"github.com/zen-agent/zen/internal/clientconfig/journal"
	"github.com/zen-agent/zen/internal/clientconfig/jsonedit"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

// Apply points a client at zen: for the hosts of the options, or for all registries. What
// is right already stays as it is. A file that cannot be edited without a guess is an
// error, and nothing is changed in it then. There is a report for each file that could be
// dealt with, also beside an error.
func (e Env) Apply(ctx context.Context, name string, o Options) ([]*Report, error) {
	asked, c, err := lookup(name)
	if err != nil {
		return nil, err
	}
	reports, err := bound{e, c}.each(o, func(s *setup) error {
		change := s.apply
		if c.own {
			change = s.applyOwn
		}
		return s.edit(ctx, change)
	})
	if len(reports) == 0 {
		return nil, err
	}
	for _, r := range reports {
		r.forClient(name, c)
	}
	first := reports[0]
	bound{e, c}.surroundings(asked, first)
	if c.after != nil {
		c.after(e, first)
	}
	return reports, err
}

// bound is a client in its surroundings.
type bound struct {
	Env
	Client
}

// each does something to every file of a client. What fails does not keep the others from
// being done.
func (c bound) each(o Options, do func(*setup) error) ([]*Report, error) {
	places, err := c.places(c.Env, c.Client, o.Hosts)
	if err != nil {
		return nil, err
	}
	if o.File != "" {
		places = []place{{file: o.File, keys: places[0].keys}}
	}
	var reports []*Report
	var failed error
	for _, p := range places {
		s, err := c.newSetup(p, o)
		if err == nil {
			err = do(s)
		}
		switch {
		case err == nil:
			s.report.File, s.report.Target = s.file, s.target
			if s.report.Steps == nil {
				s.report.Steps = []Step{} // an empty list for scripts
			}
			reports = append(reports, s.report)
		case failed == nil:
			failed = err
		}
	}
	return reports, failed
}

// setup is one file of one call of Apply or Undo.
type setup struct {
	env        Env
	client     Client
	whose      string // the client whose file it is
	dry        bool
	file       string
	target     string   // file, with symbolic links followed
	keys       []string // of the hosts
	helper     string   // whom to name
	profile    bool     // helper is a profile's
	report     *Report
	dirs       []string           // directories that are missing, the innermost first
	remembered bool               // a record was written
	old        journal.Entry      // what was remembered about target, without Ending
	ended      bool               // an Undo had begun
	keep       []*jsonedit.Change // what Undo leaves in place
}

func (c bound) newSetup(p place, o Options) (*setup, error) {
	target, err := fileedit.Resolve(p.file)
	if err != nil {
		return nil, err
	}
	if err := fileedit.Dangling(p.file); err != nil {
		return nil, err
	}
	name := c.Name
	if docker, err := filesOf(c.Env).docker(); err == nil && p.file == docker {
		name = "docker" // buildx reads it too
	}
	helper, err := HelperOf(o.Profile)
	return &setup{
		env: c.Env, client: c.Client, whose: name, dry: o.DryRun, file: p.file, target: target, keys: p.keys,
		dirs:   missingDirs(p.file),
		helper: helper, profile: o.Profile != "",
	}, err
}

// forClient names the client in a report.
func (r *Report) forClient(asked string, configured Client) {
	r.Client = configured.Name
	if asked != configured.Name {
		r.For = asked
	}
}

// recall looks up what is remembered. While a file is edited its lock keeps others from
// changing that.
func (s *setup) recall() error {
	list, err := s.env.journal().Entries()
	s.old = journal.Of(list, s.target)
	s.ended, s.old.Ending = s.old.Ending, false
	return err
}

// edit makes a change of the file, or only calls it when nothing is to be written.
func (s *setup) edit(
	ctx context.Context,
	change func(context.Context, fileedit.Content) (fileedit.Content, error),
) error {
	if s.dry {
		before, err := fileedit.Read(s.file)
		if err == nil {
			_, err = change(ctx, before)
		}
		return err
	}
	_, err := fileedit.Edit(
		ctx,
		s.file,
		func(before fileedit.Content) (fileedit.Content, error) { return change(ctx, before) },
	)
	if err != nil || !s.report.Changed {
		removeDirs(ctx, s.dirs)
	}
	if err != nil && s.remembered {
		// what was not done need not be undone; a memory of it does no harm either
		_ = s.env.journal().Put(ctx, s.target, s.old)
	}
	return err
}

// remember keeps r before the file is written: a crash in between leaves a memory of
// changes that are not there, which Undo passes over.
func (s *setup) remember(ctx context.Context, r journal.Entry) error {
	if r.File == "" {
		r.Client, r.File = s.client.Name, s.target
	}
	if s.file != s.target {
		r.Path = s.file
	}
	s.remembered = true
	return s.env.journal().Put(ctx, s.target, r)
}

// resume forgets that an Undo had begun, which was interrupted before it changed
// anything.
func (s *setup) resume(ctx context.Context) error {
	if s.dry || !s.ended {
		return nil
	}
	return s.remember(ctx, s.old)
}

// apply makes the new content of a file in docker's format and remembers how to undo it.
func (s *setup) apply(ctx context.Context, before fileedit.Content) (fileedit.Content, error) {
	d, err := ParseDocker(s.target, before.Data)
	if err != nil {
		return before, err
	}
	if err := s.recall(); err != nil {
		return before, err
	}
	next, changes, err := s.set(d)
	if err != nil {
		return before, err
	}
	s.report = &Report{Changed: len(changes) > 0, Created: len(changes) > 0 && !before.Exists}
	s.inspect(d, next)
	for _, c := range changes {
		was, _ := d.Text(c.Path...)
		now, _ := next.Text(c.Path...)
		s.report.Steps = append(s.report.Steps, Step{Member: memberName(c.Path), Before: was, After: now})
	}
	s.report.Diff = unified(s.version(d, before.Exists), s.version(next, true))
	if s.dry || len(changes) == 0 {
		return before, s.resume(ctx)
	}
	r := s.old
	if !before.Exists {
		r = s.created()
	}
	r.Add(changes)
	r.After, r.Size = digest(maskDocker(next)), len(next.Bytes())
	return fileedit.Content{Data: next.Bytes(), Exists: true}, s.remember(ctx, r)
}

// created is the record of a file that there was not.
func (s *setup) created() journal.Entry {
	return journal.Entry{Created: true, Dirs: append(slices.Clone(s.dirs), s.old.Dirs...)}
}

func (s *setup) version(d *jsonedit.Document, exists bool) version {
	if !exists {
		return version{name: s.target}
	}
	return version{name: s.target, masked: append([]byte{}, maskDocker(d)...)}
}

// applyOwn makes a file that is all zen's, unless the client asks zen without it.
func (s *setup) applyOwn(ctx context.Context, before fileedit.Content) (fileedit.Content, error) {
	s.report = &Report{}
	if err := s.recall(); err != nil {
		return before, err
	}
	if !s.profile {
		s.helper = cmp.Or(s.old.Helper, s.helper)
	}
	helpers, _ := helpersOf(before.Data)
	was := ""
	switch {
	case !before.Exists && s.named(effective(containersOf(s.env).confs())), before.Exists && s.named(helpers):
		return before, s.resume(ctx)
	case !before.Exists:
	case namesZen(helpers) && digest(before.Data) == s.old.After:
		was = helpers[0] // another profile's
	default:
		return before, credential.NewError(credential.InvalidInput,
			safetext.Name(s.target)+" was written by zen, but somebody changed it and it does not "+
				"name "+s.helper+" any more",
			"rm "+safetext.ShellWord(s.target)+", then: zen setup "+s.client.Name)
	}
	text := []byte(dropInText(s.helper))
	s.report.Changed, s.report.Created = true, !before.Exists
	s.report.Steps = []Step{{Member: confMember, Before: was, After: s.helper}}
	s.report.Diff = unified(
		version{name: s.target, masked: before.Data},
		version{name: s.target, masked: text},
	)
	if s.dry {
		return before, nil
	}
	r := s.old
	if !before.Exists {
		r = s.created()
	}
	r.After, r.Size = digest(text), len(text)
	if s.helper != Helper {
		r.Helper = s.helper
	}
	return fileedit.Content{Data: text, Exists: true}, s.remember(ctx, r)
}

// memberName is how a member is called in messages.
func memberName(path []string) string {
	if len(path) == 1 {
		return path[0]
	}
	return path[0] + "[" + safetext.Quote(path[1]) + "]"
}

// missingDirs are the directories of path that do not exist, the innermost first.
func missingDirs(path string) []string {
	var list []string
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(dir); !os.IsNotExist(err) || dir == filepath.Dir(dir) {
			return list
		}
		list = append(list, dir)
	}
}

// removeDirs removes directories in that order, as far as they are empty, and returns
// those that are left.
func removeDirs(ctx context.Context, dirs []string) (left []string) {
	for i, dir := range dirs {
		if err := fileedit.RemoveDir(ctx, dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return dirs[i:]
		}
	}
	return nil
}
