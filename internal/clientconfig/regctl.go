package clientconfig

import (
	"path/filepath"
	"strings"

	"github.com/zen-agent/zen/internal/clientconfig/fileedit"
	"github.com/zen-agent/zen/internal/clientconfig/jsonedit"
	"github.com/zen-agent/zen/internal/safetext"
)

// regctlWarnings names the logins in regctl's own file, where no helper for all
// registries can be set: regctl asks those that docker's configuration names, and only
// for registries that they list.
func regctlWarnings(env Env, r *Report) {
	file := env.Getenv("REGCTL_CONFIG")
	if file == "" {
		home, err := env.home()
		if err != nil {
			return
		}
		file = filepath.Join(home, ".regctl", "config.json")
	}
	content, err := fileedit.Read(file)
	if err != nil {
		return
	}
	d, err := jsonedit.Parse(content.Data)
	if err != nil {
		return
	}
	var names []string
	for _, host := range d.Keys("hosts") {
		if raw, ok := d.Raw("hosts", host, "pass"); ok && len(raw) > len(`""`) {
			names = append(names, loginOf(host).name)
		}
	}
	if len(names) > 0 {
		r.warn("regctl keeps logins of its own in plain text in "+safetext.Name(file)+" and cannot be "+
			"told to use a helper for all "+
			"registries: "+strings.Join(names, ", "), moveIn)
	}
}
