package clients

import (
	"slices"
	"strings"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/credential"
)

// Client is a program, or several that ask in the same way.
type Client struct {
	Name   string
	Also   []string // other programs that share its code, or do as it does
	Config string   // the client whose configuration it reads, as clientconfig.Env.Asks takes it

	EnvAuth bool    // it takes logins from DOCKER_AUTH_CONFIG first
	Listing Listing // what it does with the helper's list
	Marker  bool    // it asks only for registries that its configuration names, with or without a login
	Stops   bool    // an error at one key keeps it from trying the next
	Note    string  // what surprises; may be empty

	keys func(address.Address) []string
}

// Listing is what a client does with the list of a helper.
type Listing int

// Kinds of listing.
const (
	NeverLists Listing = iota
	ListsFirst         // it asks for a registry only if the list names it
	// it asks for everything in the list, whatever registry it needs, and takes one error
	// for all
	ListsAll
)

// Keys are the keys under which the client asks for a registry or a repository, in order.
func (c Client) Keys(registry address.Address) []string {
	var keys []string
	for _, key := range c.keys(registry) {
		if !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

// Lookup finds a client by its name or that of a program which does as it does, without
// regard to case.
func Lookup(name string) (Client, error) {
	for _, c := range All() {
		if same := func(n string) bool { return strings.EqualFold(n, name) }; same(c.Name) ||
			slices.ContainsFunc(c.Also, same) {
			return c, nil
		}
	}
	return Client{}, credential.NewError(credential.InvalidInput,
		"unknown client '"+name+"'; known: "+strings.Join(Names(), ", "), "zen why HOST --as docker")
}

// Names are the names of all clients and of the programs that do as they do, sorted.
func Names() []string {
	var names []string
	for _, c := range All() {
		names = append(append(names, c.Name), c.Also...)
	}
	slices.Sort(names)
	return names
}
