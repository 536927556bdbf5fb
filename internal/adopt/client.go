package adopt

import (
	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/clientconfig/jsonedit"
	"github.com/zen-agent/zen/internal/clientconfig/logins"
)

// Configured is the client whose configuration says which helper another one asks; ""
// for none, which a leftover is of.
func Configured(client string) string {
	c, _ := clientconfig.Named(client)
	return c.Config
}

// DockerFormat reports whether the file of a login names helpers itself, as docker's.
func DockerFormat(client string) bool { return client != "podman" && client != "regctl" }

// HelperOf is the helper that its client asks for a login's registry, "" for none. A
// document is that of the login's file, if that is in docker's format.
func HelperOf(env clientconfig.Env, d *jsonedit.Document, l *logins.Login) string {
	if DockerFormat(l.Client) {
		return clientconfig.HelperFor(d, l.Key)
	}
	key := l.Address.Host()
	if Configured(l.Client) == "docker" {
		key = l.Address.ServerURL()
	}
	asked, err := env.Asks(Configured(l.Client), l.Address, key)
	if err != nil || len(asked) == 0 {
		return ""
	}
	return asked[0].Helper
}

// ProfileOf is the profile under which the client of a login asks zen, as its file stood
// when it was read.
func ProfileOf(env clientconfig.Env, l *logins.Login) string {
	switch {
	case l.File == "":
		return ""
	case DockerFormat(l.Client):
		return clientconfig.Profile(l.Named)
	}
	return clientconfig.Profile(HelperOf(env, nil, l))
}
