package server

import (
	"context"
	"slices"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/zenml"
)

const resourceType = "docker-registry"

// Checker asks registries: a *registryauth.Checker, or something that has one asked.
type Checker interface {
	Verify(
		context.Context,
		connector.Target,
		credential.Credential,
		connector.VerifyOptions,
	) (connector.Report, error)
}

// Kind is the kind of a server's connectors. Use New.
type Kind struct {
	pool    *zenml.Pool
	checker Checker
}

// New returns the kind. The pool keeps the servers' access tokens.
func New(pool *zenml.Pool, c Checker) *Kind { return &Kind{pool: pool, checker: c} }

// Describe returns the kind in ZenML's type model; it is not one that can be registered.
func (*Kind) Describe() api.ConnectorType {
	return api.ConnectorType{
		Name: "ZenML Server Service Connector",
		Type: "server",
		Description: "A service connector that lives on a ZenML server. The server makes the " +
			"credentials, of whatever type the connector " +
			"is, and hands them out for one registry at a time.",
		AuthMethods: []api.AuthMethod{{
			Method: "server", Name: "Login at the server", Description: "Whoever is logged in at the " +
				"server may use its connectors.",
			Attributes: []api.Attribute{{Name: connector.AttrKey, Title: "API key, password or access " +
				"token of the server", Type: "string", Secret: true}},
		}},
		ResourceTypes: []api.ResourceType{{
			Type: resourceType, Name: "Docker/OCI container registry", AuthMethods: []string{"server"},
			SupportsInstances: true, Emoji: "🐳",
			Description: "A container registry that the connector on the server gives access to. Its " +
				"resource name is the registry's address.",
		}},
		Remote: true,
		Emoji:  "☁️",
	}
}

// Validate refuses: connectors of a server are registered there.
func (*Kind) Validate(connector.Spec) (connector.Spec, error) {
	return connector.Spec{}, connector.Invalid("it lives on a server", "register it there, with zenml "+
		"service-connector register")
}

// Match answers for the host of the connector's resource: the server's credentials are
// good for all of a registry.
func (*Kind) Match(spec connector.Spec, a address.Address) (connector.Registry, bool) {
	own, err := address.Parse(spec.ResourceID)
	if spec.ResourceID == "" || err != nil || own.Host() != a.Host() {
		return connector.Registry{}, false
	}
	return connector.Registry{Address: own.Registry(), Key: own.String()}, true
}

// MadeBy is the server.
func (*Kind) MadeBy(spec connector.Spec) access.Destination {
	s, _ := connector.ServerOf(spec.Config)
	return access.Destination{Place: access.Server, Name: s.URL}
}

// Mint asks the server.
func (k *Kind) Mint(
	ctx context.Context,
	spec connector.Spec,
	reg connector.Registry,
) (credential.Credential, error) {
	c, err := k.client(spec)
	if err != nil {
		return credential.Credential{}, err
	}
	minted, err := c.Credential(ctx, spec.ID, spec.ResourceID, reg.Address)
	return minted.Credential, err
}

// client is a client of the specification's server. The key is copied each time that a
// login needs it: it is used before the specification's secrets are wiped.
func (k *Kind) client(spec connector.Spec) (*zenml.Client, error) {
	s, ok := connector.ServerOf(spec.Config)
	if !ok {
		return nil, connector.Invalid("it names no server", "zen server list")
	}
	key := spec.Secrets[connector.AttrKey]
	return k.pool.Client(zenml.Config{
		ID: s.ID, Revision: s.Revision, URL: s.URL, Auth: s.Auth, Username: s.Username,
		CACert: []byte(s.CACert), Insecure: s.Insecure,
		Version: api.Version, Key: func(context.Context) (credential.Secret, error) {
			return key.Clone(),
				nil
		},
	})
}

// Resources lists the one registry, or asks the server which ones there are.
func (k *Kind) Resources(ctx context.Context, spec connector.Spec) ([]string, error) {
	if spec.ResourceID != "" {
		return []string{spec.ResourceID}, nil
	}
	c, err := k.client(spec)
	if err != nil {
		return nil, err
	}
	ids, err := c.Resources(ctx, spec.ID)
	return slices.DeleteFunc(
		ids,
		func(id string) bool { _, err := address.Parse(id); return err != nil },
	), err
}

// Verify mints a credential and shows it to the registry.
func (k *Kind) Verify(
	ctx context.Context, spec connector.Spec, reg connector.Registry, opt connector.VerifyOptions,
) (connector.Report, error) {
	cred, err := k.Mint(ctx, spec, reg)
	if err != nil {
		return connector.Report{}, err
	}
	defer cred.Secret.Wipe()
	return k.Prove(ctx, spec, reg, cred, opt)
}

// Prove shows a minted credential to the registry.
func (k *Kind) Prove(
	ctx context.Context,
	spec connector.Spec,
	reg connector.Registry,
	cred credential.Credential,
	opt connector.VerifyOptions,
) (connector.Report, error) {
	own, plain, _ := connector.RegistryOf(spec, "")
	to := connector.Target{Registry: reg.Address, PlainHTTP: plain && own.Host() == reg.Address.Host()}
	return k.checker.Verify(ctx, to, cred, opt)
}
