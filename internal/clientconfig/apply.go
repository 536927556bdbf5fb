package clientconfig

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/zen-agent/zen/internal/clientconfig/fileedit"
	"github.com/zen-agent/zen/internal/clientconfig/jsonedit"
)

// Apply points a client at zen: for the hosts of the options, or for all registries. What is right already stays as it is.
// A file that cannot be edited without a guess is an error, and nothing is changed then.
func (e Env) Apply(ctx context.Context, name string, o Options) (*Report, error) {
	s, err := e.newSetup(name, o)
	if err != nil {
		return nil, err
	}
	if s.keys, err = s.client.keys(o.Hosts); err != nil {
		return nil, err
	}
	if err := s.edit(ctx, s.apply); err != nil {
		return nil, err
	}
	s.report.Warnings = append(s.report.Warnings, e.surroundings(s.report)...)
	return s.report, nil
}

// setup is one call of Apply or Undo.
type setup struct {
	env        Env
	client     client
	dry        bool
	file       string
	target     string
	keys       []string // of the hosts
	report     *Report
	dirs       []string           // directories that are missing, the innermost first
	remembered bool               // a record was written
	old        record             // what was remembered about target
	keep       []*jsonedit.Change // what Undo leaves in place
}

func (e Env) newSetup(name string, o Options) (*setup, error) {
	c, err := lookup(name)
	if err != nil {
		return nil, err
	}
	s := &setup{env: e, client: c, dry: o.DryRun, file: o.File}
	if s.file == "" {
		if s.file, err = c.file(e); err != nil {
			return nil, err
		}
	}
	if s.target, err = fileedit.Resolve(s.file); err != nil {
		return nil, err
	}
	s.dirs = missingDirs(s.file)
	return s, nil
}

// recall looks up what is remembered. While a file is edited its lock keeps others from changing that.
func (s *setup) recall() error {
	list, err := s.env.recorded()
	s.old = recordOf(list, s.client.name, s.target)
	return err
}

// edit makes a change of the file, or only calls it when nothing is to be written.
func (s *setup) edit(ctx context.Context, change func(context.Context, fileedit.Content) (fileedit.Content, error)) error {
	if s.dry {
		before, err := fileedit.Read(s.file)
		if err == nil {
			_, err = change(ctx, before)
		}
		return err
	}
	_, err := fileedit.Edit(ctx, s.file, func(before fileedit.Content) (fileedit.Content, error) { return change(ctx, before) })
	if err != nil {
		removeDirs(s.dirs)
		if s.remembered {
			_ = s.env.recollect(ctx, s.old) // what was not done need not be undone; a memory of it does no harm either
		}
	}
	return err
}

// remember keeps r before the file is written: a crash in between leaves a memory of changes that are not there, which Undo
// passes over.
func (s *setup) remember(ctx context.Context, r record) error {
	s.remembered = true
	return s.env.recollect(ctx, r)
}

// apply makes the new content and remembers how to undo it.
func (s *setup) apply(ctx context.Context, before fileedit.Content) (fileedit.Content, error) {
	d, err := parseDocker(s.target, before.Data)
	if err != nil {
		return before, err
	}
	next, changes, err := setDocker(d, s.keys)
	if err != nil {
		return before, err
	}
	s.report = &Report{Client: s.client.name, File: s.file, Target: s.target, Changed: len(changes) > 0, Created: !before.Exists}
	s.report.inspect(s.env, d, next)
	if len(changes) == 0 {
		s.report.Created = false
		return before, nil
	}
	for _, c := range changes {
		was, _ := d.Text(c.Path...)
		s.report.Steps = append(s.report.Steps, Step{Member: memberName(c.Path), Before: was, After: helperName})
	}
	s.report.Diff = unified(s.version(d, before), s.version(next, fileedit.Content{Exists: true}))
	if s.dry {
		return before, nil
	}
	if err := s.recall(); err != nil {
		return before, err
	}
	r := s.old
	if !before.Exists {
		r = record{Client: r.Client, File: r.File, Created: true, Dirs: append(slices.Clone(s.dirs), r.Dirs...)}
	}
	r.add(changes)
	r.After, r.Size = digest(maskDocker(next)), len(next.Bytes())
	return fileedit.Content{Data: next.Bytes(), Exists: true}, s.remember(ctx, r)
}

func (s *setup) version(d *jsonedit.Document, content fileedit.Content) version {
	if !content.Exists {
		return version{name: s.target}
	}
	return version{name: s.target, masked: append([]byte{}, maskDocker(d)...)}
}

// memberName is how a member is called in messages.
func memberName(path []string) string {
	name := path[0]
	for _, key := range path[1:] {
		name += "[" + strconv.QuoteToGraphic(key) + "]"
	}
	return name
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

// removeDirs removes directories in that order, as far as they are empty.
func removeDirs(dirs []string) {
	for _, dir := range dirs {
		if os.Remove(dir) != nil {
			return
		}
	}
}
