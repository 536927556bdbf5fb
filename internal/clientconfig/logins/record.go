package logins

import (
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/clientconfig/fileedit"
	"github.com/zen-agent/zen/internal/credential"
)

// Record remembers where a login was before it was taken out there, so that it can be put
// back. It holds no secret.
type Record struct {
	Source    string    `json:"source"`
	Client    string    `json:"client,omitempty"`
	File      string    `json:"file,omitempty"`
	Helper    string    `json:"helper,omitempty"`
	Key       string    `json:"key"`
	ServerURL string    `json:"server_url"`
	Username  string    `json:"username"`
	Profile   string    `json:"profile,omitempty"` // that has it in zen
	Time      time.Time `json:"time"`
}

// Record returns what is to be remembered of a login.
func (l *Login) Record(now time.Time) Record {
	return Record{
		Source: l.Source, Client: l.Client, File: l.File, Helper: l.Helper, Key: l.Key,
		ServerURL: l.ServerURL, Username: l.Username, Time: now.UTC().Round(time.Second),
	}
}

// same reports whether two records are of the same place.
func (r Record) same(o Record) bool {
	return r.File == o.File && r.Helper == o.Helper && r.Key == o.Key
}

// Login returns the login of a record, without its secret.
func (f Finder) Login(r Record) *Login {
	l := &Login{
		Source: r.Source, Client: r.Client, File: r.File, Helper: r.Helper, Key: r.Key, Username: r.Username,
	}
	if l.locate(clientconfig.ByNamespace, r.ServerURL); r.Helper == "" {
		return l
	}
	l.helper = f.helper(r.Source, strings.TrimPrefix(r.Helper, "docker-credential-"))
	if l.helper.path == "" {
		l.Problem = l.helper.missing()
	}
	return l
}

// recordsFile is where records are, below zen's state directory.
func recordsFile(state string) string { return filepath.Join(state, "imported.json") }

// document is the file's form.
type document struct {
	Items []Record `json:"items"`
}

// Recorded returns what was taken out, the oldest first.
func Recorded(state string) ([]Record, error) {
	content, err := fileedit.ReadOwn(recordsFile(state))
	if err != nil {
		return nil, err
	}
	return decodeRecords(state, content.Data)
}

func decodeRecords(state string, data []byte) ([]Record, error) {
	if len(data) == 0 {
		return nil, nil
	}
	var d document
	if err := json.Unmarshal(data, &d); err != nil {
		return nil, &credential.Error{
			Reason: credential.InvalidInput, Message: recordsFile(state) + ": " + err.Error(), Cause: err,
			Hint: "move the file away; zen then no longer knows what it imported from where",
		}
	}
	return d.Items, nil
}

// Remember adds records. It is to be called before anything is taken out: a crash in
// between leaves a record of what is still there, which does no harm.
func Remember(ctx context.Context, state string, records []Record) error {
	return editRecords(
		ctx,
		state,
		func(list []Record) []Record { return append(without(list, records), records...) },
	)
}

// Forget removes records.
func Forget(ctx context.Context, state string, records []Record) error {
	return editRecords(ctx, state, func(list []Record) []Record { return without(list, records) })
}

func without(list, records []Record) []Record {
	return slices.DeleteFunc(list, func(r Record) bool { return slices.ContainsFunc(records, r.same) })
}

func editRecords(ctx context.Context, state string, change func([]Record) []Record) error {
	return fileedit.EditOwn(ctx, recordsFile(state), func(before fileedit.Content) (fileedit.Content, error) {
		list, err := decodeRecords(state, before.Data)
		if err != nil {
			return before, err
		}
		if list = change(list); len(list) == 0 {
			return fileedit.Content{}, nil
		}
		data, err := json.MarshalIndent(document{list}, "", "  ")
		return fileedit.Content{Data: append(data, '\n'), Exists: true}, err
	})
}
