package clientconfig

import (
	"path/filepath"
	"strings"

	"github.com/zen-agent/zen/internal/clientconfig/journal"
	"github.com/zen-agent/zen/internal/credential"
)

// Env is what clients take from their surroundings, and where zen remembers what it did.
type Env struct {
	Getenv  func(string) string
	State   string // zen's state directory, absolute
	Program string // path of the zen that runs: docker-credential-zen is expected beside it; may be empty
	Root    string // what stands before /etc, /usr and /run; empty
}

func (e Env) journal() journal.Journal { return journal.In(e.State) }

// RecordFile is where zen remembers what it changed.
func (e Env) RecordFile() string { return e.journal().File() }

// Home is the user's home directory as docker finds it: HOME, else what the system knows.
func (e Env) Home() (string, error) {
	if home := e.Getenv("HOME"); home != "" {
		return home, nil
	}
	if home := systemHome(); home != "" {
		return home, nil
	}
	return "", credential.NewError(credential.InvalidInput, "HOME is not set", "set HOME to your home "+
		"directory")
}

// below is a path in the user's home directory.
func (e Env) below(parts ...string) (string, error) {
	home, err := e.Home()
	return filepath.Join(append([]string{home}, parts...)...), err
}

// absolute makes a path that a variable gives absolute, as programs do that take it
// relative to where they run.
func absolute(variable, path string) (string, error) {
	if strings.HasPrefix(path, "~"+string(filepath.Separator)) {
		return "", credential.NewError(credential.InvalidInput, variable+" begins with a ~ that no shell "+
			"replaced by your home directory", `write "$HOME" in place of the ~ in `+variable)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", &credential.Error{
			Reason: credential.InvalidInput,
			Message: variable + " is a relative path, and the " +
				"working directory is gone",
			Hint:  "set " + variable + " to an absolute path",
			Cause: err,
		}
	}
	return path, nil
}

// Path is the list of directories where programs are looked for. Relative ones are left
// out: Go programs, as most clients are, refuse what they find there (os/exec.ErrDot).
func (e Env) Path() []string {
	var dirs []string
	for _, dir := range filepath.SplitList(e.Getenv("PATH")) {
		if filepath.IsAbs(dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// find returns the first executable called name on PATH, or "".
func (e Env) find(name string) string {
	for _, dir := range e.Path() {
		if file := filepath.Join(dir, name+ExeSuffix); executable(file) {
			return file
		}
	}
	return ""
}

// IsZen reports whether the helper that a configuration names is zen's: "zen", or
// "zen-NAME" for a profile.
func IsZen(helper string) bool {
	return helper == Helper || strings.HasPrefix(helper, Helper+"-")
}
