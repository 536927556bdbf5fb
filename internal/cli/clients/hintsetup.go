package clients

import (
	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/safetext"
)

// HintSetup says how clients come to use a login, unless docker does already. A
// configuration that cannot be read does not make it fail: zen setup docker says what is
// wrong with it.
func (a *Commands) HintSetup(serverURL, profile string) {
	registry, err := address.Parse(serverURL)
	if err != nil {
		return
	}
	helper, asks := a.dockersHelper(registry)
	switch {
	case profile != "" && (!asks || clientconfig.Profile(helper) != profile) &&
		a.Getenv("ZEN_PROFILE") != profile:
		word := safetext.ShellWord(profile)
		a.Hint(
			"let clients use the profile: zen setup docker --host " + registry.Host() + " --profile " + word +
				", or ZEN_PROFILE=" + word + " before a command",
		)
	case !asks:
		a.Hint("docker does not ask zen for credentials yet: zen setup docker")
	case registry.Path() != "":
		a.Hint("docker asks for registries; clients that ask for repositories find this login: zen " +
			"why " + registry.String() + " --as crane")
	}
}

// dockersHelper is the helper that docker asks for a registry, and whether that is zen's.
func (a *Commands) dockersHelper(registry address.Address) (helper string, zen bool) {
	env, err := a.ClientEnv()
	if err != nil {
		return "", false
	}
	use, err := env.Docker(registry)
	return use.Helper, err == nil && use.Zen
}
