package door

import (
	"context"
	"strings"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/keystore"
	"github.com/zen-agent/zen/internal/tokencache"
)

// Policy decides whether a caller may use a secret.
type Policy interface {
	// Allow returns an error, made for a person, if the caller must not. It may wait for
	// a person as long as ctx allows.
	Allow(ctx context.Context, caller access.Caller, subject access.Subject) error

	// Explain says, in sentences, what is asked of those who want to do what the subject
	// is about.
	Explain(subject access.Subject) []string
}

// Auditor records what was done. It must not block for long and cannot fail.
type Auditor interface {
	Record(caller access.Caller, subject access.Subject, result error, detail string)
}

// Door lets secrets out. It is safe for concurrent use.
type Door struct {
	Vault   *keystore.Vault
	Engine  *tokencache.Cache
	Policy  Policy  // nil: everybody may
	Auditor Auditor // nil: nothing is recorded

	// Large waits until the answer to the request of ctx may take much memory.
	Large func(ctx context.Context) error

	// Idle is called when a client was allowed to have a credential, before it is opened:
	// it locks a vault that should have been locked.
	Idle func()
}

// Use is what a secret is wanted for.
type Use struct {
	Caller access.Caller
	For    access.Action // what the caller does
	DryRun bool          // it only wants to know what would come of it
}

// detail is what the audit log tells of a use: what was found, and what it was part of.
func (u Use) detail(action access.Action, found string) string {
	var parts []string
	if u.For != action {
		parts = append(parts, "for "+string(u.For))
	}
	if u.DryRun {
		parts = append(parts, "dry run")
	}
	if len(parts) == 0 {
		return found
	}
	return strings.TrimSpace(found + " (" + strings.Join(parts, ", ") + ")")
}

// making uses a secret. What it returns beside its error is the detail for the audit log.
type making = func(context.Context) (found string, err error)

// Pass allows one use of a secret, lets f make it, and records it. A subject that goes
// nowhere is neither asked about nor recorded.
func (d *Door) Pass(ctx context.Context, u Use, s access.Subject, f making) error {
	return d.pass(ctx, u, s, []access.Destination{s.To}, f)
}

// pass is Pass for a secret that goes to several places at once.
func (d *Door) pass(
	ctx context.Context,
	u Use,
	s access.Subject,
	places []access.Destination,
	f making,
) error {
	var nowhere access.Destination
	found, err := "", error(nil)
	for _, s.To = range places {
		if err == nil && s.To != nowhere && d.Policy != nil {
			err = d.Policy.Allow(ctx, u.Caller, s)
		}
	}
	if err == nil {
		found, err = f(access.With(ctx, u.Caller))
	}
	if text := refusal(err); text != "" {
		found = text
	}
	for _, s.To = range places {
		if s.To != nowhere {
			d.record(u, s, err, found)
		}
	}
	return err
}

func (d *Door) record(u Use, s access.Subject, err error, found string) {
	if d.Auditor != nil {
		d.Auditor.Record(u.Caller, s, err, u.detail(s.Action, found))
	}
}

// refusal is what the audit log tells of an error: why zen did not hand out what it could
// have.
func refusal(err error) string {
	switch credential.ReasonOf(err) {
	case credential.Denied, credential.RateLimited, credential.Timeout:
		return err.Error()
	}
	return ""
}

// open opens a sealed record; the caller wipes what it gets.
func (d *Door) open(ctx context.Context, id string) (map[string]credential.Secret, error) {
	if err := d.Vault.EnsureOpen(ctx); err != nil {
		return nil, err
	}
	blob, err := d.Vault.SecretWhen(id, func() error { return d.Large(ctx) })
	if err != nil {
		return nil, err
	}
	defer blob.Wipe()
	return unpackBlob(blob)
}

// Reveal shows a connector's secret attributes to a person; the caller wipes them.
func (d *Door) Reveal(
	ctx context.Context, u Use, s access.Subject, record string,
) (secrets map[string]credential.Secret, err error) {
	return d.RevealFrom(ctx, u, s, func(ctx context.Context) (map[string]credential.Secret, error) {
		return d.open(ctx, record)
	})
}

// RevealFrom is Reveal of what is kept elsewhere.
func (d *Door) RevealFrom(
	ctx context.Context, u Use, s access.Subject,
	stored func(context.Context) (map[string]credential.Secret, error),
) (secrets map[string]credential.Secret, err error) {
	s.Action, s.To = access.Reveal, access.Destination{Place: access.Screen}
	err = d.Pass(ctx, u, s, func(ctx context.Context) (string, error) {
		secrets, err = stored(ctx)
		return "", err
	})
	return secrets, err
}

// Key returns what opens one attribute of a server's record for just as long as the
// server wants to see it. The context says who asks.
func (d *Door) Key(record, attribute, url string) func(context.Context) (credential.Secret, error) {
	return func(ctx context.Context) (key credential.Secret, err error) {
		s := access.Subject{Action: access.Login, To: access.Destination{Place: access.Server, Name: url}}
		u := Use{Caller: access.From(ctx), For: access.Login}
		err = d.Pass(ctx, u, s, func(ctx context.Context) (string, error) {
			attrs, err := d.open(ctx, record)
			key = attrs[attribute]
			return "", err
		})
		return key, err
	}
}
