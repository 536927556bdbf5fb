package clientconfig

import (
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

// helperName is what a configuration calls docker-credential-zen.
const helperName = "zen"

// client is one program, or a family of programs with one configuration, that can be
// pointed at zen.
type client struct {
	name string
	// the client whose configuration it reads; "" means one of its own
	reads    string
	programs []string                                     // one of them on PATH shows that it is installed
	places   func(Env, client, []string) ([]place, error) // what to change, for these hosts or for all
	// its file is all zen's, in the format of registries.conf
	own     bool
	envAuth bool // it asks DOCKER_AUTH_CONFIG first
	// adds what else keeps it from asking zen; may be nil
	after func(env Env, r *Report)
}

// place is a file and what is to be set in it.
type place struct {
	file string
	keys []string // members of credHelpers; none means credsStore
}

// clients is the table of all that can be set up.
func clients() []client {
	return []client{
		{
			name: "docker", programs: []string{"docker"}, places: dockerPlaces(Env.dockerFile),
			envAuth: true,
		},
		{
			name:     "podman",
			programs: []string{"podman", "skopeo", "buildah"},
			places:   podmanPlaces,
			own:      true,
			after:    podmanWarnings,
		},
		{name: "helm", programs: []string{"helm"}, places: dockerPlaces(Env.helmFile)},
		{name: "buildx", programs: []string{"docker-buildx", "buildx"}, places: buildxPlaces, envAuth: true},
		{name: "skopeo", reads: "podman"},
		{name: "buildah", reads: "podman"},
		{name: "nerdctl", reads: "docker", programs: []string{"nerdctl"}},
		{name: "crane", reads: "docker", programs: []string{"crane"}},
		{name: "oras", reads: "docker", programs: []string{"oras"}},
		{name: "regctl", reads: "docker", programs: []string{"regctl"}, after: regctlWarnings},
	}
}

// Clients returns the names of the clients that can be set up.
func Clients() []string {
	var names []string
	for _, c := range clients() {
		names = append(names, c.name)
	}
	return names
}

// Installed returns the names of the clients that are on PATH.
func (e Env) Installed() []string {
	var names []string
	for _, c := range clients() {
		if slices.ContainsFunc(c.programs, func(p string) bool { return e.find(p) != "" }) {
			names = append(names, c.name)
		}
	}
	return names
}

// lookup finds a client by its name, and the one whose configuration it reads.
func lookup(name string) (asked, configured client, err error) {
	list := clients()
	find := func(name string) (client, bool) {
		i := slices.IndexFunc(list, func(c client) bool { return c.name == name })
		if i < 0 {
			return client{}, false
		}
		return list[i], true
	}
	asked, ok := find(name)
	if !ok {
		return asked, asked, credential.NewError(
			credential.InvalidInput,
			"unknown client "+safetext.Name(
				name,
			)+"; supported: "+strings.Join(
				Clients(),
				", ",
			),
			"zen setup docker",
		)
	}
	if asked.reads == "" {
		return asked, asked, nil
	}
	configured, _ = find(asked.reads)
	return asked, configured, nil
}

// dockerPlaces are those of a client with one file in docker's format.
func dockerPlaces(file func(Env) (string, error)) func(Env, client, []string) ([]place, error) {
	return func(env Env, c client, hosts []string) ([]place, error) {
		path, err := file(env)
		if err != nil {
			return nil, err
		}
		p := place{file: path}
		for _, host := range hosts {
			a, err := address.Parse(host)
			if err != nil {
				return nil, err
			}
			if a.Path() != "" || a.IsHubToken() {
				return nil, credential.NewError(
					credential.InvalidInput,
					c.name+" chooses the helper by the registry's host alone, not by "+a.String(),
					"zen setup "+c.name+" --host "+hostOf(a),
				)
			}
			if key := a.ServerURL(); !slices.Contains(p.keys, key) {
				p.keys = append(p.keys, key)
			}
		}
		return []place{p}, nil
	}
}

// hostOf is the registry a belongs to.
func hostOf(a address.Address) string {
	if a.IsHubToken() {
		return "docker.io"
	}
	return a.Host()
}

// helmFile is helm's own file of logins, in docker's format (helm, pkg/helmpath and
// pkg/cli).
func (e Env) helmFile() (string, error) {
	if file := e.Getenv("HELM_REGISTRY_CONFIG"); file != "" {
		return absolute("HELM_REGISTRY_CONFIG", file)
	}
	if dir := e.Getenv("HELM_CONFIG_HOME"); dir != "" {
		return absolute("HELM_CONFIG_HOME", filepath.Join(dir, "registry", "config.json"))
	}
	dir, err := e.helmHome()
	return filepath.Join(dir, "helm", "registry", "config.json"), err
}

func (e Env) helmHome() (string, error) {
	if dir := e.Getenv("XDG_CONFIG_HOME"); dir != "" {
		return absolute("XDG_CONFIG_HOME", dir)
	}
	home, err := e.home()
	if runtime.GOOS == "darwin" {
		return filepath.Join(home, "Library", "Preferences"), err
	}
	return filepath.Join(home, ".config"), err
}
