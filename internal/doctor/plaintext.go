package doctor

import (
	"context"
	"strings"

	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/safetext"
)

// guardImports is the mode of zend's guard in which it moves logins into the vault by
// itself (api.Status).
const guardImports = "import"

// plaintextLogins: passwords that clients wrote into files.
func plaintextLogins(_ context.Context, f Facts) []Result {
	hint := "zen import"
	if z := f.Zend.Status; z != nil && z.Guard != "" && z.Guard != guardImports && f.DirsErr == nil {
		hint += `; so that zend does it by itself from then on: guard = "` + guardImports + `" in ` +
			safetext.Name(f.Dirs.ConfigFile())
	}
	found := results(f.diagnoses(clientconfig.PlainText))
	for i := range found {
		if strings.HasSuffix(found[i].Hint, "zen import") {
			found[i].Hint = hint
		}
	}
	return otherwise(found, "no client stores credentials in plain text")
}

// leftoverFiles: what a client that was killed while it wrote its configuration left
// behind, with all that was in it.
func leftoverFiles(_ context.Context, f Facts) []Result {
	return otherwise(results(f.diagnoses(clientconfig.Leftover)), "no client left temporary files behind")
}
