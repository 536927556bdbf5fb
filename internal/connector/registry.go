package connector

import (
	"fmt"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/credential"
)

// AttrRegistry is the public attribute by which every kind for single registries names
// its registry: host[:port], after http:// if the registry speaks plain http. Whoever
// hands out credentials looks at that prefix.
const AttrRegistry = "registry"

const plainHTTP = "http://"

// SetRegistry brings the registry attribute into its canonical form, without a path, and
// returns the registry in ZenML's spelling. Without the attribute it is fallback.
func SetRegistry(config map[string]string, fallback string) (registry string, err error) {
	given := config[AttrRegistry]
	if given == "" {
		delete(config, AttrRegistry)
		return fallback, nil
	}
	a, scheme, err := address.ParseURL(given)
	if err != nil {
		return "", err
	}
	if a.IsHubToken() {
		return "", Invalid("'"+given+"' is not a registry but a key of docker login's "+
			"own", "Docker Hub is docker.io")
	}
	config[AttrRegistry] = a.Host()
	if scheme == address.HTTP && a.Host() != hub {
		config[AttrRegistry] = plainHTTP + a.Host()
	}
	return a.Registry().String(), nil
}

// Unencrypted returns the registry of a configuration, if it is one on another machine
// that is to be asked over plain http: a password on its way there can be read by anyone
// on the network. It is not ok for any other.
func Unencrypted(config map[string]string) (a address.Address, ok bool) {
	a, scheme, err := address.ParseURL(config[AttrRegistry])
	return a, err == nil && scheme == address.HTTP && a.Host() != hub && !a.IsLoopback()
}

const hub = "docker.io"

// CheckResource refuses a resource id that names another registry than the connector's
// own, in ZenML's words. An empty id is the connector's own.
func CheckResource(id, own string) error {
	if id == "" {
		return nil
	}
	a, err := address.Parse(id)
	if err != nil {
		return err
	}
	if a.Registry().String() == own {
		return nil
	}
	return credential.NewError(credential.InvalidInput, fmt.Sprintf("The connector does not allow access "+
		"to the provided '%s' "+
		"Docker/OCI container registry resource. It only allows access to the following resource: "+
		"'%s'.", id, own),
		"the registry is given by --registry="+a.Host())
}

// RegistryOf returns the registry of a validated specification, and whether it is to be
// asked over plain http: on another machine only if a person agreed to that. It is not ok
// if the configuration names none and there is no fallback.
func RegistryOf(spec Spec, fallback string) (a address.Address, plain, ok bool) {
	registry := spec.Config[AttrRegistry]
	if registry == "" {
		registry = fallback
	}
	a, scheme, err := address.ParseURL(registry)
	return a, scheme == address.HTTP && (spec.Insecure || a.IsLoopback()), err == nil
}
