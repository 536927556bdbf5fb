package clientconfig

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/zen-agent/zen/internal/clientconfig/jsonedit"
	"github.com/zen-agent/zen/internal/safetext"
)

// hidden stands for a value that is not shown.
const hidden = `"(hidden)"`

// harmless are the members of docker's config.json whose values are shown. Everything
// else may hold a secret: auths, HttpHeaders (tokens), proxies (URLs with passwords),
// plugins, and members that nobody here knows.
func harmless() []string {
	return []string{
		credsStore, credHelpers, "currentContext", "detachKeys", "psFormat", "imagesFormat", "networksFormat",
		"pluginsFormat",
		"volumesFormat", "statsFormat", "serviceInspectFormat", "servicesFormat", "tasksFormat",
		"secretFormat", "configFormat",
		"nodesFormat", "pruneFilters", "cliPluginsExtraDirs", "features", "experimental", "stackOrchestrator",
	}
}

// maskDocker is the text of d as it may be shown.
func maskDocker(d *jsonedit.Document) []byte {
	shown := harmless()
	value := func(path []string, text []byte) []byte {
		if slices.Contains(shown, path[0]) || bytes.Equal(text, []byte(`""`)) ||
			bytes.Equal(text, []byte("null")) {
			return text
		}
		return []byte(hidden)
	}
	key := func(path []string, text []byte) []byte {
		if path[0] == auths && strings.Contains(path[len(path)-1], "@") { // user:password@host
			return []byte(hidden)
		}
		return text
	}
	return d.Rewrite(key, value)
}

// digest identifies a text by what may be shown of it: a password in a file cannot be
// guessed from it.
func digest(masked []byte) string {
	sum := sha256.Sum256(masked)
	return hex.EncodeToString(sum[:])
}

// version is a text that is compared. A nil masked means that there is no file.
type version struct {
	name   string
	masked []byte
}

// unified is the difference between two versions of a file in the unified format; "" if
// there is none to show.
func unified(before, after version) string {
	for _, v := range []*version{&before, &after} {
		if v.masked == nil {
			v.name = "/dev/null"
		}
		v.masked = []byte(safetext.Text(string(v.masked)))
	}
	text := string(
		diff.Diff(safetext.Name(before.name), before.masked, safetext.Name(after.name), after.masked),
	)
	_, text, _ = strings.Cut(text, "\n") // "diff OLD NEW"
	return text
}
