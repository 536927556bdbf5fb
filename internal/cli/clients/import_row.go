package clients

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/adopt"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/credential"
)

// importRow is one login, or one place that could not be looked into.
type importRow struct {
	adopt.Item

	unfinished bool // it should have gone from its old place
}

// failed reports whether anything was not done that was asked for.
func (r *importRow) failed() bool {
	return r.State == adopt.Failed || r.State == adopt.Conflict || r.unfinished
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

// result is the row's end for a person.
func (r *importRow) result() string {
	text := string(r.State)
	switch r.State {
	case adopt.Failed:
		text = "💥 " + text
	case adopt.Conflict:
		text = "❗ " + text
	case adopt.Same:
		text = "✅ in zen already"
	case adopt.Dropped:
		text = "✅ zen's own login is kept"
	case adopt.Restored:
		text = "✅ put back"
	case adopt.Done:
		text = "✅ imported"
		if r.Verification != api.VerificationValid && r.Verification != api.VerificationSkipped {
			text += " unverified"
		}
	}
	if r.Removed && r.Login.File != "" {
		text += ", taken out of the file"
	} else if r.Removed {
		text += ", erased there"
	}
	return strings.TrimSuffix(text+"\n"+r.detail(), "\n")
}

// tilde writes a path below the home directory as a person does.
func (a *Commands) tilde(path string) string {
	if below, ok := strings.CutPrefix(path, a.Getenv("HOME")+"/"); ok && a.Getenv("HOME") != "" {
		return "~/" + below
	}
	return path
}

func importColumns(tilde func(string) string) []command.Column[*importRow] {
	return []command.Column[*importRow]{
		{Key: "source", Value: func(r *importRow) any { return r.Login.Source }},
		{Key: "registry", Value: func(r *importRow) any { return r.Login.Registry() }},
		{Key: "username", Value: func(r *importRow) any { return r.Login.Username }},
		{
			Key:   "place",
			Value: func(r *importRow) any { return r.Login.Place() },
			Cell:  func(r *importRow) string { return tilde(r.Login.Place()) },
		},
		{Key: "key", When: command.Exact, Value: func(r *importRow) any { return r.Login.PlainKey() }},
		{Key: "result", When: command.InTable, Value: func(r *importRow) any { return r.result() }},
		{Key: "status", When: command.Exact, Value: func(r *importRow) any { return string(r.State) }},
		{Key: "verification", When: command.Exact, Value: func(r *importRow) any { return r.Verification }},
		{Key: "removed", When: command.Exact, Value: func(r *importRow) any { return r.Removed }},
		{Key: "detail", When: command.Exact, Value: func(r *importRow) any { return r.detail() }},
		{Key: "hint", When: command.Exact, Value: func(r *importRow) any { return credential.HintOf(r.Why) }},
	}
}

// show prints the table, and the hints that belong to it.
func (j *importJob) show(cmd *cobra.Command, empty string) error {
	a, o := j.app, j.options
	err := command.ShowList(a.UI, cmd, o.output, command.Listing[*importRow]{
		Columns: importColumns(a.tilde), Items: j.rows, Empty: empty,
	})
	if !o.output.IsTable() {
		return err
	}
	var said []string
	for _, r := range j.rows {
		if hint := credential.HintOf(r.Why); hint != "" && !slices.Contains(said, hint) {
			said = append(said, hint)
			a.Hint(hint)
		}
	}
	return err
}
