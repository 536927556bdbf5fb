package docker

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"time"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/credential"
)

// ZenML's names (docker_service_connector.py).
const (
	kindType       = "docker"
	methodPassword = "password"
	resourceType   = "docker-registry"

	attrUsername = "username"
	attrPassword = "password"
	attrRegistry = "registry"
)

const (
	hub       = "docker.io"
	plainHTTP = "http://" // before attrRegistry: the registry speaks http
	maxUser   = 1 << 10   // bytes
)

// Kind is the docker kind. Use New.
type Kind struct {
	timeout  time.Duration // of a whole verification
	connect  time.Duration // until a connection stands, and again until TLS does
	dial     dialFunc
	certDirs []string // where docker and podman look for a registry's certificate authority
	proxies  proxyFunc
}

// New returns the docker kind.
func New() *Kind {
	const connect = 4 * time.Second
	return &Kind{
		timeout:  10 * time.Second,
		connect:  connect,
		dial:     (&net.Dialer{Timeout: connect}).DialContext,
		certDirs: []string{"/etc/docker/certs.d", "/etc/containers/certs.d"},
		proxies:  fromEnvironment,
	}
}

// Describe returns ZenML's type model of the docker connector.
func (*Kind) Describe() api.ConnectorType {
	return api.ConnectorType{
		Name: "Docker Service Connector",
		Type: kindType,
		Description: "Authenticates with a user name and a password or access token to a Docker or OCI container registry. " +
			"The registry is asked whether it accepts them when the connector is registered, verified and logged in with. " +
			"Afterwards docker and every other client that uses docker-credential-zen gets them from zend, and keeps no copy.",
		AuthMethods: []api.AuthMethod{{
			Method: methodPassword,
			Name:   "Docker username and password/token",
			Description: "A user name and a password, or better an access token that is good for what you need and can be taken back. " +
				"They are handed out as they are and do not expire by themselves.",
			Attributes: []api.Attribute{
				{Name: attrUsername, Title: "Username", Type: "string", Required: true, Secret: true},
				{Name: attrPassword, Title: "Password", Type: "string", Required: true, Secret: true},
				{
					Name: attrRegistry, Title: "Registry server URL. Omit to use DockerHub.", Type: "string",
					Description: "host[:port] of the registry. Write http:// before it if it speaks plain http; no other scheme is needed.",
				},
			},
		}},
		ResourceTypes: []api.ResourceType{{
			Type: resourceType,
			Name: "Docker/OCI container registry",
			Description: "A Docker or OCI compatible container registry. Its resource name is the host: docker.io for Docker Hub, " +
				"host[:port] for any other. A path behind it is left out: the credentials are the registry's.",
			AuthMethods: []string{methodPassword},
			Emoji:       "🐳",
		}},
		Local:  true,
		Remote: true,
		Emoji:  "🐳",
	}
}

// Validate checks the credentials' form and sets the resource id, which follows from the registry attribute.
func (k *Kind) Validate(spec connector.Spec) (connector.Spec, error) {
	spec, err := connector.Complete(k.Describe(), spec)
	if err != nil {
		return spec, err
	}
	if err := checkUsername(spec.Secrets[attrUsername].Reveal()); err != nil {
		return connector.Spec{}, err
	}
	if spec.Secrets[attrPassword], err = withoutLineEnd(spec.Secrets[attrPassword]); err != nil {
		return connector.Spec{}, err
	}
	own, err := setRegistry(spec.Config)
	if err != nil {
		return connector.Spec{}, err
	}
	if err := checkResource(spec.ResourceID, own); err != nil {
		return connector.Spec{}, err
	}
	spec.ResourceID = own
	return spec, nil
}

// checkUsername refuses what cannot travel in Basic authentication (RFC 7617, section 2).
func checkUsername(name []byte) error {
	switch {
	case bytes.IndexByte(name, ':') >= 0:
		return connector.Invalid("the username has a colon in it", "give the part before it as --username, the other as --password")
	case bytes.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return connector.Invalid("the username has a control character in it, such as a line break", "")
	case len(name) > maxUser:
		return connector.Invalid("the username is too long", "")
	}
	return nil
}

// withoutLineEnd takes off the line break that files end with. Line breaks inside stay: Google's key files are passwords too.
func withoutLineEnd(s credential.Secret) (credential.Secret, error) {
	b := s.Reveal()
	trimmed := bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r"))
	switch {
	case len(trimmed) == 0:
		return s, connector.Invalid("missing required attribute '"+attrPassword+"'", "the password is an empty line")
	case bytes.IndexByte(trimmed, 0) >= 0:
		return s, connector.Invalid("the password has a NUL character in it", "")
	case len(trimmed) == len(b):
		return s, nil
	}
	return credential.NewSecret(trimmed), nil
}

// setRegistry brings the registry attribute into its canonical form and returns the registry's host.
func setRegistry(config map[string]string) (host string, err error) {
	given := config[attrRegistry]
	if given == "" {
		delete(config, attrRegistry)
		return hub, nil
	}
	a, scheme, err := address.ParseScheme(given)
	if err != nil {
		return "", err
	}
	if a.IsHubToken() {
		return "", connector.Invalid("'"+given+"' is not a registry but a key of docker login's own", "leave out --registry for Docker Hub")
	}
	config[attrRegistry] = a.Host()
	if scheme == address.HTTP && a.Host() != hub {
		config[attrRegistry] = plainHTTP + a.Host()
	}
	return a.Host(), nil
}

// checkResource refuses a resource id that names another registry than the registry attribute does.
func checkResource(id, own string) error {
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
	return credential.NewError(credential.InvalidInput, fmt.Sprintf(
		"The connector does not allow access to the provided '%s' Docker/OCI container registry resource. It only allows access to the following resource: '%s'.",
		id, own), "the registry is given by --registry="+a.Host())
}

// registryOf returns the registry that a validated specification is for, and whether it speaks plain http.
func registryOf(spec connector.Spec) (a address.Address, http bool, ok bool) {
	registry := spec.Config[attrRegistry]
	if registry == "" {
		registry = hub
	}
	a, scheme, err := address.ParseScheme(registry)
	return a, scheme == address.HTTP, err == nil
}

// Match answers for the registry and every repository on it.
func (*Kind) Match(spec connector.Spec, a address.Address) (connector.Registry, bool) {
	own, _, ok := registryOf(spec)
	if !ok || !own.Covers(a) {
		return connector.Registry{}, false
	}
	return connector.Registry{Address: own, Key: own.Host()}, true
}

// Mint returns the stored user name and a copy of the stored password.
func (*Kind) Mint(_ context.Context, spec connector.Spec, _ connector.Registry) (credential.Credential, error) {
	username, password := spec.Secrets[attrUsername], spec.Secrets[attrPassword]
	if username.IsEmpty() || password.IsEmpty() {
		return credential.Credential{}, credential.NewError(credential.NeedsLogin, "the connector's username or password is missing",
			"zen service-connector update NAME --username=... --password=...")
	}
	return credential.Credential{Username: string(username.Reveal()), Secret: password.Clone()}, nil
}

// IsStatic reports true: what is stored is handed out.
func (*Kind) IsStatic(connector.Spec) bool { return true }

// Resources lists the one registry.
func (*Kind) Resources(_ context.Context, spec connector.Spec) ([]string, error) {
	own, _, ok := registryOf(spec)
	if !ok {
		return nil, connector.Invalid("the registry is not a registry address", "")
	}
	return []string{own.String()}, nil
}
