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

func (j Journal) entries() List[Entry] { return List[Entry]{j.File(), "files", version} }

func (j Journal) links() List[Link] {
	return List[Link]{filepath.Join(j.dir, "links.json"), "links", version}
}

// Entries returns what is remembered of files.
func (j Journal) Entries() ([]Entry, error) { return j.entries().Read() }

// Put puts e in the place of what is remembered about a file; the zero Entry makes it be
// forgotten.
func (j Journal) Put(ctx context.Context, file string, e Entry) error {
	if list, err := j.Entries(); err == nil && e.File == "" && Of(list, file).File == "" {
		return nil // no need to make a directory for it
	}
	return j.entries().Edit(ctx, func(list []Entry) []Entry {
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
	return j.entries().Edit(ctx, func(list []Entry) []Entry {
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
func (j Journal) Links() ([]Link, error) { return j.links().Read() }

// AddLink remembers a link.
func (j Journal) AddLink(ctx context.Context, l Link) error {
	return j.links().Edit(ctx, func(list []Link) []Link { return append(list, l) })
}

// DropLink forgets a link.
func (j Journal) DropLink(ctx context.Context, l Link) error {
	return j.links().Edit(ctx, func(list []Link) []Link {
		return slices.DeleteFunc(list, func(o Link) bool { return o.Path == l.Path })
	})
}

// List is a list that zen remembers in a file of its own: a member of a JSON object, and
// the version of its format unless that is 0.
type List[T any] struct {
	File, Member string
	Version      int
}

// Read returns the list. A newer version is an error.
func (l List[T]) Read() ([]T, error) {
	content, err := fileedit.ReadOwn(l.File)
	if err != nil {
		return nil, err
	}
	return l.decode(content)
}

func (l List[T]) decode(content fileedit.Content) (items []T, err error) {
	if !content.Exists {
		return nil, nil
	}
	var members map[string]json.RawMessage
	var found int
	err = json.Unmarshal(content.Data, &members)
	if raw := members["version"]; err == nil && raw != nil {
		err = json.Unmarshal(raw, &found)
	}
	raw := members[l.Member]
	switch {
	case err == nil && found > l.Version:
		return nil, credential.NewError(credential.CannotWrite, safetext.Name(l.File)+" was written by a "+
			"newer zen", "install the newer zen again")
	case err == nil && (found > 0 || l.Version == 0):
		if raw == nil {
			return nil, nil
		}
		if err = json.Unmarshal(raw, &items); err == nil {
			return items, nil
		}
	}
	return nil, &credential.Error{
		Reason:  credential.CannotWrite,
		Message: safetext.Name(l.File) + ", where zen remembers what it changed, is damaged", Cause: err,
		Hint: "move it away, then try again: mv " + safetext.ShellWord(l.File) + " " +
			safetext.ShellWord(l.File+".damaged"),
	}
}

// Edit changes the list; the file of an empty one goes.
func (l List[T]) Edit(ctx context.Context, change func([]T) []T) error {
	return fileedit.EditOwn(ctx, l.File, func(before fileedit.Content) (fileedit.Content, error) {
		items, err := l.decode(before)
		if err != nil {
			return before, err
		}
		if items = change(items); len(items) == 0 {
			return fileedit.Content{}, nil
		}
		document := map[string]any{l.Member: items}
		if l.Version > 0 {
			document["version"] = l.Version
		}
		data, err := json.MarshalIndent(document, "", "  ")
		return fileedit.Content{Data: append(data, '\n'), Exists: true}, err
	})
}
