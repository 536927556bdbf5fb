package doctor

import (
	"context"

	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/execsafe"
	"github.com/zen-agent/zen/internal/safetext"
)

// helper: clients execute docker-credential-zen by its bare name.
func helper(_ context.Context, f Facts) []Result {
	absent := clientconfig.Of(f.Env.Diagnose("docker"), clientconfig.HelperAbsent)
	return otherwise(results(absent), "clients execute "+safetext.Name(f.Env.FindHelper(clientconfig.Helper)))
}

// helperVersion: one that was left in place by an upgrade speaks of yesterday. What
// somebody else could have written is not executed.
func helperVersion(ctx context.Context, f Facts) []Result {
	path := f.Env.FindHelper(clientconfig.Helper)
	if path == "" {
		return nil
	}
	shown := safetext.Name(path)
	if _, err := execsafe.Resolve(path); err != nil {
		return one(Skipped, shown+" is not executed for its version: see helper-path", "")
	}
	version, err := f.System.HelperVersion(ctx, path)
	if err != nil {
		return one(Problem, shown+" cannot be executed: "+err.Error(), "install zen again")
	}
	if version != f.Version {
		return one(Warning, shown+" is of version "+version+", zen of version "+f.Version, "install both "+
			"anew from one release, then: zen daemon restart")
	}
	return fine("docker-credential-zen is of version " + version)
}

// helperPath: whoever can put a docker-credential-zen before ours gets every password
// (CVE-2019-15752 was that).
func helperPath(_ context.Context, f Facts) []Result {
	path := f.Env.FindHelper(clientconfig.Helper)
	if path == "" {
		return nil
	}
	found := clientconfig.Of(f.Env.Diagnose("docker"), clientconfig.HelperUnsafe, clientconfig.HelperOther)
	return otherwise(results(found), "nobody else can put another docker-credential-zen before it")
}
