package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
)

// dockerConfig is what of docker's config.json decides which credential helper is asked.
type dockerConfig struct {
	Store   string            `json:"credsStore"`
	Helpers map[string]string `json:"credHelpers"`
}

// helperName is what docker calls docker-credential-zen; profiles add "-NAME".
const helperName = "zen"

// hintSetup says how docker comes to ask zen for a server's credentials, unless it does already. A file that cannot be read
// is no reason to fail: zen setup docker says what is wrong with it.
func (a *app) hintSetup(serverURL string) {
	path := a.dockerConfigPath()
	content, err := os.ReadFile(path)
	var config dockerConfig
	if err == nil && json.Unmarshal(content, &config) == nil && config.asksZen(serverURL) {
		return
	}
	a.hint("docker does not ask zen for credentials yet: zen setup docker")
}

func (a *app) dockerConfigPath() string {
	if dir := a.getenv("DOCKER_CONFIG"); dir != "" {
		return filepath.Join(dir, "config.json")
	}
	return filepath.Join(a.getenv("HOME"), ".docker", "config.json")
}

// asksZen reports whether docker asks zen about a server: a helper of its own goes before the store
// (docker/cli cli/config/configfile, GetCredentialsStore).
func (c dockerConfig) asksZen(serverURL string) bool {
	host := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(serverURL, "https://"), "http://"), "/")
	for _, key := range []string{serverURL, host} {
		if helper, ok := c.Helpers[key]; ok {
			return isZen(helper)
		}
	}
	return isZen(c.Store)
}

func isZen(helper string) bool {
	return helper == helperName || strings.HasPrefix(helper, helperName+"-")
}
