package clientconfig

import (
	"strings"

	"github.com/zen-agent/zen/internal/address"
)

// Docker Hub as clients call it: the key of docker's (docker/cli, registry.IndexServer)
// and the names of its servers.
const (
	hubKey    = "https://index.docker.io/v1/"
	hubName   = "docker.io"
	hubIndex  = "index.docker.io"
	hubServer = "registry-1.docker.io"
)

// Keys are the keys under which the client asks for a registry or a repository, in order.
func (c Client) Keys(registry address.Address) []string {
	return unique(c.keys(registry))
}

// isHub reports whether a is on Docker Hub.
func isHub(a address.Address) bool { return a.Host() == hubName }

// host is how docker names a registry: its host, Docker Hub by the URL of its index. A
// token key stands for itself.
func host(a address.Address) []string {
	switch {
	case a.IsHubToken():
		return []string{a.ServerURL()}
	case isHub(a):
		return []string{hubKey}
	}
	return []string{a.Host()}
}

// plainName is how podman names a registry, Docker Hub too (containers/image,
// pkg/docker/config).
func plainName(a address.Address) []string {
	if a.IsHubToken() {
		return []string{a.ServerURL()}
	}
	return []string{a.Host()}
}

// buildKit: Docker's other registries are served with Docker Hub's login when they have
// none (docker/buildx, util/dockerutil/dockerconfig).
func buildKit(a address.Address) []string {
	if a.Host() == "dhi.io" || a.Host() == "registry.scout.docker.com" {
		return []string{a.Host(), hubKey}
	}
	return host(a)
}

// repositoryFirst: the repository, then the registry (go-containerregistry,
// pkg/authn.DefaultKeychain).
func repositoryFirst(a address.Address) []string {
	if a.Path() == "" {
		return host(a)
	}
	name := a.Host()
	if isHub(a) {
		name = hubIndex
	}
	return append([]string{name + "/" + a.Path()}, host(a)...)
}

// withPort: every spelling, with the port and without (nerdctl,
// pkg/imgutil/dockerconfigresolver.RegistryURL.AllIdentifiers).
func withPort(a address.Address) []string {
	name := a.Host()
	if isHub(a) {
		name = hubServer
	}
	var keys []string
	spellings := func(name string) {
		keys = append(keys, name)
		if name == hubServer+":443" {
			keys = append(keys, hubKey)
		}
		keys = append(keys, "https://"+name, "http://"+name)
	}
	if !hasPort(name) {
		spellings(name + ":443")
	}
	spellings(name)
	return keys
}

// hasPort reports whether a canonical host has a port: "[::1]" has none.
func hasPort(host string) bool {
	return strings.LastIndexByte(host, ':') > strings.LastIndexByte(host, ']')
}
