package journal

import (
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"

	"github.com/zen-agent/zen/internal/clientconfig/fileedit"
	"github.com/zen-agent/zen/internal/clientconfig/jsonedit"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

// version is the format of the files. A newer one is not touched.
const version = 1

// Entry is what zen did to one file. It holds no text of the file but that of the members
// it replaced, which are names of helpers.
type Entry struct {
	Client  string `json:"client"`            // for whom it was changed first
	File    string `json:"file"`              // with symbolic links followed
	Path    string `json:"path,omitempty"`    // as the client finds it, if that is another name
	Created bool   `json:"created,omitempty"` // there was no file
	// directories that were made for it, the innermost first
	Dirs    []string           `json:"dirs,omitempty"`
	Changes []*jsonedit.Change `json:"changes,omitempty"` // in the order they were made
	After   string             `json:"after"`             // digest of what was written
	Size    int                `json:"size"`              // and its length in bytes
	Helper  string             `json:"helper,omitempty"`  // whom a file that is all zen's names, if not "zen"
	// Undo has begun: nobody makes the file name zen again
	Ending bool `json:"ending,omitempty"`
}

// Link is a name of its own under which clients execute docker-credential-zen for a
// profile.
type Link struct {
	Profile string `json:"profile"`
	Path    string `json:"path"`
	Target  string `json:"target"` // what it leads to, as it is written in it
}

// Journal is two files in a directory of their own: the lock for their edits must not be
// the one of a client's file.
type Journal struct{ dir string }

// In is the journal in zen's state directory.
func In(state string) Journal { return Journal{filepath.Join(state, "setup")} }

// File is where the entries are.
func (j Journal) File() string { return filepath.Join(j.dir, "undo.json") }

func (j Journal) entries() list[Entry] { return list[Entry]{j.File(), "files"} }

func (j Journal) links() list[Link] { return list[Link]{filepath.Join(j.dir, "links.json"), "links"} }

// Entries returns what is remembered of files.
func (j Journal) Entries() ([]Entry, error) { return j.entries().read() }

// Put puts e in the place of what is remembered about a file; the zero Entry makes it be
// forgotten.
func (j Journal) Put(ctx context.Context, file string, e Entry) error {
	if list, err := j.Entries(); err == nil && e.File == "" && Of(list, file).File == "" {
		return nil // no need to make a directory for it
	}
	return j.entries().edit(ctx, func(list []Entry) []Entry {
		list = without(list, file)
		if e.File != "" {
			list = append(list, e)
		}
		return list
	})
}

// Forget drops what is remembered about a file. Directories that were made for it and are
// not empty yet pass to a file that zen made in them later, to be removed with that.
func (j Journal) Forget(ctx context.Context, file string, dirs []string) error {
	list, err := j.Entries()
	if err != nil || Of(list, file).File == "" {
		return err
	}
	return j.entries().edit(ctx, func(list []Entry) []Entry {
		list = without(list, file)
		if len(dirs) == 0 {
			return list
		}
		i := slices.IndexFunc(list, func(e Entry) bool {
			return e.Created && strings.HasPrefix(e.File, dirs[0]+string(filepath.Separator))
		})
		if i >= 0 {
			list[i].Dirs = append(list[i].Dirs, dirs...)
		}
		return list
	})
}

func without(list []Entry, file string) []Entry {
	return slices.DeleteFunc(list, func(e Entry) bool { return e.File == file })
}

// Of finds what is remembered about a file; the zero Entry if nothing is.
func Of(list []Entry, file string) Entry {
	i := slices.IndexFunc(list, func(e Entry) bool { return e.File == file })
	if i < 0 {
		return Entry{}
	}
	return list[i]
}

// Add appends changes. One that is there already for the same member is not in effect any
// more and goes, unless what it set is what was replaced now: together they are one
// change.
func (e *Entry) Add(changes []*jsonedit.Change) {
	e.Changes = slices.Clone(e.Changes)
	for _, c := range changes {
		i := slices.IndexFunc(
			e.Changes,
			func(old *jsonedit.Change) bool { return slices.Equal(old.Path, c.Path) },
		)
		if i >= 0 && c.Old != nil && *c.Old == e.Changes[i].New {
			both := *e.Changes[i]
			both.New = c.New
			e.Changes[i] = &both
			continue
		}
		if i >= 0 {
			e.Changes = slices.Delete(e.Changes, i, i+1)
		}
		e.Changes = append(e.Changes, c)
	}
}

// Links returns the links that were made.
func (j Journal) Links() ([]Link, error) { return j.links().read() }

// AddLink remembers a link.
func (j Journal) AddLink(ctx context.Context, l Link) error {
	return j.links().edit(ctx, func(list []Link) []Link { return append(list, l) })
}

// DropLink forgets a link.
func (j Journal) DropLink(ctx context.Context, l Link) error {
	return j.links().edit(ctx, func(list []Link) []Link {
		return slices.DeleteFunc(list, func(o Link) bool { return o.Path == l.Path })
	})
}

// list is the content of one file: a version, and a member with the list.
type list[T any] struct{ file, member string }

func (l list[T]) read() ([]T, error) {
	content, err := fileedit.ReadOwn(l.file)
	if err != nil {
		return nil, err
	}
	return l.decode(content)
}

func (l list[T]) decode(content fileedit.Content) (items []T, err error) {
	if !content.Exists {
		return nil, nil
	}
	var format struct {
		Version int `json:"version"`
	}
	members := map[string]json.RawMessage{}
	err = json.Unmarshal(content.Data, &format)
	switch {
	case err == nil && format.Version > version:
		return nil, credential.NewError(credential.CannotWrite, safetext.Name(l.file)+" was written by a "+
			"newer zen", "install the newer zen again")
	case err == nil && format.Version > 0:
		if err = json.Unmarshal(content.Data, &members); err == nil && members[l.member] != nil {
			err = json.Unmarshal(members[l.member], &items)
		}
		if err == nil {
			return items, nil
		}
	}
	return nil, &credential.Error{
		Reason:  credential.CannotWrite,
		Message: safetext.Name(l.file) + ", where zen remembers what it changed, is damaged", Cause: err,
		Hint: "move it away, then try again: mv " + safetext.ShellWord(l.file) + " " +
			safetext.ShellWord(l.file+".damaged"),
	}
}

func (l list[T]) edit(ctx context.Context, change func([]T) []T) error {
	return fileedit.EditOwn(ctx, l.file, func(before fileedit.Content) (fileedit.Content, error) {
		items, err := l.decode(before)
		if err != nil {
			return before, err
		}
		if items = change(items); len(items) == 0 {
			return fileedit.Content{}, nil
		}
		data, err := json.MarshalIndent(map[string]any{"version": version, l.member: items}, "", "  ")
		return fileedit.Content{Data: append(data, '\n'), Exists: true}, err
	})
}
