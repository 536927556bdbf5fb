package logins

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/clientconfig"
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
	Named    string // the helper that File names for it, if File is in docker's format

	Address   address.Address
	ServerURL string // the registry as zen is to be told: Docker's spelling, without the scheme of Key

	Username string            // "<token>" for an identity token; "" when a helper was not asked yet
	Secret   credential.Secret // empty when a helper was not asked yet
	Absent   bool              // a client's configuration names it, and its helper has nothing
	Problem  error             // why it cannot be taken over
	Useless  bool              // no client can use it either

	narrow  address.Address // the repository path of Key, if the login was taken for the whole host
	members []string        // of the entry in File, that are taken out
	format  format
	helper  *helper
	listed  bool // by the helper itself
}

// Registry names the registry to a person; a key that makes no sense stands for itself.
func (l *Login) Registry() string { return cmp.Or(l.Address.String(), l.PlainKey()) }

// PlainKey is Key without what stands before an @, which could be a password.
func (l *Login) PlainKey() string { return l.Key[strings.LastIndexByte(l.Key, '@')+1:] }

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

// locate finds out which registry a key means. That a key says http:// must not send
// anything over plain http: none of the clients would, and nobody told zen to.
func (l *Login) locate(rule clientconfig.Rule, key string) {
	a, err := rule.Address(key)
	if err != nil {
		l.Problem = notARegistry(key, err)
		l.Useless = true
		return
	}
	l.Address, l.ServerURL = a, a.ServerURL()
}

func notARegistry(key string, err error) error {
	message := "it is not the name of a registry: " + err.Error()
	hint := "log in again by the registry's host"
	switch {
	case strings.ContainsAny(key, "${}"):
		message = "it is not the name of a registry: a variable in it was not replaced by its value"
	case strings.Contains(key, "*"):
		message = "it is not the name of a registry: docker knows no patterns here, and takes * as it is"
		hint = "log in to each registry by its host: docker login HOST"
	}
	return &credential.Error{Reason: credential.InvalidInput, Message: message, Hint: hint, Cause: err}
}

// settle decides for docker's rule what the keys of one host are, where the file has more
// than one or no exact one. The entry for the host itself is the host's login, and those
// for repositories beside it are theirs: clients that ask for repositories find them. One
// for a path alone is the host's. Of several with different credentials docker takes any,
// so that nobody knows which is meant.
func settle(list []*Login) {
	byHost := map[address.Address][]*Login{}
	for _, l := range list {
		if l.ServerURL != "" && l.Problem == nil && !l.Address.IsHubToken() {
			byHost[l.Address.Registry()] = append(byHost[l.Address.Registry()], l)
		}
	}
	for host, held := range byHost {
		exact := slices.ContainsFunc(held, func(l *Login) bool {
			return l.Key == host.ServerURL() || l.Key == host.String()
		})
		// the keys by which docker finds the host, or podman on Docker Hub
		var whole []*Login
		for _, l := range held {
			if l.Address.Path() == "" || !host.IsHub() {
				whole = append(whole, l)
			}
		}
		if exact || len(whole) == 0 {
			continue
		}
		same := !slices.ContainsFunc(whole, func(l *Login) bool { return !l.Same(whole[0]) })
		for _, l := range whole {
			if l.Address.Path() != "" {
				l.narrow = l.Address
			}
			if l.Address, l.ServerURL = host, host.ServerURL(); !same {
				l.Problem = credential.NewError(credential.InUse, "the file has several logins for "+
					host.String()+" with different credentials, of which docker takes any",
					"say which one counts: docker login "+host.Host())
			}
		}
	}
}

// Narrow makes a login for a repository path of one that was taken for its whole host,
// where zen has another login for that; it reports whether it was such a one.
func (l *Login) Narrow() bool {
	if l.narrow == (address.Address{}) {
		return false
	}
	l.Address, l.ServerURL, l.narrow = l.narrow, l.narrow.ServerURL(), address.Address{}
	return true
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
