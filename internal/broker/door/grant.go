package door

import (
	"context"
	"fmt"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/tokencache"
)

// Grant is what the credentials of one connector are made of.
type Grant struct {
	Kind      connector.Kind
	Spec      connector.Spec // its secrets are only there if they were typed just now
	Record    string         // id of the sealed record with the secrets; "": they are in the specification
	Connector string         // name, for rules and the audit log; "" for a credential that is not kept
}

func (g Grant) subject(action access.Action, a address.Address) access.Subject {
	return access.Subject{Action: action, Address: a, Connector: g.Connector}
}

// madeBy is who makes the grant's credentials from its secrets; nowhere if they are
// handed out as they are.
func madeBy(k connector.Kind, spec connector.Spec) access.Destination {
	if maker, ok := k.(connector.Maker); ok {
		return maker.MadeBy(spec)
	}
	return access.Destination{}
}

// registryOf is the registry that is asked about the specification's credentials.
func registryOf(spec connector.Spec, a address.Address) access.Destination {
	d := access.Destination{Place: access.Registry, Name: a.Host()}
	spec.Insecure = true // whether that was agreed to is asked elsewhere
	if _, plain, ok := connector.RegistryOf(spec, ""); ok && plain {
		d.Name = "http://" + d.Name
	}
	return d
}

// with calls f with the grant's specification and its secrets, which are wiped
// afterwards.
func (d *Door) with(ctx context.Context, g Grant, f func(connector.Spec) error) error {
	if g.Record == "" {
		return f(g.Spec)
	}
	secrets, err := d.open(ctx, g.Record)
	if err != nil {
		return err
	}
	defer WipeAll(secrets)
	g.Spec.Secrets = secrets
	return f(g.Spec)
}

// mint asks the engine for a credential; the kind is only reached on a miss. The caller
// is remembered: a renewal ahead counts as its own, and asks nobody.
func (d *Door) mint(
	ctx context.Context, caller access.Caller, g Grant, a address.Address,
) (credential.Credential, error) {
	reg, ok := g.Kind.Match(g.Spec, a)
	if !ok {
		return credential.Credential{}, credential.NewError(
			credential.InvalidInput,
			fmt.Sprintf(
				"service connector '%s' does not give access to %s",
				g.Connector,
				a,
			),
			"zen logout "+a.String(),
		)
	}
	key := tokencache.Key{ConnectorID: g.Spec.ID, Revision: g.Spec.Revision, Input: reg.Key}
	return d.Engine.Get(ctx, key, minter{d, caller, g, reg})
}

// minter makes one credential of one connector: it opens the connector's secrets for just
// that long.
type minter struct {
	door   *Door
	caller access.Caller
	grant  Grant
	reg    connector.Registry
}

func (m minter) Mint(ctx context.Context) (cred credential.Credential, err error) {
	s := m.grant.subject(access.Mint, m.reg.Address)
	s.To = madeBy(m.grant.Kind, m.grant.Spec)
	u := Use{Caller: m.caller, For: access.Mint}
	err = m.door.Pass(ctx, u, s, func(ctx context.Context) (string, error) {
		return "", m.door.with(ctx, m.grant, func(spec connector.Spec) error {
			cred, err = m.grant.Kind.Mint(ctx, spec, m.reg)
			return err
		})
	})
	return cred, err
}

// Resources lists what a grant gives access to. Only where that does not follow from the
// specification, its server is asked.
func (d *Door) Resources(ctx context.Context, u Use, g Grant) (ids []string, err error) {
	if g.Spec.ResourceID != "" {
		return g.Kind.Resources(ctx, g.Spec)
	}
	s := g.subject(access.List, address.Address{})
	s.To = madeBy(g.Kind, g.Spec)
	err = d.Pass(ctx, u, s, func(ctx context.Context) (string, error) {
		return "", d.with(ctx, g, func(spec connector.Spec) error {
			ids, err = g.Kind.Resources(ctx, spec)
			return err
		})
	})
	return ids, err
}

// Verify asks a registry, one that the grant gives access to, about the grant's
// credential. A registry that rejects it is an error, beside the report.
func (d *Door) Verify(
	ctx context.Context, u Use, g Grant, id string, opt connector.VerifyOptions,
) (report connector.Report, err error) {
	v, ok := g.Kind.(connector.Verifier)
	if !ok {
		return connector.Report{Verification: api.VerificationSkipped}, nil
	}
	a, err := address.Parse(id)
	if err != nil {
		return report, err
	}
	reg, ok := g.Kind.Match(g.Spec, a)
	if !ok {
		return report, credential.NewError(credential.InvalidInput, "the connector does not give access "+
			"to "+id, "")
	}
	s := g.subject(access.Verify, reg.Address)
	places := []access.Destination{madeBy(g.Kind, g.Spec), registryOf(g.Spec, reg.Address)}
	err = d.pass(ctx, u, s, places, func(ctx context.Context) (string, error) {
		err := d.with(ctx, g, func(spec connector.Spec) error {
			report, err = v.Verify(ctx, spec, reg, opt)
			return err
		})
		return report.Verification, orRejected(report, err)
	})
	return report, err
}

func orRejected(r connector.Report, err error) error {
	if err == nil && r.Verification == api.VerificationRejected {
		return &credential.Error{Reason: credential.Rejected, Message: r.Detail, Hint: r.Hint}
	}
	return err
}

// Proof is what a login wants to have proven.
type Proof struct {
	Grant    Grant
	Address  address.Address
	Token    bool // clients may have an identity token
	NoVerify bool // minting is enough
}

// Prove mints anew and shows the registry what was minted. The resources are what the
// grant gives access to.
func (d *Door) Prove(ctx context.Context, u Use, p Proof) (ids []string, report connector.Report, err error) {
	g := p.Grant
	d.Engine.Drop(g.Spec.ID)
	cred, err := d.mint(ctx, u.Caller, g, p.Address)
	if err != nil {
		return nil, report, err
	}
	defer cred.Secret.Wipe()
	if cred.IsIdentityToken() && !p.Token {
		return nil, report, tokenNotWanted(g.Connector)
	}
	if ids, err = d.Resources(ctx, u, g); err != nil || len(ids) == 0 || p.NoVerify {
		return ids, connector.Report{Verification: api.VerificationSkipped}, err
	}
	prover, ok := g.Kind.(connector.Prover)
	if !ok {
		report, err = d.Verify(ctx, u, g, ids[0], connector.VerifyOptions{})
		return ids, report, err
	}
	reg, ok := g.Kind.Match(g.Spec, p.Address)
	if !ok {
		return ids, connector.Report{Verification: api.VerificationSkipped}, nil
	}
	s := g.subject(access.Verify, p.Address)
	s.To = registryOf(g.Spec, reg.Address)
	err = d.Pass(ctx, u, s, func(ctx context.Context) (string, error) {
		report, err = prover.Prove(ctx, g.Spec, reg, cred, connector.VerifyOptions{})
		return report.Verification, orRejected(report, err)
	})
	return ids, report, err
}
