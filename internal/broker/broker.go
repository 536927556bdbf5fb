package broker

import (
	"context"
	"log/slog"
	"time"

	"github.com/zen-agent/zen/internal/broker/door"
	"github.com/zen-agent/zen/internal/broker/home"
	"github.com/zen-agent/zen/internal/broker/state"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/keystore"
	"github.com/zen-agent/zen/internal/tokencache"
)

// Config is everything a Broker needs. Policy, Auditor, Index, Log and Now may be nil.
type Config struct {
	Vault   *keystore.Vault
	Kinds   []connector.Kind
	Engine  *tokencache.Cache
	Policy  door.Policy
	Auditor door.Auditor
	Misses  door.Auditor // records gets of what nobody is logged in to, when Settings say so; may be nil
	Index   state.HostIndex
	Log     *slog.Logger
	Now     func() time.Time
	Owner   string // user name shown as owner of entities

	Servers    home.Servers   // nil: zend talks to no ZenML servers
	ServerKind connector.Kind // of the connectors that live there

	// Large waits until the answer to the request of ctx may take much memory; nil: it
	// need not wait.
	Large func(ctx context.Context) error

	Settings state.Settings
}

// Broker answers zend's requests, by its parts. All are safe for concurrent use.
type Broker struct {
	*state.State

	Credentials *Credentials // what registry clients ask for
	Sessions    *Sessions    // logging in and out
	Connectors  *Connectors
	Registries  *Registries
	Stacks      *Stacks
	Servers     *Servers
	Keys        *Keys // what opens the vault
}

// core is what the parts share beside the state: who is logged in.
type core struct {
	*state.State
	homes *home.Homes
	usage *usage
	large func(context.Context) error

	misses door.Auditor
}

// New returns a Broker over an opened (not necessarily unlocked) vault. It leaves the
// host index as it is: see WriteIndex.
func New(cfg Config) (*Broker, error) {
	s := &state.State{
		Vault: cfg.Vault, Engine: cfg.Engine, Index: cfg.Index, Log: cfg.Log, Now: cfg.Now, Owner: cfg.Owner,
		Kinds: make(map[string]connector.Kind, len(cfg.Kinds)),
	}
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	if cfg.Large == nil {
		cfg.Large = func(context.Context) error { return nil }
	}
	for _, k := range cfg.Kinds {
		t := k.Describe()
		s.Kinds[t.Type] = k
		s.Types = append(s.Types, t)
	}
	b := &core{
		State: s, homes: &home.Homes{State: s, Client: cfg.Servers, ServerKind: cfg.ServerKind},
		usage: newUsage(), large: cfg.Large, misses: cfg.Misses,
	}
	keys := &Keys{b}
	s.Door = &door.Door{
		Vault: cfg.Vault, Engine: cfg.Engine, Policy: cfg.Policy, Auditor: cfg.Auditor, Large: cfg.Large,
		Idle: keys.lockIdle,
	}
	s.SetSettings(cfg.Settings)
	return &Broker{
		State: s, Credentials: &Credentials{b}, Sessions: &Sessions{b}, Connectors: &Connectors{b},
		Registries: &Registries{b},
		Stacks:     &Stacks{b}, Servers: &Servers{b}, Keys: keys,
	}, s.Start()
}
