package guard

import (
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"time"

	"github.com/zen-agent/zen/internal/clientconfig/fileedit"
	"github.com/zen-agent/zen/internal/clientconfig/journal"
)

// place is a part of a file: a member, or a login by its key.
type place struct{ File, Part string }

// deed is something that the guard did to a place, in answer to what somebody else did
// there.
type deed struct {
	File  string    `json:"file"`
	Part  string    `json:"part"`
	Was   string    `json:"was,omitempty"` // the helper that a member named; "" for logins
	Time  time.Time `json:"time"`
	Again bool      `json:"again,omitempty"` // it was done again since, and is left alone
}

// memory is what the guard did, so that it does nothing twice about the same change, also
// when zend was restarted in between.
type memory struct {
	file  string
	read  bool
	deeds []deed
}

// remembered bounds how many deeds are kept.
const remembered = 500

func memoryFile(state string) string { return filepath.Join(state, "guard.json") }

// load reads the file once. One that cannot be read is as good as an empty one.
func (m *memory) load() (err error) {
	if m.read {
		return nil
	}
	m.read = true
	m.deeds, err = journal.List[deed]{File: m.file, Member: "items"}.Read()
	return err
}

func (m *memory) find(p place, was string) int {
	return slices.IndexFunc(
		m.deeds,
		func(d deed) bool { return d.File == p.File && d.Part == p.Part && d.Was == was },
	)
}

// did remembers a deed.
func (m *memory) did(ctx context.Context, p place, was string, now time.Time) error {
	if i := m.find(p, was); i >= 0 {
		m.deeds = slices.Delete(m.deeds, i, i+1)
	}
	m.deeds = append(m.deeds, deed{File: p.File, Part: p.Part, Was: was, Time: now.UTC().Round(time.Second)})
	if n := len(m.deeds) - remembered; n > 0 {
		m.deeds = slices.Delete(m.deeds, 0, n)
	}
	return m.save(ctx)
}

// again remembers that somebody undid deed i.
func (m *memory) again(ctx context.Context, i int) error {
	if m.deeds[i].Again {
		return nil
	}
	m.deeds[i].Again = true
	return m.save(ctx)
}

// forget drops the deeds about a file that were undone, if over says that this ended: a
// person put it right.
func (m *memory) forget(ctx context.Context, file string, over func(part string) bool) error {
	n := len(m.deeds)
	m.deeds = slices.DeleteFunc(
		m.deeds,
		func(d deed) bool { return d.Again && d.File == file && over(d.Part) },
	)
	if len(m.deeds) == n {
		return nil
	}
	return m.save(ctx)
}

func (m *memory) save(ctx context.Context) error {
	data, err := json.MarshalIndent(map[string]any{"items": m.deeds}, "", "  ")
	if err != nil {
		return err
	}
	return fileedit.EditOwn(ctx, m.file, func(fileedit.Content) (fileedit.Content, error) {
		return fileedit.Content{Data: append(data, '\n'), Exists: true}, nil
	})
}
