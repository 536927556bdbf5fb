package clientconfig

import (
	"bytes"
	"cmp"
	"context"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/zen-agent/zen/internal/clientconfig/fileedit"
	"github.com/zen-agent/zen/internal/clientconfig/jsonedit"
)

// Recorded is a file that zen changed and can change back.
type Recorded struct {
	Client string
	File   string // with symbolic links followed, as they were then
	Path   string // as the client found it
}

// Recorded lists the files that zen changed.
func (e Env) Recorded() ([]Recorded, error) {
	list, err := e.journal().Entries()
	if err != nil {
		return nil, err
	}
	var out []Recorded
	for _, r := range list {
		out = append(out, Recorded{Client: r.Client, File: r.File, Path: cmp.Or(r.Path, r.File)})
	}
	return out, nil
}

// Undo takes back what Apply did to a client's files: byte for byte when nobody changed
// the file since, else the members that Apply set, as far as they still name zen. A file
// that Apply made is removed when nothing else came into it. Without a memory of Apply,
// members that name zen are removed. There is a report for each file, also beside an
// error.
func (e Env) Undo(ctx context.Context, name string, o Options) ([]*Report, error) {
	_, c, err := lookup(name)
	if err != nil {
		return nil, err
	}
	reports, err := bound{e, c}.each(o, func(s *setup) error { return s.undoFile(ctx) })
	if len(reports) == 0 {
		return nil, err
	}
	list, listErr := e.Recorded()
	for _, r := range reports {
		r.forClient(name, c)
	}
	for _, other := range list {
		if other.Client == c.Name &&
			!slices.ContainsFunc(reports, func(r *Report) bool { return r.Target == other.File }) {
			reports[0].Elsewhere = append(reports[0].Elsewhere, other.File)
		}
	}
	return reports, cmp.Or(err, listErr)
}

func (s *setup) undoFile(ctx context.Context) error {
	s.report = &Report{}
	if err := s.recall(); err != nil {
		return err
	}
	content, err := fileedit.Read(s.file)
	if err != nil {
		return err
	}
	if content.Exists || isDir(filepath.Dir(s.target)) { // else nothing is to be made for it
		if err := s.edit(ctx, s.takeBack); err != nil {
			return err
		}
	}
	if s.dry || content.Exists && !s.settled() {
		return nil
	}
	var left []string
	if !content.Exists || s.report.Created {
		left = removeDirs(ctx, s.old.Dirs)
	}
	return s.env.journal().Forget(ctx, s.target, left)
}

// takeBack is Undo's change of any file.
func (s *setup) takeBack(ctx context.Context, now fileedit.Content) (fileedit.Content, error) {
	switch {
	case !now.Exists:
		return now, s.end(ctx)
	case s.client.own:
		return s.undoOwn(ctx, now)
	}
	return s.undo(ctx, now)
}

// end notes, before the file is written, that all of it is being undone: what is
// remembered goes only afterwards, and until then the guard must not take the change for
// somebody else's.
func (s *setup) end(ctx context.Context) error {
	if err := s.recall(); err != nil || s.dry || s.old.File == "" {
		return err
	}
	r := s.old
	r.Ending = true
	return s.remember(ctx, r)
}

// settled reports that nothing is left to undo.
func (s *setup) settled() bool { return len(s.keep) == 0 }

// undo makes the old content from the new: it takes back everything that is remembered,
// then does again what was not asked to be undone, so that the memory of that is exact.
func (s *setup) undo(ctx context.Context, now fileedit.Content) (fileedit.Content, error) {
	d, err := ParseDocker(s.target, now.Data)
	if err != nil {
		return now, err
	}
	if err := s.recall(); err != nil {
		return now, err
	}
	s.report = &Report{Unrecorded: s.old.File == ""}
	changes := s.old.Changes
	if s.report.Unrecorded {
		changes = slices.DeleteFunc(namingZen(d), func(c *jsonedit.Change) bool { return !s.selects(c) })
	}
	back, err := s.revert(d, changes)
	if err != nil {
		return now, err
	}
	for _, l := range FormatOf("docker", s.target).plaintext(back) {
		s.report.Plaintext = append(s.report.Plaintext, l.name)
	}
	after := fileedit.Content{Data: back.Bytes(), Exists: true}
	if s.old.Created && s.settled() && isBare(back) {
		after, s.report.Created = fileedit.Content{}, true
	}
	s.report.Changed = !bytes.Equal(now.Data, back.Bytes()) || s.report.Created
	s.report.Exact = s.settled() && s.report.Changed && s.untouched(d)
	s.report.Diff = unified(s.version(d, true), s.version(back, after.Exists))
	switch {
	case s.dry:
		return now, nil
	case s.settled():
		return after, s.end(ctx)
	case s.report.Changed:
		r := s.old
		r.Changes, r.After, r.Size = s.keep, digest(maskDocker(back)), len(after.Data)
		return after, s.remember(ctx, r)
	}
	return now, nil
}

// untouched reports that a file is as zen left it.
func (s *setup) untouched(d *jsonedit.Document) bool {
	return s.old.After == digest(maskDocker(d)) && s.old.Size == len(d.Bytes())
}

// undoOwn removes a file that is all zen's, unless somebody wrote something else into it.
func (s *setup) undoOwn(ctx context.Context, now fileedit.Content) (fileedit.Content, error) {
	helpers, _ := helpersOf(now.Data)
	s.report = &Report{Unrecorded: s.old.File == ""}
	if s.profile && !s.named(helpers) {
		s.keep = []*jsonedit.Change{{}}
		return now, nil
	}
	text := ""
	if len(helpers) > 0 {
		text = dropInText(helpers[0])
	}
	if string(now.Data) != text && digest(now.Data) != s.old.After {
		names := strings.Join(helpers, ", ")
		s.report.Steps = []Step{{Member: confMember, Before: names, After: names, Kept: true}}
		return now, s.end(ctx)
	}
	s.report.Changed, s.report.Created, s.report.Exact = true, true, !s.report.Unrecorded
	s.report.Steps = []Step{{Member: confMember, Before: strings.Join(helpers, ", ")}}
	s.report.Diff = unified(version{name: s.target, masked: now.Data}, version{name: s.target})
	if s.dry {
		return now, nil
	}
	return fileedit.Content{}, s.end(ctx)
}

// revert takes changes back and makes those anew that were not asked for.
func (s *setup) revert(d *jsonedit.Document, changes []*jsonedit.Change) (*jsonedit.Document, error) {
	back := d
	var again []member
	for _, c := range slices.Backward(changes) {
		was, _ := d.Text(c.Path...)
		next, outcome, err := back.Revert(c)
		if err != nil {
			return nil, err
		}
		back = next
		switch selected := s.selects(c); {
		case outcome == jsonedit.Reverted && !selected:
			again = append(again, member{c.Path, c.New})
		case outcome == jsonedit.Reverted:
			old, _ := back.Text(c.Path...)
			s.report.Steps = append(s.report.Steps, Step{Member: memberName(c.Path), Before: was, After: old})
		case outcome == jsonedit.Changed && selected:
			s.report.Steps = append(
				s.report.Steps,
				Step{Member: memberName(c.Path), Before: was, After: was, Kept: true},
			)
		}
	}
	slices.Reverse(again)
	slices.Reverse(s.report.Steps)
	if (len(s.keys) > 0 || s.profile) &&
		!slices.ContainsFunc(s.report.Steps, func(step Step) bool { return !step.Kept }) {
		s.keep = changes
		return d, nil
	}
	back, keep, err := setMembers(back, again)
	s.keep = keep
	return back, err
}

// selects reports whether a change is to be undone.
func (s *setup) selects(c *jsonedit.Change) bool {
	if s.profile && c.New != strconv.Quote(s.helper) {
		return false
	}
	return len(s.keys) == 0 || c.Path[0] == credHelpers && slices.Contains(s.keys, c.Path[1])
}

// namingZen are changes that would have led to the members which name zen.
func namingZen(d *jsonedit.Document) []*jsonedit.Change {
	paths := [][]string{{credsStore}}
	for _, key := range d.Keys(credHelpers) {
		paths = append(paths, []string{credHelpers, key})
	}
	var list []*jsonedit.Change
	for _, path := range paths {
		if helper, ok := d.Text(path...); ok && IsZen(helper) {
			raw, _ := d.Raw(path...)
			list = append(list, &jsonedit.Change{Path: path, New: string(raw), Depth: len(path)})
		}
	}
	return list
}

// isBare reports whether a text says nothing: docker leaves an empty auths when it
// rewrites its file.
func isBare(d *jsonedit.Document) bool {
	for _, key := range d.Keys() {
		if key != auths || len(d.Keys(auths)) > 0 {
			return false
		}
	}
	return true
}
