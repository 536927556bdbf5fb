package catalog

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

const seeServers = "see all: zen server list"

// Servers are the ZenML servers that zen is connected to, and those of their connectors
// that logins use.
type Servers struct{ *state }

func serverKey(s *api.Server) (time.Time, string, string) { return s.Created, s.Name, s.ID }

// List returns all ZenML servers, the active one first and then the oldest.
func (c Servers) List() []api.Server {
	out := make([]api.Server, 0, len(c.servers))
	for _, s := range sorted(c.servers, serverKey) {
		view := c.view(s)
		if s.Active {
			out = slices.Insert(out, 0, view)
		} else {
			out = append(out, view)
		}
	}
	return out
}

// view fills in what is computed.
func (c Servers) view(s *api.Server) api.Server {
	out := *s
	for _, l := range c.logins {
		if r := c.remotes[l.ConnectorID]; r != nil && r.Server == s.Name {
			out.Logins++
		}
	}
	return out
}

// Resolve finds a server, also by its URL; an empty ref is the active one.
func (c Servers) Resolve(ref string, how Match) (api.Server, error) {
	all := make([]entity, 0, len(c.servers))
	for _, s := range c.List() {
		if s.URL == ref || ref == "" && s.Active {
			return s, nil
		}
		all = append(all, entity{s.ID, s.Name})
	}
	if len(all) == 0 || ref == "" {
		return api.Server{}, credential.NewError(credential.NoSuchEntity, "zen is not connected to a "+
			"ZenML server", "zen server connect URL")
	}
	id, err := resolve("servers", seeServers, ref, all, how)
	if err != nil {
		return api.Server{}, err
	}
	return c.view(c.servers[id]), nil
}

// At returns the server of an address as somebody else may spell it.
func (c Servers) At(url string) (api.Server, error) {
	for _, s := range c.List() {
		if strings.EqualFold(s.URL, strings.TrimSuffix(strings.TrimRight(url, "/"), "/api/v1")) {
			return s, nil
		}
	}
	return api.Server{}, credential.NewError(
		credential.NoSuchEntity,
		"zen is not connected to the ZenML server "+shorten(
			url,
		),
		"zen server connect "+safetext.ShellWord(url),
	)
}

// Named returns the server of that very name.
func (c Servers) Named(name string) (api.Server, bool) {
	for _, s := range c.servers {
		if s.Name == name {
			return *s, true
		}
	}
	return api.Server{}, false
}

// Put connects a server, or changes the one of the same id. The first one is the active
// one.
func (c Servers) Put(s api.Server) (Change, error) {
	if s.ID == "" {
		return Change{}, credential.NewError(credential.Internal, "a server has no id", "")
	}
	if err := checkName("server", s.Name); err != nil {
		return Change{}, err
	}
	for _, o := range c.servers {
		if o.Name == s.Name && o.ID != s.ID {
			return Change{}, nameTaken(*o)
		}
	}
	s.Active = len(c.servers) == 0 || c.servers[s.ID] != nil && c.servers[s.ID].Active
	return put(serverRecord(s))
}

// Use makes a server the active one.
func (c Servers) Use(ref string) (api.Server, Change, error) {
	s, err := c.Resolve(ref, Exactly)
	if err != nil || s.Active {
		return s, Change{}, err
	}
	s.Active = true
	change, err := put(serverRecord(s))
	for _, o := range c.servers {
		if !o.Active || err != nil {
			continue
		}
		old := *o
		old.Active = false
		var r Record
		if r, err = serverRecord(old); err == nil {
			change.Put = append(change.Put, r)
		}
	}
	return s, change, err
}

// Delete disconnects a server: its logins end, container registries are unlinked from its
// connectors, and another server becomes the active one if it was.
func (c Servers) Delete(ref string) (s api.Server, ended []api.Login, change Change, err error) {
	if s, err = c.Resolve(ref, Exactly); err != nil {
		return s, nil, Change{}, err
	}
	ended, change = Logins(c).End(func(l api.Login) bool {
		r := c.remotes[l.ConnectorID]
		return r != nil && r.Server == s.Name
	})
	for id, r := range c.remotes {
		if r.Server == s.Name {
			change.Delete = append(change.Delete, id)
		}
	}
	change.Delete = append(change.Delete, s.ID)
	slices.Sort(change.Delete)
	for _, r := range sorted(c.registries, registryKey) {
		if remote := c.remotes[r.ConnectorID]; remote != nil && remote.Server == s.Name {
			alone := *r
			alone.ConnectorID, alone.ConnectorResourceID = "", ""
			record, err := registryRecord(alone)
			if err != nil {
				return s, nil, Change{}, err
			}
			change.Put = append(change.Put, record)
		}
	}
	for _, o := range sorted(c.servers, serverKey) {
		if !s.Active || o.ID == s.ID {
			continue
		}
		next := *o
		next.Active = true
		r, err := serverRecord(next)
		change.Put = append(change.Put, r)
		return s, ended, change, err
	}
	return s, ended, change, nil
}

// Remotes returns the connectors of servers that logins use, oldest first.
func (c Servers) Remotes() []api.ServiceConnector {
	out := make([]api.ServiceConnector, 0, len(c.remotes))
	for _, s := range sorted(c.remotes, connectorKey) {
		out = append(out, *s)
	}
	return out
}

// PutRemote keeps a connector of a server for a login that uses it. Its id is the
// server's choice, so it must not be that of anything else; nothing changes when what is
// kept says the same.
func (c Servers) PutRemote(s api.ServiceConnector) (Change, error) {
	if _, ok := c.Named(s.Server); !ok {
		return Change{}, credential.NewError(credential.NoSuchEntity, fmt.Sprintf("the server '%s' was "+
			"disconnected meanwhile", s.Server), seeServers)
	}
	if s.ID == "" || s.ID == activeID {
		return Change{}, credential.NewError(credential.InvalidInput, "a service connector of the server "+
			"has no id of its own", "")
	}
	old := c.remotes[s.ID]
	switch {
	case old == nil && c.has(s.ID):
		return Change{}, credential.NewError(credential.Exists,
			fmt.Sprintf("the server '%s' gives its service connector '%s' the id of something on this "+
				"machine, %s", s.Server, s.Name, s.ID),
			"zen server disconnect "+safetext.ShellWord(s.Server))
	case old != nil && old.Server != s.Server:
		return Change{}, c.inUseThrough(old.Server, s)
	case old != nil && old.Revision == s.Revision:
		return Change{}, nil
	}
	return put(remoteRecord(s))
}

// inUseThrough is the error for a service connector that logins use through another
// server: most often one real server that was connected under two addresses.
func (c Servers) inUseThrough(other string, s api.ServiceConnector) error {
	first, _ := c.Named(other)
	second, _ := c.Named(s.Server)
	text := fmt.Sprintf("the servers '%s' (%s) and '%s' (%s) have a service connector '%s' of the same "+
		"id, %s, and it is in use through '%s'",
		first.Name, first.URL, second.Name, second.URL, s.Name, s.ID, first.Name)
	if first.ServerID != "" && first.ServerID == second.ServerID {
		text = fmt.Sprintf("'%s' (%s) is the ZenML server that zen is connected to as '%s' (%s) too, and "+
			"uses service connector '%s' through that",
			second.Name, second.URL, first.Name, first.URL, s.Name)
	}
	return credential.NewError(credential.Exists, text,
		"use it there: add --server "+safetext.ShellWord(first.Name)+"; to stay connected once only: zen "+
			"server disconnect "+safetext.ShellWord(second.Name))
}

// Wanted is what Find looks for.
type Wanted struct {
	Ref    string
	How    Match
	Plural string // what ZenML calls such entities
	See    string // the hint when there is none
}

// WantedConnector looks for a service connector.
func WantedConnector(ref string, how Match) Wanted {
	return Wanted{Ref: ref, How: how, Plural: "service_connectors", See: seeConnectors}
}

// WantedRegistry looks for a container registry.
func WantedRegistry(ref string, how Match) Wanted {
	return Wanted{Ref: ref, How: how, Plural: "stack_components", See: seeRegistries}
}

// WantedStack looks for a stack.
func WantedStack(ref string, how Match) Wanted {
	return Wanted{Ref: ref, How: how, Plural: "stacks", See: seeStacks}
}

// FindConnector finds a connector in a list of a server's.
func FindConnector(list []api.ServiceConnector, w Wanted) (api.ServiceConnector, error) {
	return Find(list, w, func(s api.ServiceConnector) (id, name string) { return s.ID, s.Name })
}

// Find finds an entity in a list of a server's.
func Find[T any](list []T, w Wanted, name func(T) (id, name string)) (found T, err error) {
	all := make([]entity, len(list))
	for i, item := range list {
		all[i].id, all[i].name = name(item)
	}
	id, err := resolve(w.Plural, w.See, w.Ref, all, w.How)
	i := slices.IndexFunc(all, func(e entity) bool { return e.id == id })
	if err != nil || i < 0 {
		return found, err
	}
	return list[i], nil
}

// WithoutUnusedRemotes adds to a change that connectors of servers go with the last login
// or container registry that uses them.
func (c Servers) WithoutUnusedRemotes(change Change) Change {
	used := make(map[string]bool)
	for id, l := range c.logins {
		used[l.ConnectorID] = used[l.ConnectorID] || !slices.Contains(change.Delete, id)
	}
	written := make(map[string]bool)
	for _, r := range change.Put {
		written[r.ID] = true
		switch r.Kind {
		case KindLogin:
			if l, err := readLogin(r); err == nil {
				used[l.ConnectorID] = true
			}
		case KindRegistry:
			if reg, err := read[api.ContainerRegistry](r); err == nil {
				used[reg.ConnectorID] = true
			}
		}
	}
	for id, r := range c.registries {
		if !written[id] && !slices.Contains(change.Delete, id) {
			used[r.ConnectorID] = true
		}
	}
	for id := range c.remotes {
		if !used[id] && !slices.Contains(change.Delete, id) {
			change.Delete = append(change.Delete, id)
		}
	}
	return change
}
