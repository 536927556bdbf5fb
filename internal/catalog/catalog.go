package catalog

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
)

// Catalog is a consistent set of entities, by noun. The nouns share one state, since most
// rules are about what uses what. Functions that read are safe for concurrent use with
// each other, but not with Apply.
type Catalog struct {
	*state

	Connectors Connectors
	Registries Registries
	Stacks     Stacks
	Logins     Logins
	Servers    Servers
}

func newCatalog(s *state) *Catalog {
	return &Catalog{s, Connectors{s}, Registries{s}, Stacks{s}, Logins{s}, Servers{s}}
}

// state is all entities by their ids.
type state struct {
	connectors map[string]*api.ServiceConnector
	remotes    map[string]*api.ServiceConnector // of servers, while a login uses them
	servers    map[string]*api.Server
	registries map[string]*api.ContainerRegistry
	stacks     map[string]*api.Stack // as stored: a container registry by its id only
	logins     map[string]*login
	byAddress  map[address.Address][]*login
	active     string // id of the stack that was set, "" until one was

	inUse inUse // computed by Apply
}

// inUse are the ids of what the active stack consists of; "" for what it does not have.
type inUse struct{ stack, registry, connector string }

// Change is what an operation does to the records. Delete is carried out before Put.
type Change struct {
	Put    []Record
	Delete []string // ids
}

// Load builds a catalog from all records, each id once. A record of an unknown kind,
// which a newer zen may have written, is ignored and stays where it is; one that cannot
// be read is a VaultDamaged error that names its id.
func Load(records []Record) (*Catalog, error) {
	c := newCatalog(&state{
		connectors: make(map[string]*api.ServiceConnector),
		remotes:    make(map[string]*api.ServiceConnector),
		servers:    make(map[string]*api.Server),
		registries: make(map[string]*api.ContainerRegistry),
		stacks:     make(map[string]*api.Stack),
		logins:     make(map[string]*login, len(records)),
		byAddress:  make(map[address.Address][]*login, len(records)),
	})
	entities, err := decodeAll(records)
	if err != nil {
		return nil, err
	}
	for _, e := range entities {
		c.keep(e)
	}
	c.inUse = c.findInUse()
	return c, nil
}

// Apply takes over a change that was committed. With an error nothing is changed.
func (c *Catalog) Apply(change Change) error {
	entities, err := decodeAll(change.Put)
	if err != nil {
		return err
	}
	for _, id := range change.Delete {
		c.drop(id)
	}
	for _, e := range entities {
		c.keep(e)
	}
	c.inUse = c.findInUse()
	return nil
}

// keep takes over what decode returned.
func (c *state) keep(entity any) {
	switch e := entity.(type) {
	case *login:
		c.keepLogin(e)
	case *api.ServiceConnector:
		c.connectors[e.ID] = e
	case remote:
		c.remotes[e.ID] = e.ServiceConnector
	case *api.Server:
		c.servers[e.ID] = e
	case *api.ContainerRegistry:
		c.registries[e.ID] = e
	case *api.Stack:
		c.stacks[e.ID] = e
	case storedActive:
		c.active = e.StackID
	}
}

// findInUse follows the links from the active stack, as far as they lead to something.
func (c *state) findInUse() (u inUse) {
	s := c.activeStack()
	u.stack = s.ID
	r := c.registries[s.Components[componentRegistry].ID]
	if r == nil {
		return u
	}
	u.registry = r.ID
	if c.connectorByID(r.ConnectorID) != nil {
		u.connector = r.ConnectorID
	}
	return u
}

// drop forgets the record of an id, of whatever kind.
func (c *state) drop(id string) {
	delete(c.connectors, id)
	delete(c.remotes, id)
	delete(c.servers, id)
	delete(c.registries, id)
	delete(c.stacks, id)
	c.dropLogin(id)
	if id == activeID {
		c.active = ""
	}
}

// newID returns an id for a new entity. It is derived rather than random, so that the
// same operation on the same catalog gives the same result.
func (c *state) newID(kind Kind, name string, now time.Time) string {
	for n := byte(0); ; n++ {
		seed := append([]byte(kind+"\x00"), name...)
		seed = now.AppendFormat(append(seed, 0, n), time.RFC3339Nano)
		id := uuid.NewSHA1(uuid.NameSpaceOID, seed).String()
		if !c.has(id) {
			return id
		}
	}
}

func (c *state) has(id string) bool {
	return c.connectors[id] != nil || c.remotes[id] != nil || c.servers[id] != nil ||
		c.registries[id] != nil ||
		c.stacks[id] != nil ||
		c.logins[id] != nil
}

// sorted returns the values of m, oldest first; name and id decide between those of one
// age.
func sorted[T any](m map[string]*T, key func(*T) (created time.Time, name, id string)) []*T {
	return slices.SortedFunc(maps.Values(m), func(a, b *T) int {
		at, an, ai := key(a)
		bt, bn, bi := key(b)
		return cmp.Or(at.Compare(bt), cmp.Compare(an, bn), cmp.Compare(ai, bi))
	})
}
