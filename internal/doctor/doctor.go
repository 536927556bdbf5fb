package doctor

import (
	"context"
	"slices"
	"sync"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/paths"
)

// Status is how a check ended.
type Status string

// The statuses.
const (
	OK      Status = "ok"
	Warning Status = "warning" // it works, but not as it should, or not for long
	Problem Status = "problem" // something does not work
	Skipped Status = "skipped" // it cannot be known
)

// Result is what a check found. A check has one or several.
type Result struct {
	Check   string `json:"check"` // stable
	Status  Status `json:"status"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"` // what to type
}

// Facts are all that the checks go by.
type Facts struct {
	Env     clientconfig.Env
	Dirs    paths.Dirs
	DirsErr error  // why Dirs could not be found
	OS      string // as runtime.GOOS
	UID     int    // of this process
	Version string // of zen
	Zend    Zend
	Others  []string // sockets at which other zends of the user answer
	System  System

	problems func() []clientconfig.Problem // of all clients; found once
}

// Zend is what is known about zend from outside.
type Zend struct {
	Program string      // what a client would start
	Status  *api.Status // nil: it does not run, or cannot be asked
	Problem string      // why it cannot be asked or started; "" when it only does not run
	Hint    string
}

// System is what the checks ask of the machine, beside reading files.
type System struct {
	Owner    func(path string) (uid int, exists bool)
	Writable func(path string) bool                       // by this process
	Free     func(path string) (bytes uint64, known bool) // on the file system of a directory
	UserName func(uid int) string

	// HelperVersion executes docker-credential-zen for its version.
	HelperVersion func(ctx context.Context, path string) (string, error)
}

// check is one row of the table. No results mean that it does not apply here.
type check struct {
	name string
	run  func(context.Context, Facts) []Result
}

// checks is the table, in the order in which they are shown: one that fails may be why
// later ones do.
func checks() []check {
	return []check{
		{"settings", settings}, // first: with a mistake there zend may hand out nothing at all
		{"user", whoRuns},
		{"directories", directories},
		{"runtime-directory", runtimeDirectory},
		{"one-zend", oneZend},
		{"zend", zend},
		{"zend-version", zendVersion},
		{"zend-notices", zendNotices},
		{"vault", vault},
		{"vault-key", vaultKey},
		{"ssh-session", sshSession},
		{"logins", logins},
		{"helper", helper},
		{"helper-version", helperVersion},
		{"helper-path", helperPath},
		{"client-files", clientFiles},
		{"client-setup", clientSetup},
		{"configured-helpers", configuredHelpers},
		{"cred-helpers", credHelpers},
		{"docker-auth-config", dockerAuthConfig},
		{"docker-access", dockerAccess},
		{"docker-snap", dockerSnap},
		{"podman", podman},
		{"plaintext-logins", plaintextLogins},
		{"leftover-files", leftoverFiles},
	}
}

// Checks are the names of all checks, in order.
func Checks() []string {
	var names []string
	for _, c := range checks() {
		names = append(names, c.name)
	}
	return names
}

// Run makes all checks, or only those named.
func Run(ctx context.Context, f Facts, only ...string) []Result {
	f.problems = sync.OnceValue(f.Env.DiagnoseAll)
	var results []Result
	for _, c := range checks() {
		if len(only) > 0 && !slices.Contains(only, c.name) {
			continue
		}
		for _, r := range c.run(ctx, f) {
			r.Check = c.name
			results = append(results, r)
		}
	}
	return results
}

// Count is how many results have a status.
func Count(results []Result, s Status) int {
	n := 0
	for _, r := range results {
		if r.Status == s {
			n++
		}
	}
	return n
}

func fine(message string) []Result { return []Result{{Status: OK, Message: message}} }

func one(s Status, message, hint string) []Result {
	return []Result{{Status: s, Message: message, Hint: hint}}
}

// otherwise is what was found, or that all is fine.
func otherwise(found []Result, message string) []Result {
	if len(found) > 0 {
		return found
	}
	return fine(message)
}
