package connector

import (
	"fmt"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/credential"
)

// AttrRegistry is the public attribute by which every kind for single registries names its registry: host[:port], after
// http:// if the registry speaks plain http. Whoever hands out credentials looks at that prefix.
const AttrRegistry = "registry"

const plainHTTP = "http://"

// SetRegistry brings the registry attribute into its canonical form, without a path, and returns the registry's host.
// Without the attribute it is fallback.
func SetRegistry(config map[string]string, fallback string) (host string, err error) {
	given := config[AttrRegistry]
	if given == "" {
		delete(config, AttrRegistry)
		return fallback, nil
	}
	a, scheme, err := address.ParseScheme(given)
	if err != nil {
		return "", err
	}
	if a.IsHubToken() {
		return "", Invalid("'"+given+"' is not a registry but a key of docker login's own", "Docker Hub is docker.io")
	}
	config[AttrRegistry] = a.Host()
	if scheme == address.HTTP && a.Host() != hub {
		config[AttrRegistry] = plainHTTP + a.Host()
	}
	return a.Host(), nil
}

const hub = "docker.io"

// CheckResource refuses a resource id that names another registry than the connector's own, in ZenML's words. An empty id
// is the connector's own.
func CheckResource(id, own string) error {
	if id == "" {
		return nil
	}
	a, err := address.Parse(id)
	if err != nil {
		return err
	}
	if a.Host() == own {
		return nil
	}
	return credential.NewError(credential.InvalidInput, fmt.Sprintf("The connector does not allow access to the provided '%s' "+
		"Docker/OCI container registry resource. It only allows access to the following resource: '%s'.", id, own),
		"the registry is given by --registry="+a.Host())
}

// RegistryOf returns the registry of a validated configuration, and whether it speaks plain http. It is not ok if the
// configuration names none and there is no fallback.
func RegistryOf(config map[string]string, fallback string) (a address.Address, plain, ok bool) {
	registry := config[AttrRegistry]
	if registry == "" {
		registry = fallback
	}
	a, scheme, err := address.ParseScheme(registry)
	return a, scheme == address.HTTP, err == nil
}
