package main

import (
	"context"

	"github.com/docker/docker-credential-helpers/client"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// keychain is go-containerregistry's, which asks for the repository first and then for
// the registry.
type keychain struct{ authn.Keychain }

// defaultKeychain reads docker's configuration file.
func defaultKeychain() keychain { return keychain{authn.DefaultKeychain} }

// helperKeychain asks the helper without a configuration file.
func helperKeychain() keychain { return keychain{authn.NewKeychainFromHelper(shellHelper{})} }

type shellHelper struct{}

func (shellHelper) Get(server string) (username, secret string, err error) {
	c, err := client.Get(client.NewShellProgramFunc("docker-credential-zen"), server)
	if err != nil {
		return "", "", err
	}
	return c.Username, c.Secret, nil
}

func (k keychain) get(ctx context.Context, server string) (credential, error) {
	var target authn.Resource
	target, err := name.NewRegistry(server)
	if err != nil { // it has a path
		if target, err = name.NewRepository(server); err != nil {
			return credential{}, err
		}
	}
	auth, err := authn.Resolve(ctx, k.Keychain, target)
	if err != nil {
		return credential{}, err
	}
	c, err := auth.Authorization()
	if err != nil {
		return credential{}, err
	}
	if c.IdentityToken != "" { // beside which some keychains leave the helper's "<token>"
		return credential{Identity: c.IdentityToken}, nil
	}
	return credential{Username: c.Username, Secret: c.Password}, nil
}

func (k keychain) resolve(ctx context.Context, image string) (string, error) {
	return head(ctx, image, remote.WithAuthFromKeychain(k.Keychain))
}

// resolveWith asks the registry with a credential, or with none.
func resolveWith(ctx context.Context, image string, c credential) (string, error) {
	if c == (credential{}) {
		return head(ctx, image, remote.WithAuth(authn.Anonymous))
	}
	auth := authn.AuthConfig{Username: c.Username, Password: c.Secret, IdentityToken: c.Identity}
	return head(ctx, image, remote.WithAuth(authn.FromConfig(auth)))
}

func head(ctx context.Context, image string, options ...remote.Option) (string, error) {
	ref, err := name.ParseReference(image)
	if err != nil {
		return "", err
	}
	descriptor, err := remote.Head(ref, append(options, remote.WithContext(ctx))...)
	if err != nil {
		return "", err
	}
	return descriptor.Digest.String(), nil
}
