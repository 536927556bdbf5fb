package clients

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

// All is the table. The keys were seen with docker 28 and 29, buildx 0.38, crane 0.22,
// oras 1.3, helm 3.22, regctl 0.11, skopeo 1.9, buildah 1.28 and Testcontainers for Node
// 12, and read in the sources of the others.
func All() []Client {
	return []Client{
		{
			Name: "docker", Config: "docker", EnvAuth: true, keys: host,
			Note: "since docker 29 an error of the helper ends a pull, also of a public image",
		}, {
			Name: "docker-build", Config: "docker", EnvAuth: true, Listing: ListsAll, keys: host,
			Note: "the classic builder sends everything that the helper lists to the engine; buildx asks " +
				"for single registries",
		}, {
			Name: "buildx", Also: []string{"buildkit", "compose"}, Config: "buildx", EnvAuth: true,
			keys: buildKit,
			Note: "BuildKit keeps what it got for almost five minutes",
		}, {
			Name: "crane", Also: []string{"cosign", "flux", "gcrane", "kaniko", "ko", "syft", "trivy"},
			Config: "docker", Stops: true,
			keys: repositoryFirst,
			Note: "it asks for the repository before the registry, so a login for a path is found",
		}, {
			Name: "podman", Also: []string{"buildah", "cri-o", "skopeo"}, Config: "podman", keys: plainName,
			Stops: true,
			Note:  "it knows no credsStore",
		}, {
			Name: "oras", Config: "docker", keys: host, Note: "it asks only after the registry said that " +
				"it wants credentials",
		}, {
			Name: "helm", Config: "helm", keys: host, Note: "it looks into its own file first and into " +
				"docker's after that",
		}, {
			Name: "oras-py", Config: "docker", keys: plainName,
		}, {
			Name: "nerdctl", Also: []string{"finch"}, Config: "docker", keys: withPort,
			Note: "it tries every spelling, and stores logins under the one with the port",
		}, {
			Name: "regctl", Also: []string{"regbot", "regsync"}, Config: "docker", Listing: ListsFirst,
			keys: host,
			Note: "it asks only for registries that the helper lists",
		}, {
			Name: "docker-py", Also: []string{"ansible", "docker-compose", "zenml"}, Config: "docker",
			keys: host,
			Note: "it sends everything that the helper lists to the engine when it builds",
		}, {
			Name: "testcontainers-java", Config: "docker", keys: host,
			Note: "it takes the first failure that it sees for the sign of an unknown registry",
		}, {
			Name: "testcontainers-go", Config: "docker", Marker: true, keys: host,
			Note: "it asks for every registry that the configuration names, and one error fails all",
		}, {
			Name: "testcontainers-node", Config: "docker", keys: host,
		}, {
			Name: "devcontainers", Also: []string{"vscode"}, Config: "docker", keys: host,
		},
	}
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
