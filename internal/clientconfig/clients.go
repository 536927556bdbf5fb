package clientconfig

import (
	"slices"
	"strings"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/credential"
)

// helperName is what a configuration calls docker-credential-zen.
const helperName = "zen"

// client is one program, or a family of programs with one configuration, that can be pointed at zen.
type client struct {
	name string // as in `zen setup NAME`
	file func(Env) (string, error)
	key  func(address.Address) string // how the client spells a registry in its credHelpers
}

// clients is the table of all that can be set up.
func clients() []client {
	return []client{
		{name: "docker", file: Env.dockerFile, key: address.Address.ServerURL},
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

func lookup(name string) (client, error) {
	list := clients()
	i := slices.IndexFunc(list, func(c client) bool { return c.name == name })
	if i < 0 {
		return client{}, credential.NewError(credential.InvalidInput, "zen cannot set up "+printable(name)+", but "+strings.Join(Clients(), ", "),
			"zen setup docker")
	}
	return list[i], nil
}

// keys are the names under which the client asks for the hosts, in any spelling of theirs.
func (c client) keys(hosts []string) ([]string, error) {
	var keys []string
	for _, host := range hosts {
		a, err := address.Parse(host)
		if err != nil {
			return nil, err
		}
		if a.Path() != "" || a.IsHubToken() {
			return nil, credential.NewError(credential.InvalidInput, c.name+" chooses the helper by the registry's host alone, not by "+a.String(),
				"zen setup "+c.name+" --host "+hostOf(a))
		}
		if key := c.key(a); !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// hostOf is the registry a belongs to.
func hostOf(a address.Address) string {
	if a.IsHubToken() {
		return "docker.io"
	}
	return a.Host()
}
