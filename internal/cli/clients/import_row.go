package clients

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/clientconfig/logins"
	"github.com/zen-agent/zen/internal/credential"
)

// What becomes of a login, and what is to become of it.
const (
	importPlanned = "to import"
	// zen has a login for the registry, and the helper's secret is not known yet
	importCompare  = "to compare"
	importSame     = "in zen"   // zen has the same already
	importConflict = "conflict" // zen has another login for the registry
	importDone     = "imported"
	importFailed   = "failed"
	importDropped  = "dropped"  // zen's own login was to be kept
	importRestored = "restored" // by --undo
)

// importRow is one login, or one place that could not be looked into.
type importRow struct {
	login        *logins.Login // nil for such a place
	source       string
	place        string
	status       string
	verification string
	detail       string
	hint         string
	removed      bool // it is not in its old place any more
	unfinished   bool // it should have gone from there
}

func rowsOf(found logins.Found) []*importRow {
	rows := []*importRow{}
	for _, l := range found.Logins {
		r := &importRow{login: l, source: l.Source, place: l.Place(), status: importPlanned}
		if l.Problem != nil {
			r.fail(l.Problem)
		}
		rows = append(rows, r)
	}
	for _, f := range found.Failures {
		r := &importRow{source: f.Source, place: f.Place}
		r.fail(f.Err)
		rows = append(rows, r)
	}
	return rows
}

// fail ends the row with an error.
func (r *importRow) fail(err error) {
	r.status = importFailed
	r.note(err)
}

// note says what went wrong beside the row's result.
func (r *importRow) note(err error) {
	r.detail, r.hint = err.Error(), ""
	if e, ok := errors.AsType[*credential.Error](err); ok {
		r.hint = e.HintText()
	}
}

// pending reports whether something is still to be done.
func (r *importRow) pending() bool {
	return r.login != nil &&
		(r.status == importPlanned || r.status == importCompare || r.status == importSame)
}

// held reports whether zen answers for the registry by now, so that the old place is not
// needed.
func (r *importRow) held() bool {
	return r.status == importDone || r.status == importSame || r.status == importDropped
}

func (r *importRow) registry() string {
	switch {
	case r.login == nil:
		return ""
	case r.login.ServerURL == "":
		// what is before it could be a password
		return r.login.Key[strings.LastIndexByte(r.login.Key, '@')+1:]
	}
	return r.login.Address.String()
}

func (r *importRow) username() string {
	if r.login == nil {
		return ""
	}
	return r.login.Username
}

// key is the registry as the source has it, without what could be a password.
func (r *importRow) key() string {
	if r.login == nil {
		return ""
	}
	return r.login.Key[strings.LastIndexByte(r.login.Key, '@')+1:]
}

// result is the row's end for a person.
func (r *importRow) result() string {
	mark := map[string]string{
		importFailed:   "💥 ",
		importConflict: "❗ ",
		importDone:     "✅ ",
		importSame:     "✅ ",
		importDropped:  "✅ ",
		importRestored: "✅ ",
	}
	text := mark[r.status] + r.phrase()
	if r.detail != "" {
		text += "\n" + r.detail
	}
	return text
}

func (r *importRow) phrase() string {
	out := ""
	if r.removed && r.login.File != "" {
		out = ", taken out of the file"
	} else if r.removed {
		out = ", erased there"
	}
	switch r.status {
	case importSame:
		return "in zen already" + out
	case importDropped:
		return "zen's own login is kept" + out
	case importRestored:
		return "put back"
	case importDone:
		if r.verification != api.VerificationValid && r.verification != api.VerificationSkipped {
			return "imported unverified" + out
		}
	}
	return r.status + out
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
		{Key: "status", When: command.Exact, Value: func(r *importRow) any { return r.status }},
		{Key: "verification", When: command.Exact, Value: func(r *importRow) any { return r.verification }},
		{Key: "removed", When: command.Exact, Value: func(r *importRow) any { return r.removed }},
		{Key: "detail", When: command.Exact, Value: func(r *importRow) any { return r.detail }},
		{Key: "hint", When: command.Exact, Value: func(r *importRow) any { return r.hint }},
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
		if r.hint != "" && !said[r.hint] {
			said[r.hint] = true
			a.Hint(r.hint)
		}
	}
	return err
}
