package docker

import (
	"bytes"
	"context"

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
)

const (
	hub     = "docker.io"
	maxUser = 1 << 10 // bytes
)

// Kind is the docker kind. Use New.
type Kind struct{ checker Checker }

// Checker asks registries: a *registryauth.Checker, or something that has one asked.
type Checker interface {
	Verify(
		context.Context,
		connector.Target,
		credential.Credential,
		connector.VerifyOptions,
	) (connector.Report, error)
	IdentityToken(context.Context, connector.Target, credential.Credential) (credential.Credential, error)
	Limits(context.Context, connector.Target, credential.Credential) (connector.Limits, error)
}

// New returns the docker kind.
func New(c Checker) *Kind { return &Kind{checker: c} }

// Describe returns ZenML's type model of the docker connector.
func (*Kind) Describe() api.ConnectorType {
	return api.ConnectorType{
		Name: "Docker Service Connector",
		Type: kindType,
		Description: "Authenticates with a user name and a password or access token to a Docker or OCI " +
			"container registry. " +
			"The registry is asked whether it accepts them when the connector is registered, verified " +
			"and logged in with. " +
			"Afterwards docker and every other client that uses docker-credential-zen gets them from " +
			"zend, and keeps no copy.",
		AuthMethods: []api.AuthMethod{{
			Method: methodPassword,
			Name:   "Docker username and password/token",
			Description: "A user name and a password, or better an access token that is good for what " +
				"you need and can be taken back. " +
				"They are handed out as they are and do not expire by themselves. " +
				"With the user name <token> the password is an identity token (OAuth2 refresh token).",
			Attributes: []api.Attribute{
				{Name: attrUsername, Title: "Username", Type: "string", Required: true, Secret: true},
				{Name: attrPassword, Title: "Password", Type: "string", Required: true, Secret: true},
				{
					Name: connector.AttrRegistry, Title: "Registry server URL. Omit to use " +
						"DockerHub.", Type: "string",
					Description: "host[:port] of the registry. Write http:// before it if it speaks " +
						"plain http; " +
						"on another machine that takes --insecure. No other scheme is needed.",
				},
			},
		}},
		ResourceTypes: []api.ResourceType{{
			Type: resourceType,
			Name: "Docker/OCI container registry",
			Description: "A Docker or OCI compatible container registry. Its resource name is the host: " +
				"docker.io for Docker Hub, " +
				"host[:port] for any other. A path behind it is left out: the credentials are the " +
				"registry's.",
			AuthMethods: []string{methodPassword},
			Emoji:       "🐳",
		}},
		SupportsAutoConfiguration: true, // the command line reads the login that docker has
		Local:                     true,
		Remote:                    true,
		Emoji:                     "🐳",
	}
}

// Validate checks the credentials' form and sets the resource id, which follows from the
// registry attribute.
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
	own, err := connector.SetRegistry(spec.Config, hub)
	if err != nil {
		return connector.Spec{}, err
	}
	if err := connector.CheckResource(spec.ResourceID, own); err != nil {
		return connector.Spec{}, err
	}
	spec.ResourceID = own
	return spec, nil
}

// checkUsername refuses what cannot travel in Basic authentication (RFC 7617, section 2).
func checkUsername(name []byte) error {
	switch {
	case bytes.IndexByte(name, ':') >= 0:
		return connector.Invalid("the username has a colon in it", "give the part before it as "+
			"--username, the other as --password")
	case bytes.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return connector.Invalid("the username has a control character in it, such as a line break", "")
	case len(name) > maxUser:
		return connector.Invalid("the username is too long", "")
	}
	return nil
}

// withoutLineEnd takes off the line break that files end with. Line breaks inside stay:
// Google's key files are passwords too.
func withoutLineEnd(s credential.Secret) (credential.Secret, error) {
	b := s.Reveal()
	trimmed := bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r"))
	switch {
	case len(trimmed) == 0:
		return s, connector.Invalid("missing required attribute '"+attrPassword+"'", "the password is an "+
			"empty line")
	case bytes.IndexByte(trimmed, 0) >= 0:
		return s, connector.Invalid("the password has a NUL character in it", "")
	case len(trimmed) == len(b):
		return s, nil
	}
	return credential.NewSecret(trimmed), nil
}

// ForPassword is the specification of a connector with these attributes.
func (*Kind) ForPassword(registry string, username, password credential.Secret) connector.Spec {
	return connector.Spec{
		Type: kindType, AuthMethod: methodPassword,
		Config:  map[string]string{connector.AttrRegistry: registry},
		Secrets: map[string]credential.Secret{attrUsername: username, attrPassword: password},
	}
}

// Names are the secret attributes that open nothing.
func (*Kind) Names() []string { return []string{attrUsername} }

// Match answers for the registry and every repository on it.
func (*Kind) Match(spec connector.Spec, a address.Address) (connector.Registry, bool) {
	own, _, ok := connector.RegistryOf(spec, hub)
	if !ok || !own.Covers(a) {
		return connector.Registry{}, false
	}
	return connector.Registry{Address: own, Key: own.Host()}, true
}

// Mint returns the stored user name and a copy of the stored password.
func (*Kind) Mint(
	_ context.Context,
	spec connector.Spec,
	_ connector.Registry,
) (credential.Credential, error) {
	username, password := spec.Secrets[attrUsername], spec.Secrets[attrPassword]
	if username.IsEmpty() || password.IsEmpty() {
		return credential.Credential{}, credential.NewError(credential.NeedsLogin, "the connector's "+
			"username or password is missing",
			"zen service-connector update NAME --username=... --password=...")
	}
	return credential.Credential{Username: string(username.Reveal()), Secret: password.Clone()}, nil
}

// Verify asks the registry about what Mint returns.
func (k *Kind) Verify(
	ctx context.Context, spec connector.Spec, reg connector.Registry, opt connector.VerifyOptions,
) (connector.Report, error) {
	target, err := targetOf(spec)
	if err != nil {
		return connector.Report{}, err
	}
	cred, err := k.Mint(ctx, spec, reg)
	if err != nil {
		return connector.Report{}, err
	}
	defer cred.Secret.Wipe()
	return k.checker.Verify(ctx, target, cred, opt)
}

// IdentityToken has one granted for the user name and password, or returns the one that
// is in their place.
func (k *Kind) IdentityToken(
	ctx context.Context,
	spec connector.Spec,
	reg connector.Registry,
) (credential.Credential, error) {
	target, err := targetOf(spec)
	if err != nil {
		return credential.Credential{}, err
	}
	cred, err := k.Mint(ctx, spec, reg)
	if err != nil || cred.IsIdentityToken() {
		return cred, err
	}
	defer cred.Secret.Wipe()
	return k.checker.IdentityToken(ctx, target, cred)
}

// Limits asks Docker Hub, the only registry that tells.
func (k *Kind) Limits(
	ctx context.Context,
	registry address.Address,
	cred credential.Credential,
) (connector.Limits, error) {
	if registry.Host() != hub {
		return connector.Limits{}, credential.NewError(
			credential.InvalidInput,
			registry.Host()+" does not tell its limits",
			"",
		)
	}
	return k.checker.Limits(ctx, connector.Target{Registry: registry}, cred)
}

func targetOf(spec connector.Spec) (connector.Target, error) {
	own, plain, ok := connector.RegistryOf(spec, hub)
	if !ok {
		return connector.Target{}, connector.Invalid("the registry is not a registry address", "")
	}
	return connector.Target{Registry: own, PlainHTTP: plain}, nil
}

// IsStatic reports true: what is stored is handed out.
func (*Kind) IsStatic(connector.Spec) bool { return true }

// Resources lists the one registry.
func (*Kind) Resources(_ context.Context, spec connector.Spec) ([]string, error) {
	own, _, ok := connector.RegistryOf(spec, hub)
	if !ok {
		return nil, connector.Invalid("the registry is not a registry address", "")
	}
	return []string{own.String()}, nil
}
