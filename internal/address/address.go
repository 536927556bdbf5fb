package address

import "strings"

// Docker Hub's one name, and what Docker calls it (docker/cli, registry.IndexServer).
const (
	hubHost      = "docker.io"
	hubServer    = "https://index.docker.io/"
	hubServerURL = hubServer + "v1/"
)

// Address is the canonical name of a registry, of a repository path on one, or of a
// Docker Hub token key. Addresses are comparable and usable as map keys: equal means the
// same registry and path. The zero Address is invalid.
type Address struct {
	// host is lower-case host[:port]: hubHost for every spelling of Docker Hub,
	// "[::1]:5000" for IPv6. A token key is a host as a whole
	// ("docker.io/v1/access-token"), so that nothing which asks for Docker Hub can ever
	// equal it.
	host string
	path string // repository path without leading or trailing slash; "" for the whole registry
}

// String returns ZenML's spelling, which Parse understands: "docker.io",
// "ghcr.io/team/app", "localhost:5000", "docker.io/v1/access-token". Port 443 is there
// only after http://, without which it would not be kept.
func (a Address) String() string {
	s := a.host
	if strings.HasSuffix(s, ":443") {
		s = "http://" + s
	}
	if a.path != "" {
		s += "/" + a.path
	}
	return s
}

// ServerURL returns Docker's spelling, which Parse understands too:
// "https://index.docker.io/v1/" for Docker Hub, "https://index.docker.io/v1/access-token"
// for a token key, otherwise the same as String.
func (a Address) ServerURL() string {
	switch {
	case a.IsHub():
		return hubServerURL
	case a.IsHubToken():
		return hubServer + strings.TrimPrefix(a.host, hubHost+"/")
	}
	return a.String()
}

// Host returns the registry's host and port: "docker.io", "ghcr.io", "localhost:5000",
// "[::1]:5000". For a token key it is the whole key, which equals no registry's host.
func (a Address) Host() string { return a.host }

// Registry returns the registry as a whole that a is on; for a token key, the key.
// Parsing Host would give the same but for port 443 after http://.
func (a Address) Registry() Address { return Address{host: a.host} }

// Path returns the repository path, "team/app", or "" for the whole registry.
func (a Address) Path() string { return a.path }

// IsHub reports whether a is Docker Hub as a whole: not a repository on it and not a
// token key.
func (a Address) IsHub() bool { return a.host == hubHost && a.path == "" }

// IsHubToken reports whether a is one of the keys under https://index.docker.io/v1/ where
// docker login keeps the tokens of a device login (docker/cli, internal/oauth/manager:
// access-token, refresh-token). They are credentials of Docker's own, not of a registry:
// Docker Hub does not cover them and they cover nothing but themselves.
func (a Address) IsHubToken() bool { return strings.HasPrefix(a.host, hubHost+"/") }

// IsLoopback reports whether the registry is on this machine, where docker itself speaks
// plain http.
func (a Address) IsLoopback() bool {
	host, _, err := splitPort(a.host)
	if err != nil {
		return false
	}
	return host == "localhost" || host != "" && isLoopbackIP(host)
}

// Parent returns the address one path segment up, the host last. A whole registry and a
// token key have none.
func (a Address) Parent() (Address, bool) {
	if a.path == "" {
		return Address{}, false
	}
	i := strings.LastIndexByte(a.path, '/')
	return Address{host: a.host, path: a.path[:max(i, 0)]}, true
}

// Covers reports whether a is b or a parent of b.
func (a Address) Covers(b Address) bool {
	if a.host == "" || a.host != b.host {
		return false
	}
	if a.path == "" || a.path == b.path {
		return true
	}
	rest, ok := strings.CutPrefix(b.path, a.path)
	return ok && rest[0] == '/'
}
