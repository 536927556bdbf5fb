package catalog

import (
	"cmp"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
)

// Logins say which connector or stored password answers for an address.
type Logins struct{ *state }

// login is a login and its address, parsed once.
type login struct {
	api.Login
	address address.Address
}

// ended reports whether the login's time limit has passed.
func (l *login) ended(now time.Time) bool { return l.Until != nil && !now.Before(*l.Until) }

// appliesTo reports whether the login may answer a caller: one that is bound to a
// directory answers below it only, one that is bound to a profile answers that profile
// only.
func (l *login) appliesTo(dir, profile string) bool {
	return (l.Dir == "" || within(dir, l.Dir)) && (l.Profile == "" || l.Profile == profile)
}

// compare orders the logins of one address: nearest directory first, then those for a
// profile, then the newest.
func (l *login) compare(o *login) int {
	return cmp.Or(
		cmp.Compare(len(o.Dir), len(l.Dir)),
		cmp.Compare(len(o.Profile), len(l.Profile)),
		o.Created.Compare(l.Created),
		cmp.Compare(l.ID, o.ID),
	)
}

// within reports whether dir is base or below it; both are clean.
func within(dir, base string) bool {
	rest, ok := strings.CutPrefix(dir, base)
	return ok && (rest == "" || rest[0] == filepath.Separator || base[len(base)-1] == filepath.Separator)
}

func (c *state) keepLogin(l *login) {
	c.dropLogin(l.ID)
	c.logins[l.ID] = l
	others := c.byAddress[l.address]
	i, _ := slices.BinarySearchFunc(others, l, (*login).compare)
	c.byAddress[l.address] = slices.Insert(slices.Clip(others), i, l)
}

func (c *state) dropLogin(id string) {
	l := c.logins[id]
	if l == nil {
		return
	}
	delete(c.logins, id)
	list := slices.DeleteFunc(slices.Clone(c.byAddress[l.address]), func(o *login) bool { return o == l })
	if len(list) == 0 {
		delete(c.byAddress, l.address)
		return
	}
	c.byAddress[l.address] = list
}

// For returns the login that answers for an address: the longest path first, then the
// nearest directory, then the profile. Logins whose time has passed do not count.
func (c Logins) For(a address.Address, dir, profile string, now time.Time) (api.Login, bool) {
	if dir != "" {
		dir = filepath.Clean(dir)
	}
	for ok := true; ok; a, ok = a.Parent() {
		for _, l := range c.byAddress[a] {
			if l.appliesTo(dir, profile) && !l.ended(now) {
				return c.view(l), true
			}
		}
	}
	return api.Login{}, false
}

func (c Logins) view(l *login) api.Login {
	out := l.Login
	if conn := c.connectorByID(l.ConnectorID); conn != nil {
		out.ConnectorName, out.Server = conn.Name, conn.Server
	}
	return out
}

// List returns all logins by address, those that end included; the slice is the caller's.
func (c Logins) List() []api.Login {
	list := make([]*login, 0, len(c.logins))
	for _, l := range c.logins {
		list = append(list, l)
	}
	slices.SortFunc(list, func(a, b *login) int {
		return cmp.Or(cmp.Compare(a.Address, b.Address), a.compare(b))
	})
	out := make([]api.Login, len(list))
	for i, l := range list {
		out[i] = c.view(l)
	}
	return out
}

// Count returns how many logins there are.
func (c Logins) Count() int { return len(c.logins) }

// Addresses returns the addresses that have a login, each once and in no order.
func (c Logins) Addresses() []address.Address {
	return slices.AppendSeq(make([]address.Address, 0, len(c.byAddress)), maps.Keys(c.byAddress))
}

// Put records a login. It takes the place of the one with the same address, directory and
// profile, which is returned if it had not ended by itself. Logins that had ended when
// this one began go with the same change. With are records that come with it, such as the
// server's connector that it uses.
func (c Logins) Put(l api.Login, with ...Record) (change Change, replaced *api.Login, err error) {
	a, err := address.Parse(l.Address)
	if err != nil {
		return Change{}, nil, err
	}
	comes := slices.ContainsFunc(with, func(r Record) bool { return r.ID == l.ConnectorID })
	if err := c.check(l, comes); err != nil {
		return Change{}, nil, err
	}
	l.Address, l.ServerURL = a.String(), a.ServerURL()
	if l.Dir != "" {
		l.Dir = filepath.Clean(l.Dir)
	}
	r, err := loginRecord(l)
	if err != nil {
		return Change{}, nil, err
	}
	change.Put = append(slices.Clone(with), r)
	for _, old := range c.logins {
		same := old.address == a && old.Dir == l.Dir && old.Profile == l.Profile
		if old.ID == l.ID || !same && !old.ended(l.Created) {
			continue
		}
		change.Delete = append(change.Delete, old.ID)
		if same && !old.ended(l.Created) {
			view := c.view(old)
			replaced = &view
		}
	}
	slices.Sort(change.Delete)
	return change, replaced, nil
}

func (c Logins) check(l api.Login, connectorComes bool) error {
	switch {
	case l.ID == "":
		return credential.NewError(credential.Internal, "a login has no id", "")
	case l.Dir != "" && !filepath.IsAbs(l.Dir):
		return credential.NewError(credential.InvalidInput, "a login's directory must be an absolute "+
			"path: "+l.Dir, "")
	case l.ConnectorID != "" && !connectorComes && c.connectorByID(l.ConnectorID) == nil:
		return credential.NewError(credential.NoSuchEntity, "the service connector was deleted "+
			"meanwhile", seeConnectors)
	}
	return nil
}

// End ends every login that match selects and returns them.
func (c Logins) End(match func(api.Login) bool) (ended []api.Login, change Change) {
	for _, l := range c.List() {
		if match(l) {
			ended = append(ended, l)
			change.Delete = append(change.Delete, l.ID)
		}
	}
	return ended, change
}
