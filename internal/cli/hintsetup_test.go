package cli

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/zen-agent/zen/internal/cli/clients"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/paths"
)

func TestHintSetup(t *testing.T) {
	const none = ""
	const notYet = "Hint: docker does not ask zen for credentials yet: zen setup docker\n"
	const profile = "Hint: let clients use the profile: zen setup docker --host ghcr.io --profile work, " +
		"or ZEN_PROFILE=work before a command\n"
	const path = "Hint: docker asks for registries; clients that ask for repositories find this login: " +
		"zen why ghcr.io/team --as crane\n"
	for _, tt := range []struct {
		name, config, server, profile, variable, want string
	}{
		{"not set up", `{}`, "ghcr.io", "", "", notYet},
		{"another helper", `{"credsStore": "pass"}`, "ghcr.io", "", "", notYet},
		{"set up", `{"credsStore": "zen"}`, "ghcr.io", "", "", none},
		{"set up for another registry", `{"credHelpers": {"quay.io": "zen"}}`, "ghcr.io", "", "", notYet},
		{"a repository, not set up", `{}`, "ghcr.io/team", "", "", notYet},
		{"a repository", `{"credsStore": "zen"}`, "ghcr.io/team", "", "", path},
		{"a profile, not set up", `{}`, "ghcr.io/team", "work", "", profile},
		{"a profile", `{"credsStore": "zen"}`, "ghcr.io", "work", "", profile},
		{"another profile", `{"credsStore": "zen-home"}`, "ghcr.io", "work", "home", profile},
		{"the profile's helper", `{"credsStore": "zen", "credHelpers": {"ghcr.io": ` +
			`"zen-work"}}`, "ghcr.io", "work", "", none},
		{"the profile's variable", `{"credsStore": "zen"}`, "ghcr.io", "work", "work", none},
		{"the profile's variable, not set up", `{}`, "ghcr.io", "work", "work", notYet},
		{"a broken file", `{`, "ghcr.io", "", "", notYet},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newSetupBox(t)
			b.config(tt.config)
			b.vars["ZEN_PROFILE"] = tt.variable
			var said bytes.Buffer
			dirs := func() (paths.Dirs, error) {
				return paths.Dirs{State: filepath.Join(b.dir, "state")},
					nil
			}
			u := &ui.UI{Err: &said, Getenv: func(k string) string { return b.vars[k] }}
			a := clients.New(u, nil, nil, dirs)
			if a.HintSetup(tt.server, tt.profile); said.String() != tt.want {
				t.Errorf("said %q, want %q", said.String(), tt.want)
			}
		})
	}
}
