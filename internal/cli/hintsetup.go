package cli

import "github.com/zen-agent/zen/internal/address"

// hintSetup says how docker comes to ask zen for a server's credentials, unless it does already. A configuration that
// cannot be read is no reason to fail: zen setup docker says what is wrong with it.
func (a *app) hintSetup(serverURL string) {
	if a.dockerAsksZen(serverURL) {
		return
	}
	a.hint("docker does not ask zen for credentials yet: zen setup docker")
}

func (a *app) dockerAsksZen(serverURL string) bool {
	registry, err := address.Parse(serverURL)
	if err != nil {
		return false
	}
	env, err := a.clientEnv()
	if err != nil {
		return false
	}
	use, err := env.Docker(registry)
	return err == nil && use.Zen
}
