package main

import (
	"context"
	"os"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/cli/cli/config/types"
	"github.com/docker/docker-credential-helpers/client"
	"github.com/docker/docker-credential-helpers/credentials"
)

// identityUser is the user name that stands for an identity token between clients and
// helpers.
const identityUser = "<token>"

// helpers is docker-credential-helpers' side of the protocol, which most clients share.
type helpers struct{ program client.ProgramFunc }

func newHelpers() helpers { return helpers{client.NewShellProgramFunc("docker-credential-zen")} }

func (h helpers) get(_ context.Context, server string) (credential, error) {
	c, err := client.Get(h.program, server)
	switch {
	case err != nil:
		return credential{}, err
	case c.Username == identityUser:
		return credential{Identity: c.Secret}, nil
	}
	return credential{Username: c.Username, Secret: c.Secret}, nil
}

func (h helpers) store(_ context.Context, server string, c credential) error {
	stored := credentials.Credentials{ServerURL: server, Username: c.Username, Secret: c.Secret}
	if c.Identity != "" {
		stored.Username, stored.Secret = identityUser, c.Identity
	}
	return client.Store(h.program, &stored)
}

func (h helpers) erase(_ context.Context, server string) error {
	return client.Erase(h.program, server)
}

func (h helpers) list() (map[string]string, error) { return client.List(h.program) }

func (h helpers) resolve(ctx context.Context, image string) (string, error) {
	c, err := h.get(ctx, hostOf(image))
	if credentials.IsErrCredentialsNotFound(err) {
		c, err = credential{}, nil // as every client does
	}
	if err != nil {
		return "", err
	}
	return resolveWith(ctx, image, c)
}

// dockerFile is docker's configuration file as its command line, compose and buildx read
// it.
type dockerFile struct{ file *configfile.ConfigFile }

func openDocker() dockerFile { return dockerFile{config.LoadDefaultConfigFile(os.Stderr)} }

func (d dockerFile) get(_ context.Context, server string) (credential, error) {
	c, err := d.file.GetAuthConfig(server)
	return credential{Username: c.Username, Secret: c.Password, Identity: c.IdentityToken}, err
}

func (d dockerFile) store(_ context.Context, server string, c credential) error {
	return d.file.GetCredentialsStore(server).Store(types.AuthConfig{
		ServerAddress: server, Username: c.Username, Password: c.Secret, IdentityToken: c.Identity,
	})
}

func (d dockerFile) erase(_ context.Context, server string) error {
	return d.file.GetCredentialsStore(server).Erase(server)
}

// list also gets each credential, as docker does before a classic build.
func (d dockerFile) list() (map[string]string, error) {
	all, err := d.file.GetAllCredentials()
	users := map[string]string{}
	for server, c := range all {
		users[server] = c.Username
		if c.IdentityToken != "" {
			users[server] = identityUser
		}
	}
	return users, err
}

func (d dockerFile) resolve(ctx context.Context, image string) (string, error) {
	c, err := d.get(ctx, hostOf(image))
	if err != nil {
		return "", err
	}
	return resolveWith(ctx, image, c)
}
