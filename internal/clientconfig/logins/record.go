package logins

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/clientconfig/journal"
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

// records are what was taken out, below zen's state directory.
func records(state string) journal.List[Record] {
	return journal.List[Record]{File: filepath.Join(state, "imported.json"), Member: "items"}
}

// Recorded returns what was taken out, the oldest first.
func Recorded(state string) ([]Record, error) { return records(state).Read() }

// Remember adds records. It is to be called before anything is taken out: a crash in
// between leaves a record of what is still there, which does no harm.
func Remember(ctx context.Context, state string, add []Record) error {
	change := func(list []Record) []Record { return append(without(list, add), add...) }
	return records(state).Edit(ctx, change)
}

// Forget removes records.
func Forget(ctx context.Context, state string, old []Record) error {
	return records(state).Edit(ctx, func(list []Record) []Record { return without(list, old) })
}

func without(list, records []Record) []Record {
	return slices.DeleteFunc(list, func(r Record) bool { return slices.ContainsFunc(records, r.same) })
}
