package clientconfig

import (
	"slices"
	"strconv"
	"strings"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/clientconfig/jsonedit"
	"github.com/zen-agent/zen/internal/safetext"
)

// The members of docker's config.json that matter here (docker/cli,
// cli/config/configfile.ConfigFile).
const (
	auths       = "auths"
	credsStore  = "credsStore"
	credHelpers = "credHelpers"
)

// ParseDocker reads a file in docker's format; file is for the error.
func ParseDocker(file string, data []byte) (*jsonedit.Document, error) {
	return FormatOf("docker", file).Parse(file, data)
}

// checkDocker refuses a file whose members that matter are not of docker's types, or
// whose names docker reads without regard to case (encoding/json) where other clients and
// zen do not.
func checkDocker(d *jsonedit.Document) error {
	for _, key := range d.Keys() {
		for _, want := range []string{auths, credsStore, credHelpers} {
			if key != want && strings.EqualFold(key, want) {
				_, both := d.Raw(want)
				return &oddMember{key, want, both, at(d, "docker reads "+strconv.QuoteToASCII(key)+" as "+
					want+", others do not: write "+strconv.Quote(want), key)}
			}
		}
	}
	if !isTextOrNull(d, credsStore) {
		return at(d, "credsStore is not a string", credsStore)
	}
	for _, key := range []string{auths, credHelpers} {
		if raw, ok := d.Raw(key); ok && !d.IsObject(key) && string(raw) != "null" {
			return at(d, key+" is not an object", key)
		}
	}
	for _, host := range d.Keys(credHelpers) {
		if !isTextOrNull(d, credHelpers, host) {
			return at(d, "the helper for "+safetext.Name(host)+" is not a string", credHelpers, host)
		}
	}
	return nil
}

// oddMember is a member whose name only docker reads as another one.
type oddMember struct {
	name, want string
	both       bool // the file has the other one too
	error
}

func (o *oddMember) Unwrap() error { return o.error }

// mend says what corrects it in a file, a command if there is no doubt.
func (o *oddMember) mend(file string) string {
	letter := func(r rune) bool { return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' }
	switch {
	case o.both:
		return "take " + strconv.QuoteToASCII(o.name) + " out of " + safetext.Name(file)
	case strings.IndexFunc(o.name, func(r rune) bool { return !letter(r) }) >= 0: // ſ is an s to docker
		return "correct the file; zen changed nothing in it"
	}
	return `sed -i 's/"` + o.name + `"\( *:\)/"` + o.want + `"\1/' ` + safetext.ShellWord(file)
}

func isTextOrNull(d *jsonedit.Document, path ...string) bool {
	raw, ok := d.Raw(path...)
	return !ok || raw[0] == '"' || string(raw) == "null"
}

func at(d *jsonedit.Document, message string, path ...string) error {
	line, column := d.Position(path...)
	return &jsonedit.SyntaxError{Line: line, Column: column, Message: message}
}

// set names the helper for the keys, or for everything when there are none. Members that
// name it already stay as they are. If no profile is asked for, those that name one stay
// too, and those that were made to name one before are made to again.
func (s *setup) set(d *jsonedit.Document) (*jsonedit.Document, []*jsonedit.Change, error) {
	paths := [][]string{{credsStore}}
	if len(s.keys) > 0 {
		paths = nil
		for _, key := range s.keys {
			paths = append(paths, []string{credHelpers, key})
		}
	}
	var members []member
	for _, path := range paths {
		if now, ok := d.Text(path...); !ok || !s.named([]string{now}) {
			members = append(members, member{path, s.value(path)})
		}
	}
	return setMembers(d, members)
}

// value is the text that the member at path is to have.
func (s *setup) value(path []string) string {
	i := slices.IndexFunc(s.old.Changes, func(c *jsonedit.Change) bool { return slices.Equal(c.Path, path) })
	if i >= 0 && !s.profile {
		return s.old.Changes[i].New
	}
	return strconv.Quote(s.helper)
}

// named reports whether helpers begin with the one to name: what comes before it is asked
// first, and gets the logins.
func (s *setup) named(helpers []string) bool {
	if s.profile {
		return len(helpers) > 0 && helpers[0] == s.helper
	}
	return namesZen(helpers)
}

// member is one of a file and the text of its value.
type member struct {
	path  []string
	value string
}

func setMembers(d *jsonedit.Document, members []member) (*jsonedit.Document, []*jsonedit.Change, error) {
	var changes []*jsonedit.Change
	for _, m := range members {
		next, change, err := d.Set(m.value, m.path...)
		if err != nil {
			return nil, nil, err
		}
		if change != nil {
			d, changes = next, append(changes, change)
		}
	}
	return d, changes, nil
}

// helperFor is the helper that docker executes for a registry: "" for none, which means
// the passwords in the file. An entry in credHelpers counts even when it is empty
// (configfile.getConfiguredCredentialStore).
func helperFor(d *jsonedit.Document, key string) string {
	if _, ok := d.Raw(credHelpers, key); ok && key != "" { // none asks for a nameless one
		helper, _ := d.Text(credHelpers, key)
		return helper
	}
	helper, _ := d.Text(credsStore)
	return helper
}

// HelperFor is the name of the helper that docker executes for a key of auths: "" for
// none.
func HelperFor(d *jsonedit.Document, key string) string { return helperFor(d, loginOf(key).key) }

// login is an entry of auths that holds a secret.
type login struct {
	name string // the registry as zen prints it
	key  string // of the registry in credHelpers
	host address.Address
	// it is spelled as clients ask; others are older
	current bool
}

// loginOf names the registry of a key of auths, which may be an old spelling such as
// https://ghcr.io/v1/. A key that is not an address is shown without what stands before an @,
// which could be a password.
func loginOf(key string) login {
	a, err := ByHost.Address(key)
	if err != nil {
		return login{name: safetext.Name(key[strings.LastIndexByte(key, '@')+1:]), key: key}
	}
	// docker looks at the host alone (credentials.ConvertToHostname)
	return login{
		name: a.String(), key: a.Registry().ServerURL(), host: a.Registry(),
		current: key == a.ServerURL() || key == a.String(),
	}
}

// DockerContext is the engine that docker's configuration chooses; "" for the usual one.
func (e Env) DockerContext() string {
	file, err := filesOf(e).docker()
	if err != nil {
		return ""
	}
	d, err := ReadDocker(file)
	if err != nil {
		return ""
	}
	context, _ := d.Text("currentContext")
	return strings.TrimPrefix(context, "default")
}
