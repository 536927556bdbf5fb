package logins

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/credential"
)

// Login is one login that a client or a helper keeps.
type Login struct {
	Source   string // one of Sources
	Client   string // whose file it is, as clientconfig.Apply takes it; "" for helpers and leftovers
	File     string // where it is in plain text; "" for helpers
	Leftover bool   // File is a temporary file that a client left behind and that nobody reads
	Helper   string // the program that keeps it, "docker-credential-pass"; "" for files
	Key      string // the registry as it is written there

	Address   address.Address
	ServerURL string // the registry as zen is to be told: Docker's spelling, without the scheme of Key

	Username string            // "<token>" for an identity token; "" when a helper was not asked yet
	Secret   credential.Secret // empty when a helper was not asked yet
	Absent   bool              // a client's configuration names it, and its helper has nothing
	Problem  error             // why it cannot be taken over
	Useless  bool              // no client can use it either

	members []string // of the entry in File, that are taken out
	format  format
	helper  *helper
	listed  bool // by the helper itself
}

// IsToken reports whether the secret is an identity token.
func (l *Login) IsToken() bool { return l.Username == credential.TokenUsername }

// Place is where the login is kept: a file or a program.
func (l *Login) Place() string { return l.File + l.Helper }

// Same reports whether two logins have the same user name and secret.
func (l *Login) Same(o *Login) bool { return l.Username == o.Username && l.Secret.Equal(o.Secret) }

// Credential is the login's user name and secret, which stays the login's.
func (l *Login) Credential() credential.Credential {
	return credential.Credential{Username: l.Username, Secret: l.Secret}
}

// locate finds out which registry a key means. In keys with a scheme the path is left
// out, as docker, podman and helm do it (docker/cli, credentials.ConvertToHostname);
// without one it is podman's namespace (containers-auth.json(5)). That a key says http://
// must not send anything over plain http: none of the clients would, and nobody told zen
// to.
func (l *Login) locate(key string) {
	a, err := address.ParseKey(key)
	if err != nil {
		l.Problem = &credential.Error{
			Reason: credential.InvalidInput, Message: "it is not the name of a " +
				"registry: " + err.Error(), Cause: err,
			Hint: "log in again by the registry's host",
		}
		l.Useless = true
		return
	}
	if strings.Contains(key, "://") {
		a = a.Registry()
	}
	l.Address, l.ServerURL = a, a.ServerURL()
}

// check refuses what zen could not hand out to clients again as it is.
func (l *Login) check() {
	secret := l.Secret.Reveal()
	switch {
	case l.Problem != nil:
	case len(secret) == 0:
		l.problem("there is a user name and no password")
		l.Useless = true
	case l.Username == "":
		l.problem("there is no user name")
		l.Useless = true
	case !utf8.Valid(secret) || !utf8.ValidString(l.Username):
		l.problem("the user name or the password is not UTF-8, which clients cannot get from a helper")
	case strings.ContainsFunc(l.Username, unicode.IsControl):
		l.problem("the user name has a control character in it")
	}
}

func (l *Login) problem(message string) {
	l.Problem = credential.NewError(credential.InvalidInput, message, "log in again: docker "+
		"login "+l.Address.Host())
}

// Wipe clears the secrets of logins.
func Wipe(list []*Login) {
	for _, l := range list {
		l.Secret.Wipe()
	}
}
