package clientconfig

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

// recordVersion is the format of the undo record. A newer one is not touched.
const recordVersion = 1

// record is what zen did to one file. It holds no text of the file but that of the
// members it replaced, which are names of helpers.
type record struct {
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

// records is the content of the undo record's file.
type records struct {
	Version int      `json:"version"`
	Files   []record `json:"files"`
}

// RecordFile is where zen remembers what it changed. It is in a directory of its own: the
// lock for its edits must not be the one of a client's file.
func (e Env) RecordFile() string { return filepath.Join(e.State, "setup", "undo.json") }

// recorded returns what is remembered.
func (e Env) recorded() ([]record, error) {
	content, err := fileedit.ReadOwn(e.RecordFile())
	if err != nil {
		return nil, err
	}
	return decodeRecords(e.RecordFile(), content)
}

func decodeRecords(file string, content fileedit.Content) ([]record, error) {
	if !content.Exists {
		return nil, nil
	}
	var r records
	if err := json.Unmarshal(content.Data, &r); err != nil || r.Version < 1 {
		return nil, damagedRecord(file, err)
	}
	if r.Version > recordVersion {
		return nil, newerRecord(file)
	}
	return r.Files, nil
}

func damagedRecord(file string, cause error) error {
	return &credential.Error{
		Reason:  credential.CannotWrite,
		Message: safetext.Name(file) + ", where zen remembers what it changed, is damaged", Cause: cause,
		Hint: "move it away, then try again: mv " + safetext.ShellWord(
			file,
		) + " " + safetext.ShellWord(
			file+".damaged",
		),
	}
}

func newerRecord(file string) error {
	return credential.NewError(credential.CannotWrite, safetext.Name(file)+" was written by a newer "+
		"zen", "install the newer zen again")
}

// recollect puts r in the place of what is remembered about a file; the zero record makes
// it be forgotten.
func (e Env) recollect(ctx context.Context, file string, r record) error {
	if list, err := e.recorded(); err == nil && r.File == "" && recordOf(list, file).File == "" {
		return nil // no need to make a directory for it
	}
	return e.editRecords(ctx, func(list []record) []record {
		list = without(list, file)
		if r.File != "" {
			list = append(list, r)
		}
		return list
	})
}

// forget drops what is remembered about a file. Directories that were made for it and are
// not empty yet pass to a file that zen made in them later, to be removed with that.
func (e Env) forget(ctx context.Context, file string, dirs []string) error {
	list, err := e.recorded()
	if err != nil || recordOf(list, file).File == "" {
		return err
	}
	return e.editRecords(ctx, func(list []record) []record {
		list = without(list, file)
		if len(dirs) == 0 {
			return list
		}
		i := slices.IndexFunc(list, func(r record) bool {
			return r.Created && strings.HasPrefix(r.File, dirs[0]+string(filepath.Separator))
		})
		if i >= 0 {
			list[i].Dirs = append(list[i].Dirs, dirs...)
		}
		return list
	})
}

func without(list []record, file string) []record {
	return slices.DeleteFunc(list, func(r record) bool { return r.File == file })
}

func (e Env) editRecords(ctx context.Context, edit func([]record) []record) error {
	return fileedit.EditOwn(ctx, e.RecordFile(), func(before fileedit.Content) (fileedit.Content, error) {
		list, err := decodeRecords(e.RecordFile(), before)
		if err != nil {
			return before, err
		}
		list = edit(list)
		if len(list) == 0 {
			return fileedit.Content{}, nil
		}
		data, err := json.MarshalIndent(records{Version: recordVersion, Files: list}, "", "  ")
		return fileedit.Content{Data: append(data, '\n'), Exists: true}, err
	})
}

// recordOf finds what is remembered about a file; the zero record if nothing is.
func recordOf(list []record, file string) record {
	i := slices.IndexFunc(list, func(r record) bool { return r.File == file })
	if i < 0 {
		return record{}
	}
	return list[i]
}

// add appends changes. One that is there already for the same member is not in effect any
// more and goes, unless what it set is what was replaced now: together they are one
// change.
func (r *record) add(changes []*jsonedit.Change) {
	r.Changes = slices.Clone(r.Changes)
	for _, c := range changes {
		i := slices.IndexFunc(
			r.Changes,
			func(old *jsonedit.Change) bool { return slices.Equal(old.Path, c.Path) },
		)
		if i >= 0 && c.Old != nil && *c.Old == r.Changes[i].New {
			both := *r.Changes[i]
			both.New = c.New
			r.Changes[i] = &both
			continue
		}
		if i >= 0 {
			r.Changes = slices.Delete(r.Changes, i, i+1)
		}
		r.Changes = append(r.Changes, c)
	}
}
