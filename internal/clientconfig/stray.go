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

// Stray is a member of a file that Apply made name zen, and that does not any more.
type Stray struct {
	Client   string // for whom the file was changed
	File     string // as the client finds it
	Member   string // "credsStore", `credHelpers["ghcr.io"]`, "credential-helpers"
	Registry string // of an entry of credHelpers; "" for what stands for all registries
	Helper   string // what it names instead; "" if it is gone

	path  []string // in docker's format; empty for a file that is all zen's
	value string   // the text of what it named; the helper for a file that is all zen's
}

// Strays are the members of a recorded file that do not name zen any more. What counts is
// what lies where the client looks: a tool may have put a file in the place of a link.
// When the directory is gone there are none: who removed that has no more use for either.
// What zen itself is changing at the moment has not strayed.
func (e Env) Strays(ctx context.Context, file Recorded) ([]Stray, error) {
	content, err := fileedit.Read(file.Path)
	if err != nil {
		return nil, err
	}
	defer clear(content.Data) // there may be passwords in it
	list, err := e.strays(file, content)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	// Apply writes what it remembers first and then the file, both under the file's lock.
	// So there is another look.
	var locked fileedit.Content
	err = fileedit.Look(ctx, file.Path, func(now fileedit.Content) error {
		locked = now
		list, err = e.strays(file, now)
		return err
	})
	clear(locked.Data)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // the directory went meanwhile
	}
	return list, err
}

// strays compares the content of a recorded file with what is remembered now.
func (e Env) strays(file Recorded, content fileedit.Content) ([]Stray, error) {
	list, err := e.journal().Entries()
	if err != nil || !isDir(filepath.Dir(file.Path)) {
		return nil, err
	}
	return strays(journal.Of(list, file.File), file.Path, content)
}

func strays(r journal.Entry, file string, content fileedit.Content) ([]Stray, error) {
	if r.File == "" || r.Ending {
		return nil, nil
	}
	if own(r) {
		if helpers, _ := helpersOf(content.Data); namesZen(helpers) {
			return nil, nil
		}
		s := Stray{Client: r.Client, File: file, Member: confMember, value: cmp.Or(r.Helper, Helper)}
		if helpers, _ := helpersOf(content.Data); content.Exists && len(helpers) > 0 {
			s.Helper = helpers[0]
		}
		return []Stray{s}, nil
	}
	d, err := ParseDocker(file, content.Data)
	if err != nil {
		return nil, err
	}
	var list []Stray
	for _, c := range r.Changes {
		helper, _ := d.Text(c.Path...)
		if _, ok := d.Raw(c.Path...); !ok && len(c.Path) == 2 {
			helper, _ = d.Text(credsStore) // which is asked then
		}
		if IsZen(helper) {
			continue
		}
		s := Stray{
			Client: r.Client,
			File:   file,
			Member: memberName(c.Path),
			Helper: helper,
			path:   c.Path,
			value:  c.New,
		}
		if len(c.Path) == 2 && c.Path[0] == credHelpers {
			s.Registry = loginOf(c.Path[1]).name
		}
		list = append(list, s)
	}
	return list, nil
}

// own reports whether the file is all zen's, in the format of registries.conf.
func own(r journal.Entry) bool {
	_, c, err := lookup(r.Client)
	return err == nil && c.own
}

// Mend is d with strays naming zen again.
func Mend(d *jsonedit.Document, strays []Stray) (*jsonedit.Document, error) {
	for _, s := range strays {
		next, _, err := d.Set(s.value, s.path...)
		if err != nil {
			return nil, err
		}
		d = next
	}
	return d, nil
}

// Repair makes the strays of a file name zen again, those that still are as they were
// found, and returns these. What is remembered for Undo stays: that leads back to before
// zen, not to the stray. Nothing else changes in the file; no directory is made for it.
func (e Env) Repair(ctx context.Context, file Recorded, strays []Stray) (done []Stray, err error) {
	if dir := filepath.Dir(file.Path); !isDir(dir) {
		return nil, credential.NewError(
			credential.CannotWrite,
			"there is no "+safetext.Name(dir),
			"zen setup "+file.Client,
		)
	}
	_, err = fileedit.Edit(ctx, file.Path, func(before fileedit.Content) (fileedit.Content, error) {
		done = nil
		now, err := e.strays(file, before) // zen setup --undo may have been faster
		if err != nil {
			return before, err
		}
		for _, s := range strays {
			if slices.ContainsFunc(
				now,
				func(n Stray) bool { return n.Member == s.Member && n.Helper == s.Helper },
			) {
				done = append(done, s)
			}
		}
		return mended(file.Path, before, done)
	})
	if err != nil {
		return nil, err
	}
	return done, nil
}

// mended is a file's content with strays naming zen again.
func mended(file string, before fileedit.Content, strays []Stray) (fileedit.Content, error) {
	switch {
	case len(strays) == 0:
		return before, nil
	case len(strays[0].path) > 0:
		d, err := ParseDocker(file, before.Data)
		if err == nil {
			d, err = Mend(d, strays)
		}
		if err != nil {
			return before, err
		}
		return fileedit.Content{Data: d.Bytes(), Exists: true}, nil
	case before.Exists:
		return before, credential.NewError(credential.CannotWrite, safetext.Name(file)+" was written by "+
			"zen, but somebody changed it",
			"rm "+safetext.ShellWord(file)+", then: zen setup podman")
	}
	return fileedit.Content{Data: []byte(dropInText(strays[0].value)), Exists: true}, nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
