// Package access names who asks zend for something, what for, and where a secret goes
// when it does: the words that the broker, the policy and the audit log share. It decides
// nothing and does no I/O.
package access

import (
	"context"
	"sync"

	"github.com/zen-agent/zen/internal/address"
)

// Caller is who asks. Parts that cost something to find out are functions and are called
// only when needed.
type Caller struct {
	PID     int
	UID     int
	Exe     func() string   // path of the executable, "" when unknown
	Parents func() []string // executables of the ancestors, nearest first
	Cwd     func() string   // working directory as the system knows it, "" when unknown
	// Dir is the working directory that the client sent, "" when unknown. It chooses a
	// login, and satisfies no rule.
	Dir     string
	Profile string // profile the client sent
}

// WorkDir is where the caller works as the system knows it. What the caller sent may be
// another name of it, or a lie; it counts only for callers that are zend itself.
func (c Caller) WorkDir() string {
	if c.Cwd != nil {
		return c.Cwd()
	}
	return c.Dir
}

// Remembered is the caller, whose programs are looked up once: they may be gone when they
// are asked for again.
func (c Caller) Remembered() Caller {
	if c.Exe != nil {
		c.Exe = sync.OnceValue(c.Exe)
	}
	if c.Parents != nil {
		c.Parents = sync.OnceValue(c.Parents)
	}
	return c
}

type callerKey struct{}

// With returns a context that knows who asks. It is for what opens a secret far below the
// request that needs it, such as the login to a ZenML server.
func With(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// From is the caller that With added; the zero Caller if it did not.
func From(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}

// Action is what a caller wants to do, as the audit log and the policy name it.
type Action string

// The actions that are audited.
const (
	Get      Action = "get"
	Store    Action = "store"
	Erase    Action = "erase"
	List     Action = "list"
	Login    Action = "login"
	Logout   Action = "logout"
	Register Action = "register"
	Update   Action = "update"
	Delete   Action = "delete"
	Reveal   Action = "reveal"
	Lock     Action = "lock"
	Unlock   Action = "unlock"
	Vault    Action = "vault"
	Verify   Action = "verify" // a registry is asked about a credential
	Mint     Action = "mint"   // a program, a server or a registry makes one
	Approve  Action = "approve"
	Deny     Action = "deny"

	Connect    Action = "connect" // a ZenML server
	Disconnect Action = "disconnect"
)

// Subject is what an action is about.
type Subject struct {
	Action    Action
	Address   address.Address
	Login     address.Address // of the login that answers, which may be for more or less; zero: none
	Connector string          // name
	To        Destination     // where a secret goes; zero: nowhere
}

// Place is a kind of destination.
type Place string

// The places that a secret can go to.
const (
	Client   Place = "client"   // whoever asked: docker-credential-zen, for docker
	Screen   Place = "screen"   // a person, who asked to see it
	Registry Place = "registry" // that is asked about it
	Program  Place = "program"  // that makes a credential
	Server   Place = "server"   // a ZenML server
)

// Destination is where a secret goes. The zero Destination is nowhere.
type Destination struct {
	Place Place
	Name  string // registry: host[:port], after http:// if so asked; program: its path; server: its URL
}

// Receives reports whether the caller itself gets the secret, in whatever form. Rules
// bind it then; of all else the destination itself decides.
func (d Destination) Receives() bool { return d.Place == Client || d.Place == Screen }

// String is the destination for a person: "registry ghcr.io". Nowhere is empty.
func (d Destination) String() string {
	if d.Name == "" {
		return string(d.Place)
	}
	return string(d.Place) + " " + d.Name
}
