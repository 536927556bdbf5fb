package broker

import (
	"context"
	"fmt"
	"time"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/catalog"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/keystore"
)

// Logins lists who answers for which address, with what is known without asking anybody. Those that would answer the caller,
// where it works and with its profile, are marked.
func (b *Broker) Logins(ctx context.Context, caller Caller) ([]api.Login, error) {
	if err := b.largeIfMany(ctx); err != nil {
		return nil, err
	}
	list := b.logins()
	open := b.vault.State().State == keystore.StateUnlocked
	for i := range list {
		l := &list[i]
		l.Problem = b.problem(*l)
		l.Here = b.answers(caller, *l)
		if open {
			l.Username = b.username(ctx, *l)
		}
		if l.ConnectorID != "" {
			l.TokenExpires = b.engine.Expires(l.ConnectorID)
		}
		b.mu.RLock()
		if t, ok := b.used[l.ID]; ok {
			l.LastUsed = &t
		}
		b.mu.RUnlock()
	}
	return list, nil
}

// answers reports whether it is this login that answers the caller for its address.
func (b *Broker) answers(caller Caller, l api.Login) bool {
	answering, err := b.loginFor(caller, mustParse(l.Address))
	return err == nil && answering.ID == l.ID
}

// problem says why a get for the login would fail, as far as that is known.
func (b *Broker) problem(l api.Login) string {
	if v := b.vault.State(); v.State != keystore.StateUnlocked && v.Problem != "" {
		return v.Problem
	}
	if l.ConnectorID == "" {
		return ""
	}
	var conn api.ServiceConnector
	var ok bool
	b.read(func(c *catalog.Catalog) { conn, ok = c.Connectors.ByID(l.ConnectorID) })
	if !ok {
		return "the service connector is gone"
	}
	if err := b.notExpired(conn); err != nil {
		return err.Error()
	}
	if err := b.engine.Failure(conn.ID); err != nil {
		return err.Error()
	}
	return ""
}

// Counts are the numbers of entities.
func (b *Broker) Counts() (n api.Counts) {
	b.read(func(c *catalog.Catalog) {
		n = api.Counts{Connectors: len(c.Connectors.List()), Registries: len(c.Registries.List()), Stacks: len(c.Stacks.List())}
	})
	return n
}

// LastUse is when the vault was last of use to somebody: a credential was asked for, something was changed, or it was
// unlocked; when zend started if that was later.
func (b *Broker) LastUse() time.Time {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.lastUse
}

// Why explains, step by step and without minting anything, who would answer for a server URL.
func (b *Broker) Why(ctx context.Context, caller Caller, req api.WhyRequest) (api.WhyResult, error) {
	a, err := address.Parse(req.ServerURL)
	if err != nil {
		return api.WhyResult{}, err
	}
	caller.Dir, caller.Profile = req.Dir, req.Profile
	r := api.WhyResult{Address: a.String(), Steps: []string{fmt.Sprintf("'%s' is the registry address %s", req.ServerURL, a)}}
	login, err := b.loginFor(caller, a)
	if err != nil {
		r.Steps = append(r.Steps, b.tried(a)...)
		return explain(r, b.unknown(ctx, a, err)), nil
	}
	login.Problem = b.problem(login)
	r.Login = &login
	r.Steps = append(r.Steps, fmt.Sprintf("the login for %s covers it: %s answers%s", login.Address, source(login), scopeText(login)))
	if b.policy != nil { // whether a client satisfies it shows when it asks: who asks now is somebody else
		r.Steps = append(r.Steps, b.policy.Explain(Subject{
			Action: ActionGet, Address: a, Login: mustParse(login.Address), Connector: login.ConnectorName,
		})...)
	}
	if login.Problem != "" {
		return explain(r, credential.NewError(b.problemReason(), login.Problem, "")), nil
	}
	return r, nil
}

func (b *Broker) problemReason() credential.Reason {
	if b.vault.State().State == keystore.StateLocked {
		return credential.Locked
	}
	return credential.NeedsLogin
}

func scopeText(l api.Login) string {
	switch {
	case l.Dir != "" && l.Profile != "":
		return fmt.Sprintf(" (in directory %s, profile %s)", l.Dir, l.Profile)
	case l.Dir != "":
		return fmt.Sprintf(" (in directory %s)", l.Dir)
	case l.Profile != "":
		return fmt.Sprintf(" (profile %s)", l.Profile)
	}
	return ""
}

// tried names the addresses that were looked up and the connectors that could serve them.
func (b *Broker) tried(a address.Address) []string {
	steps := []string{"no login for " + a.String()}
	for p, ok := a.Parent(); ok; p, ok = p.Parent() {
		steps = append(steps, "no login for "+p.String())
	}
	var conns []api.ServiceConnector
	b.read(func(c *catalog.Catalog) { conns = c.Connectors.List() })
	for _, conn := range conns {
		if kind, err := b.kind(conn.Type); err == nil {
			if _, ok := kind.Match(publicSpec(conn), a); ok {
				steps = append(steps, fmt.Sprintf("service connector '%s' could answer after: zen login %s", conn.Name, conn.Name))
			}
		}
	}
	return steps
}

func explain(r api.WhyResult, err error) api.WhyResult {
	r.Reason = string(credential.ReasonOf(err))
	r.Message = err.Error()
	if e, ok := asError(err); ok {
		r.Hint = e.HintText()
	}
	return r
}
