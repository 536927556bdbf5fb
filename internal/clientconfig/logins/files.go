package logins

import (
	"slices"
	"strings"

	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/clientconfig/fileedit"
	"github.com/zen-agent/zen/internal/clientconfig/jsonedit"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safejson"
)

// format is how a file names what a login consists of.
type format struct{ clientconfig.Format }

func formatOf(client, path string) format { return format{clientconfig.FormatOf(client, path)} }

// open reads a file of the format. A nil document means that there is no such file.
func (f format) open(path string) (*jsonedit.Document, error) {
	content, err := fileedit.Read(path)
	if err != nil || !content.Exists {
		return nil, err
	}
	return f.Parse(path, content.Data)
}

// Read returns the logins in a client's file. One that does not exist has none. The
// caller wipes them.
func Read(client, path string) ([]*Login, error) {
	content, err := fileedit.Read(path)
	if err != nil || !content.Exists {
		return nil, err
	}
	defer clear(content.Data)
	f := formatOf(client, path)
	d, err := f.Parse(path, content.Data)
	if err != nil {
		return nil, err
	}
	return f.logins(client, path, d), nil
}

// logins are the entries of d that hold a secret, those that are spelled as clients ask
// first: others are older.
func (f format) logins(client, path string, d *jsonedit.Document) []*Login {
	var list []*Login
	for _, key := range d.Keys(f.Root...) {
		l := &Login{Source: f.Source, Client: client, File: path, Key: key, format: f}
		if !f.read(d, l) {
			continue
		}
		if f.Helpers {
			l.Named = clientconfig.HelperFor(d, key)
		}
		l.locate(f.Rule, f.Registry(d, key))
		l.check()
		list = append(list, l)
	}
	if f.Rule == clientconfig.ByHost {
		settle(list)
	}
	slices.SortStableFunc(list, func(a, b *Login) int { return spelling(a) - spelling(b) })
	return list
}

func spelling(l *Login) int {
	asked := l.Address.ServerURL()
	if l.Client == "podman" || l.Client == "regctl" {
		asked = l.Address.String()
	}
	if l.Key == asked {
		return 0
	}
	return 1
}

// read puts the user name, the secret and the members of an entry into l, in the order in
// which clients look at them: an identity token comes before auth, and that before what
// is beside it. It reports whether there is a secret at all.
func (f format) read(d *jsonedit.Document, l *Login) bool {
	auth, user := f.text(d, l, f.Auth), f.text(d, l, f.User)
	password, token := f.text(d, l, f.Password), f.text(d, l, f.Token)
	bearer := f.text(d, l, "registrytoken")
	defer func() {
		for _, m := range []member{auth, user, password, token, bearer} {
			clear(m.value)
		}
	}()
	l.members = slices.Concat(auth.names, password.names, token.names)
	switch {
	case len(token.value) > 0:
		l.Username, l.Secret = credential.TokenUsername, credential.NewSecret(slices.Clone(token.value))
	case len(auth.value) > 0:
		username, secret, err := decodeAuth(auth.value)
		l.Username, l.Secret = username, secret
		if err != nil {
			l.Problem = &credential.Error{
				Reason:  credential.InvalidInput,
				Message: err.Error(),
				Cause:   err,
				Hint:    "log in again",
			}
			l.Useless = true
		}
	case len(password.value) > 0:
		l.Username, l.Secret = string(user.value), credential.NewSecret(slices.Clone(password.value))
		l.members = append(l.members, user.names...)
	case len(bearer.value) > 0:
		l.Problem = credential.NewError(credential.InvalidInput,
			"it is a registry's own token, which no helper can hand out and which ends by "+
				"itself", "log in again with a user name")
	default:
		return false
	}
	return true
}

// member is a member of an entry, by all the names it has there.
type member struct {
	names []string
	value []byte
}

// text reads the member of l's entry that is called name; the caller clears its value.
// The last one counts.
func (f format) text(d *jsonedit.Document, l *Login, name string) (m member) {
	if name == "" {
		return m
	}
	for _, key := range d.Keys(f.Path(l.Key)...) {
		if !strings.EqualFold(key, name) {
			continue
		}
		raw, _ := d.Raw(f.Path(l.Key, key)...)
		if text, err := safejson.Unquote(raw); err == nil {
			clear(m.value)
			m.value, m.names = text, append(m.names, key)
		}
	}
	return m
}
