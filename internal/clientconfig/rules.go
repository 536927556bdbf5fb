package clientconfig

import (
	"net/url"
	"strings"

	"github.com/zen-agent/zen/internal/address"
)

// Rule is how a client finds the entry for a registry among the keys of a file.
type Rule int

// The rules.
const (
	// ByHost: the very key, else any whose host is the asked one letter for letter,
	// whatever scheme and path it has. For Docker Hub that is its URL, which no host
	// equals (docker/cli, credentials.fileStore; oras-go has the same).
	ByHost Rule = iota
	// ByNamespace: the very key, those above it, then keys with a scheme by their host
	// (containers/image, pkg/docker/config.findCredentialsInFile).
	ByNamespace
	// ByName: the very key (regclient).
	ByName
)

// keyHost is the host that docker takes a key for (credentials.ConvertToHostname).
func keyHost(key string) string {
	if _, rest, found := strings.Cut(key, "://"); found {
		if u, err := url.Parse(key); err == nil && u.Hostname() != "" {
			return u.Host
		}
		key = rest
	}
	host, _, _ := strings.Cut(key, "/")
	return host
}

// hasHTTP reports whether podman's code takes a scheme off a key.
func hasHTTP(key string) bool {
	return strings.HasPrefix(key, "http://") || strings.HasPrefix(key, "https://")
}

// Finds reports whether a client that asks for a registry or a repository, by the key
// asked, finds an entry. It may find several.
func (r Rule) Finds(registry address.Address, asked, entry string) bool {
	if asked == entry {
		return true
	}
	switch r {
	case ByHost:
		return keyHost(entry) == asked
	case ByNamespace:
		if hasHTTP(entry) {
			return plainHub(keyHost(entry)) == plainHub(registry.Host())
		}
		whole := strings.TrimSuffix(registry.Host()+"/"+registry.Path(), "/")
		return plainHub(entry) == plainHub(registry.Host()) || strings.HasPrefix(whole+"/", entry+"/")
	}
	return false
}

// plainHub is a host under one name for Docker Hub (containers/image, normalizeRegistry).
func plainHub(host string) string {
	if host == hubServer || host == hubIndex {
		return hubName
	}
	return host
}

// Address is what the owner of a file takes a key for, as far as that key alone tells.
// Podman's has a path in keys without a scheme, and so has docker's for clients that ask
// for repositories.
func (r Rule) Address(key string) (address.Address, error) {
	a, err := address.ParseKey(key)
	switch {
	case r == ByHost && (err != nil || strings.Contains(key, "://") && !a.IsHubToken()):
		if strings.Contains(key, "@") {
			return address.Address{}, err // what is before it could be a password
		}
		if host, hostErr := address.ParseKey(keyHost(key)); hostErr == nil {
			return host, nil
		}
	case err == nil && strings.Contains(key, "://"):
		return a.Registry(), nil
	}
	return a, err
}
