package catalog

import (
	"fmt"
	"net/url"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

// A server is the one with the id that it gives itself, whatever its address is, and an
// account on it is a server of its own here: its service connectors are another list.

// sameServer reports whether two addresses lead to one server. What was connected before
// servers were asked for their ids goes by its address.
func sameServer(a, b api.Server) bool {
	if a.ServerID == "" || b.ServerID == "" {
		return a.URL == b.URL
	}
	return a.ServerID == b.ServerID
}

// sameAccount reports whether two logins on one server are of one user. A server that lets
// everybody in has no accounts.
func sameAccount(a, b api.Server) bool {
	return a.User == b.User || a.User == "" || b.User == "" ||
		a.Auth == api.ServerAuthNone || b.Auth == api.ServerAuthNone
}

// nameFor is what a server is called: as a person says, else by its host.
func nameFor(s api.Server) string {
	if s.Name != "" {
		return s.Name
	}
	if u, err := url.Parse(s.URL); err == nil {
		return u.Host
	}
	return s.URL
}

func nameTaken(o api.Server) error {
	return credential.NewError(credential.Exists,
		fmt.Sprintf("zen is connected to another server of the name '%s' already: %s", o.Name, o.URL),
		"choose another name: --name NAME, or: zen server disconnect "+safetext.ShellWord(o.Name))
}

// Greeted is what can be said of a server that gave its id, before anybody logs in there:
// an error if another server has the name that it would get, and the server that it is
// already, under another address, unless the connection gets a name of its own.
func (c Servers) Greeted(s api.Server) (moved *api.Server, err error) {
	known := false
	for _, o := range c.List() {
		if !sameServer(o, s) {
			continue
		}
		if o.URL == s.URL {
			moved = nil
			known = true
			break
		}
		if !known && s.Name == "" {
			moved = &o
		}
		known = true
	}
	if o, ok := c.Named(nameFor(s)); ok && !sameServer(o, s) && (s.Name != "" || !known) {
		return nil, nameTaken(o)
	}
	return moved, nil
}

// Connecting completes a server that let us in: it takes the place of the one of the same
// account, or is one of its own. moved is the server that it is already, under another
// address, which takes a person's word: replace. With that, a name that is given also
// changes its account.
func (c Servers) Connecting(s api.Server, replace bool) (as api.Server, moved *api.Server, err error) {
	var there []api.Server
	for _, o := range c.List() {
		if !sameServer(o, s) {
			continue
		}
		there = append(there, o)
		if !sameAccount(o, s) && (!replace || o.Name != s.Name) {
			continue
		}
		switch {
		case s.Name != "" && s.Name != o.Name:
			return s, nil, credential.NewError(credential.Exists,
				fmt.Sprintf("zen is connected to this server already, as '%s' (%s)", o.Name, o.URL),
				"leave out --name, or first: zen server disconnect "+safetext.ShellWord(o.Name))
		case o.URL != s.URL && !replace:
			return s, &o, nil
		}
		s.ID, s.Name, s.Created = o.ID, o.Name, o.Created
		return s, nil, nil
	}
	if o, taken := c.Named(s.Name); len(there) > 0 && (s.Name == "" || taken && sameServer(o, s)) {
		if !taken {
			o = there[0]
		}
		return s, nil, credential.NewError(credential.Exists,
			fmt.Sprintf("zen is connected to this server already, as '%s' with the account '%s', and "+
				"'%s' is another account", o.Name, o.User, s.User),
			"to have both, give this one another name: --name NAME; to change the account: --name "+
				safetext.ShellWord(o.Name)+" --replace")
	}
	s.Name = nameFor(s)
	if o, ok := c.Named(s.Name); ok {
		return s, nil, nameTaken(o)
	}
	return s, nil, nil
}
