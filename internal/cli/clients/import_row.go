package clients

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/adopt"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/clientconfig/logins"
	"github.com/zen-agent/zen/internal/credential"
)

// importRow is one login, or one place that could not be looked into.
type importRow struct {
	adopt.Item

	source     string
	place      string
	unfinished bool // it should have gone from its old place
}

func rowsOf(env clientconfig.Env, found logins.Found) []*importRow {
	rows := []*importRow{}
	for _, l := range found.Logins {
		rows = append(rows, newRow(env, l, adopt.Planned))
	}
	for _, f := range found.Failures {
		r := &importRow{source: f.Source, place: f.Place}
		r.Fail(f.Err)
		rows = append(rows, r)
	}
	return rows
}

func newRow(env clientconfig.Env, l *logins.Login, state adopt.State) *importRow {
	r := &importRow{
		Item:   adopt.Item{Login: l, State: state, Profile: adopt.ProfileOf(env, l)},
		source: l.Source, place: l.Place(),
	}
	if l.Problem != nil {
		r.Fail(l.Problem)
	}
	return r
}

// items are the adopter's part of rows.
func items(rows []*importRow) (list []*adopt.Item) {
	for _, r := range rows {
		list = append(list, &r.Item)
	}
	return list
}

// detail is what a person should know beside the state.
func (r *importRow) detail() string {
	var parts []string
	if r.Why != nil {
		text := r.Why.Error()
		if r.Left {
			text = "still in its old place: " + text
		}
		parts = append(parts, text)
	}
	if r.Remark != "" {
		parts = append(parts, r.Remark)
	}
	return strings.Join(parts, "\n")
}

func (r *importRow) hint() string {
	if e, ok := errors.AsType[*credential.Error](r.Why); ok {
		return e.HintText()
	}
	return ""
}

func (r *importRow) registry() string {
	switch {
	case r.Login == nil:
		return ""
	case r.Login.ServerURL == "":
		// what is before it could be a password
		return r.Login.Key[strings.LastIndexByte(r.Login.Key, '@')+1:]
	}
	return r.Login.Address.String()
}

func (r *importRow) username() string {
	if r.Login == nil {
		return ""
	}
	return r.Login.Username
}

// key is the registry as the source has it, without what could be a password.
func (r *importRow) key() string {
	if r.Login == nil {
		return ""
	}
	return r.Login.Key[strings.LastIndexByte(r.Login.Key, '@')+1:]
}

// result is the row's end for a person.
func (r *importRow) result() string {
	mark := map[adopt.State]string{
		adopt.Failed:   "💥 ",
		adopt.Conflict: "❗ ",
		adopt.Done:     "✅ ",
		adopt.Same:     "✅ ",
		adopt.Dropped:  "✅ ",
		adopt.Restored: "✅ ",
	}
	text := mark[r.State] + r.phrase()
	if detail := r.detail(); detail != "" {
		text += "\n" + detail
	}
	return text
}

func (r *importRow) phrase() string {
	out := ""
	if r.Removed && r.Login.File != "" {
		out = ", taken out of the file"
	} else if r.Removed {
		out = ", erased there"
	}
	switch r.State {
	case adopt.Same:
		return "in zen already" + out
	case adopt.Dropped:
		return "zen's own login is kept" + out
	case adopt.Restored:
		return "put back"
	case adopt.Done:
		if r.Verification != api.VerificationValid && r.Verification != api.VerificationSkipped {
			return "imported unverified" + out
		}
	}
	return string(r.State) + out
}

// tilde writes a path below the home directory as a person does.
func (a *Commands) tilde(path string) string {
	if below, ok := strings.CutPrefix(path, a.Getenv("HOME")+"/"); ok && a.Getenv("HOME") != "" {
		return "~/" + below
	}
	return path
}

func (a *Commands) importColumns() []command.Column[*importRow] {
	return []command.Column[*importRow]{
		{Key: "source", Value: func(r *importRow) any { return r.source }},
		{Key: "registry", Value: func(r *importRow) any { return r.registry() }},
		{Key: "username", Value: func(r *importRow) any { return r.username() }},
		{
			Key:   "place",
			Value: func(r *importRow) any { return r.place },
			Cell:  func(r *importRow) string { return a.tilde(r.place) },
		},
		{Key: "key", When: command.Exact, Value: func(r *importRow) any { return r.key() }},
		{Key: "result", When: command.InTable, Value: func(r *importRow) any { return r.result() }},
		{Key: "status", When: command.Exact, Value: func(r *importRow) any { return string(r.State) }},
		{Key: "verification", When: command.Exact, Value: func(r *importRow) any { return r.Verification }},
		{Key: "removed", When: command.Exact, Value: func(r *importRow) any { return r.Removed }},
		{Key: "detail", When: command.Exact, Value: func(r *importRow) any { return r.detail() }},
		{Key: "hint", When: command.Exact, Value: func(r *importRow) any { return r.hint() }},
	}
}

// showImport prints the table, and the hints that belong to it.
func (a *Commands) showImport(cmd *cobra.Command, o importOptions, rows []*importRow, empty string) error {
	err := command.ShowList(
		a.UI,
		cmd,
		o.output,
		command.Listing[*importRow]{Columns: a.importColumns(), Items: rows, Empty: empty},
	)
	if !o.output.IsTable() {
		return err
	}
	said := map[string]bool{}
	for _, r := range rows {
		if hint := r.hint(); hint != "" && !said[hint] {
			said[hint] = true
			a.Hint(hint)
		}
	}
	return err
}
