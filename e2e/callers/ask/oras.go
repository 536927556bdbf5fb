package main

import (
	"context"

	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
)

// orasStore is a store of oras-go, as oras and helm use it.
type orasStore struct{ credentials.Store }

// openOras reads docker's configuration file.
func openOras() (orasStore, error) {
	s, err := credentials.NewStoreFromDocker(credentials.StoreOptions{})
	return orasStore{s}, err
}

// nativeOras asks the helper without a configuration file.
func nativeOras() orasStore { return orasStore{credentials.NewNativeStore("zen")} }

func (o orasStore) get(ctx context.Context, server string) (credential, error) {
	c, err := o.Get(ctx, server)
	return credential{Username: c.Username, Secret: c.Password, Identity: c.RefreshToken}, err
}

func (o orasStore) store(ctx context.Context, server string, c credential) error {
	return o.Put(
		ctx,
		server,
		auth.Credential{Username: c.Username, Password: c.Secret, RefreshToken: c.Identity},
	)
}

func (o orasStore) erase(ctx context.Context, server string) error { return o.Delete(ctx, server) }

func (o orasStore) resolve(ctx context.Context, image string) (string, error) {
	repository, err := remote.NewRepository(image)
	if err != nil {
		return "", err
	}
	repository.PlainHTTP = true
	repository.Client = &auth.Client{Credential: credentials.Credential(o.Store)}
	descriptor, err := repository.Resolve(ctx, repository.Reference.Reference)
	if err != nil {
		return "", err
	}
	return descriptor.Digest.String(), nil
}
