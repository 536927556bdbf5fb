package doctor

import (
	"context"
	"slices"
	"strings"

	"github.com/zen-agent/zen/internal/clientconfig"
	kept "github.com/zen-agent/zen/internal/clientconfig/logins"
	"github.com/zen-agent/zen/internal/safetext"
)

// inClear is a file with credentials in plain text.
type inClear struct {
	file       string
	leftover   bool
	registries []string
}

// text says so, in the words of zend's guard.
func (c inClear) text() string {
	return safetext.Name(c.file) + " stores credentials in plain text: " + strings.Join(c.registries, ", ")
}

// guardImports is the mode of zend's guard in which it moves logins into the vault by
// itself (api.Status).
const guardImports = "import"

// find looks into the clients' files; no helper is executed. Secrets that were read on
// the way are wiped.
func (f Facts) find(ctx context.Context) (files []inClear, failures []Result) {
	found, err := kept.Finder{Env: f.Env}.Find(ctx, clientconfig.Sources())
	if err != nil {
		return nil, []Result{failure(Problem, err)}
	}
	defer kept.Wipe(found.Logins)
	for _, l := range found.Logins {
		i := slices.IndexFunc(files, func(c inClear) bool { return c.file == l.File })
		if i < 0 {
			i = len(files)
			files = append(files, inClear{file: l.File, leftover: l.Leftover})
		}
		name := l.Address.String()
		if name == "" {
			// before an @ could be a password
			name = safetext.Name(l.Key[strings.LastIndexByte(l.Key, '@')+1:])
		}
		if !slices.Contains(files[i].registries, name) {
			files[i].registries = append(files[i].registries, name)
		}
	}
	for _, failed := range found.Failures {
		failures = append(failures, failure(Problem, failed.Err))
	}
	return files, failures
}

// plaintextLogins: passwords that clients wrote into files.
func plaintextLogins(ctx context.Context, f Facts) []Result {
	files, _ := f.find(ctx)
	hint := "zen import"
	if z := f.Zend.Status; z != nil && z.Guard != "" && z.Guard != guardImports && f.DirsErr == nil {
		hint += `; so that zend does it by itself from then on: guard = "` + guardImports + `" in ` +
			safetext.Name(
				f.Dirs.ConfigFile(),
			)
	}
	var found []Result
	for _, file := range files {
		if !file.leftover {
			found = append(found, Result{Status: Warning, Message: file.text(), Hint: hint})
		}
	}
	return otherwise(found, "no client stores credentials in plain text")
}

// leftoverFiles: what a client that was killed while it wrote its configuration left
// behind, with all that was in it.
func leftoverFiles(ctx context.Context, f Facts) []Result {
	files, _ := f.find(ctx)
	list, err := f.Env.LoginFiles()
	if err != nil {
		return nil // told by client-files
	}
	var found []Result
	for _, client := range list {
		for _, path := range kept.Leftovers(client.Path) {
			r := Result{
				Status: Warning, Message: safetext.Name(path) + " was left behind by a client that was " +
					"interrupted",
				Hint: "rm " + safetext.ShellWord(path),
			}
			if i := slices.IndexFunc(files, func(c inClear) bool { return c.file == path }); i >= 0 {
				r.Message += " and stores credentials in plain text: " + strings.Join(
					files[i].registries,
					", ",
				)
				r.Hint = "zen import"
			}
			found = append(found, r)
		}
	}
	return otherwise(found, "no client left temporary files behind")
}
