package broker

import (
	"context"
	"fmt"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/broker/home"
	"github.com/zen-agent/zen/internal/catalog"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/keystore"
)

// Logins lists who answers for which address, with what is known without asking anybody.
// Those that would answer the caller, where it works and with its profile, are marked.
func (b *Sessions) Logins(ctx context.Context, caller access.Caller) ([]api.Login, error) {
	if err := b.largeIfMany(ctx); err != nil {
		return nil, err
	}
	list := b.logins()
	open := b.Vault.State().State == keystore.StateUnlocked
	for i := range list {
		l := &list[i]
		l.Problem = b.problem(*l)
		l.Here = b.answers(caller, *l)
		if open {
			l.Username = b.username(ctx, *l)
		}
		if l.ConnectorID != "" {
			l.TokenExpires = b.Engine.Expires(l.ConnectorID)
		}
		l.LastUsed = b.usage.lastUse(l.ID)
	}
	return list, nil
}

// answers reports whether it is this login that answers the caller for its address.
func (b *core) answers(caller access.Caller, l api.Login) bool {
	answering, err := b.loginFor(caller, home.Canonical(l.Address))
	return err == nil && answering.ID == l.ID
}

// problem says why a get for the login would fail, as far as that is known.
func (b *core) problem(l api.Login) string {
	if v := b.Vault.State(); v.State != keystore.StateUnlocked && v.Problem != "" {
		return v.Problem
	}
	if l.ConnectorID == "" {
		return ""
	}
	var conn api.ServiceConnector
	var ok bool
	b.Read(func(c *catalog.Catalog) { conn, ok = c.Connectors.ByID(l.ConnectorID) })
	if !ok {
		return "the service connector is gone"
	}
	if err := b.homes.Of(conn).Expired(conn); err != nil {
		return err.Error()
	}
	if err := b.Engine.Failure(conn.ID); err != nil {
		return err.Error()
	}
	return ""
}

// Counts are the numbers of entities.
func (b *Connectors) Counts() (n api.Counts) {
	b.Read(func(c *catalog.Catalog) {
		n = api.Counts{
			Connectors: len(c.Connectors.List()),
			Registries: len(c.Registries.List()),
			Stacks:     len(c.Stacks.List()),
		}
	})
	return n
}

// Why explains, step by step and without minting anything, who would answer for a server
// URL.
func (b *Sessions) Why(ctx context.Context, caller access.Caller, req api.WhyRequest) (api.WhyResult, error) {
	a, err := address.Parse(req.ServerURL)
	if err != nil {
		return api.WhyResult{}, err
	}
	caller.Dir, caller.Profile = req.Dir, req.Profile
	r := api.WhyResult{Address: a.String(), Steps: []string{fmt.Sprintf("'%s' is the registry address "+
		"%s", req.ServerURL, a)}}
	login, err := b.loginFor(caller, a)
	if err != nil {
		r.Steps = append(r.Steps, b.tried(a)...)
		return explain(r, b.unknown(ctx, a, err)), nil
	}
	login.Problem = b.problem(login)
	r.Login = &login
	r.Steps = append(
		r.Steps,
		fmt.Sprintf(
			"the login for %s covers it: %s answers%s",
			login.Address,
			source(login),
			scopeText(login),
		),
	)
	r.Steps = append(r.Steps, b.Door.Explain(b.source(login, a), login.ConnectorName)...)
	if login.Problem != "" {
		return explain(r, credential.NewError(b.problemReason(), login.Problem, "")), nil
	}
	return r, nil
}

func (b *Sessions) problemReason() credential.Reason {
	if b.Vault.State().State == keystore.StateLocked {
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
func (b *Sessions) tried(a address.Address) []string {
	steps := []string{"no login for " + a.String()}
	for p, ok := a.Parent(); ok; p, ok = p.Parent() {
		steps = append(steps, "no login for "+p.String())
	}
	var conns []api.ServiceConnector
	b.Read(func(c *catalog.Catalog) { conns = c.Connectors.List() })
	for _, conn := range conns {
		if kind, ok := b.Kinds[conn.Type]; ok {
			if _, ok := kind.Match(home.PublicSpec(conn), a); ok {
				steps = append(steps, fmt.Sprintf("service connector '%s' could answer after: zen login "+
					"%s", conn.Name, conn.Name))
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
