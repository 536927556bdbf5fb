package connector

import (
	"context"
	"fmt"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/clientconfig/logins"
	"github.com/zen-agent/zen/internal/credential"
)

// existingLogin finds the login that docker has for a registry without zen: in its
// configuration, or with the helper that this names. The caller wipes the secret.
func (a *Commands) existingLogin(ctx context.Context, registry address.Address) (*logins.Login, error) {
	env, err := a.clientEnv()
	if err != nil {
		return nil, err
	}
	use, err := env.Docker(registry)
	if err == nil && clientconfig.IsZen(use.Helper) {
		err = ui.Refused("docker asks zen itself for "+registry.String(), "see who answers: zen "+
			"why "+registry.String())
	}
	if err != nil {
		return nil, err
	}
	return logins.Finder{Env: env}.Docker(ctx, use, registry)
}

// autoConfigure takes the attributes that were not given from the login that docker has.
func (a *Commands) autoConfigure(
	ctx context.Context,
	typeName string,
	supported bool,
	config zend.Secrets,
) error {
	if !supported {
		return ui.Refused(fmt.Sprintf("The %s service connector type does not support "+
			"auto-configuration.", typeName),
			"give the attributes yourself, or: --interactive")
	}
	server := "docker.io"
	if s, ok := config["registry"]; ok && !s.IsEmpty() {
		server = string(s.Reveal())
	}
	registry, err := address.Parse(server)
	if err != nil {
		return err
	}
	login, err := a.existingLogin(ctx, registry)
	if err != nil {
		return err
	}
	a.Say("Found the login of '%s' at %s in %s.", login.Username, registry, login.Place())
	taken := zend.Secrets{"username": credential.SecretString(login.Username), "password": login.Secret}
	for name, value := range taken {
		if _, given := config[name]; given {
			value.Wipe()
			continue
		}
		config[name] = value
	}
	return nil
}
