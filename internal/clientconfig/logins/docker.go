package logins

import (
	"context"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

// Docker returns the login that docker has for a registry: in its file, or with the
// helper that use says it asks. There may be none, which has the reason NoSuchEntity. The
// caller wipes it.
func (f Finder) Docker(ctx context.Context, use clientconfig.Use, registry address.Address) (*Login, error) {
	list, place := []*Login{}, use.File
	if use.Helper == "" {
		found, err := Read("docker", use.File)
		if err != nil {
			return nil, err
		}
		list = found
	} else {
		h := f.helper(use.Helper, use.Helper)
		if place = h.program; h.path == "" {
			return nil, h.missing()
		}
		l := h.login(registry.ServerURL())
		if l.fetch(ctx); !l.Absent {
			list = append(list, l)
		}
	}
	var login *Login
	for _, l := range list {
		if login == nil && l.Address == registry {
			login = l
			continue
		}
		l.Secret.Wipe()
	}
	switch {
	case login == nil:
		return nil, credential.NewError(credential.NoSuchEntity, safetext.Name(place)+" has no login "+
			"for "+registry.String(),
			"docker login "+registry.String()+", or give the attributes yourself")
	case login.Problem != nil:
		login.Secret.Wipe()
		return nil, login.Problem
	}
	return login, nil
}
