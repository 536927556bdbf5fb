package doctor

import (
	"context"
	"os"

	"github.com/zen-agent/zen/internal/safetext"
)

// ownHelper is what configurations call docker-credential-zen.
const ownHelper = "zen"

// helper: clients execute docker-credential-zen by its bare name.
func helper(_ context.Context, f Facts) []Result {
	if w, missing := f.Env.HelperMissing(); missing {
		return one(Problem, w.Message, w.Hint)
	}
	return fine("clients execute " + safetext.Name(f.Env.FindHelper(ownHelper)))
}

// helperVersion: one that was left in place by an upgrade speaks of yesterday. What somebody else could have written is not
// executed.
func helperVersion(ctx context.Context, f Facts) []Result {
	path := f.Env.FindHelper(ownHelper)
	if path == "" {
		return nil
	}
	shown := safetext.Name(path)
	if _, bad := f.untrusted(path); bad {
		return one(Skipped, shown+" is not executed for its version: see helper-path", "")
	}
	version, err := f.System.HelperVersion(ctx, path)
	if err != nil {
		return one(Problem, shown+" cannot be executed: "+err.Error(), "install zen again")
	}
	if version != f.Version {
		return one(Warning, shown+" is of version "+version+", zen of version "+f.Version, "install both anew from one release, then: zen daemon restart")
	}
	return fine("docker-credential-zen is of version " + version)
}

// untrusted says why what lies at path may not be what was installed.
func (f Facts) untrusted(path string) (Result, bool) {
	shown := safetext.Name(path)
	info, err := os.Stat(path)
	owner, _ := f.System.Owner(path)
	switch {
	case err != nil:
		return Result{Status: Problem, Message: err.Error(), Hint: "install zen again"}, true
	case owner != 0 && owner != f.UID:
		return Result{
			Status: Warning, Message: shown + ", which clients execute, is " + f.System.UserName(owner) + "'s",
			Hint: "install zen for yourself",
		}, true
	case info.Mode().Perm()&0o002 != 0:
		return Result{
			Status: Problem, Message: "everybody can change " + shown + ", which clients execute",
			Hint: "chmod go-w " + safetext.ShellWord(path) + ", and install zen again",
		}, true
	}
	return Result{}, false
}

// helperPath: whoever can put a docker-credential-zen before ours gets every password (CVE-2019-15752 was that).
func helperPath(_ context.Context, f Facts) []Result {
	path := f.Env.FindHelper(ownHelper)
	if path == "" {
		return nil
	}
	var found []Result
	for _, p := range f.Env.Planters() {
		r := Result{Status: Warning, Message: p.Warning().Message, Hint: p.Warning().Hint}
		if p.Who == "everybody" {
			r.Status = Problem
		}
		found = append(found, r)
	}
	if r, bad := f.untrusted(path); bad {
		found = append(found, r)
	}
	if w, other := f.Env.HelperReplaced(); other {
		found = append(found, Result{Status: Warning, Message: w.Message, Hint: w.Hint})
	}
	return otherwise(found, "nobody else can put another docker-credential-zen before it")
}
