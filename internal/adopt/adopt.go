// Package adopt moves a login that a client or another credential helper keeps into zen:
// it compares the login with what zen has, asks the registry, stores the login, reads it
// back, remembers where it was, and takes it out of there. It also puts it back. `zen
// import` and the guard do this, the one for a person who is asked first, the other for a
// setting.
//
// A login leaves its old place only when zen answers with the very same. The package asks
// nobody, shows nothing, and points no client at zen: its callers decide that a client
// asks zen by now.
package adopt

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
)

// Zen is what logins are moved into. A profile is that of the helper which the client
// executes, "" for docker-credential-zen itself. Credentials stay the caller's to wipe.
type Zen interface {
	// Holds compares a credential with what zen has. NotLoggedIn means that it has
	// nothing. With any other error the holding is as far as it is known.
	Holds(ctx context.Context, profile, serverURL string, cred credential.Credential) (access.Holding, error)
	// Verify asks the registry about a credential.
	Verify(ctx context.Context, serverURL string, cred credential.Credential) (api.CredentialReport, error)
	// Store makes zen answer with a credential.
	Store(ctx context.Context, profile, serverURL string, cred credential.Credential) error
}

// Rule says what happens to a found login when zen has another one for the very address.
//
//	             zen's is stored        zen's is a service connector's
//	KeepBoth     conflict               conflict
//	KeepZen      zen's is kept          zen's is kept
//	KeepFound    the found one is kept  the found one is kept
//	KeepProven   the found one is kept  conflict
//	             if the registry
//	             accepts it
type Rule int

// The rules.
const (
	KeepBoth Rule = iota
	KeepZen
	KeepFound
	KeepProven
)

// Adopter moves logins under one rule. It is not safe for concurrent use.
type Adopter struct {
	Zen      Zen
	Rule     Rule
	NoVerify bool // registries are not asked
	State    string
	Now      func() time.Time
	// how a path is shown to a person; nil: as it is
	Show func(path string) string

	stored map[target]*Item
	down   error // why nothing can be stored any more
}

// target is what one login answers for.
type target struct{ profile, address string }

func (it *Item) target() target { return target{it.Profile, it.Login.Address.String()} }

// Compare finds out whether zen has a login already, or another one for the same address.
func (a *Adopter) Compare(ctx context.Context, it *Item) {
	it.State, it.Why, it.Remark = Planned, nil, ""
	has, err := a.Zen.Holds(ctx, it.Profile, it.Login.ServerURL, it.Login.Credential())
	it.Answered = err == nil
	switch {
	case credential.NotLoggedIn.Is(err):
	case isDown(err):
		it.Fail(err)
	case err == nil && has.Same:
		it.State = Same
	case !has.Exact:
		if err != nil {
			it.Fail(err)
		}
	case it.Login.Narrow():
		a.Compare(ctx, it) // the repositories' login, beside zen's for the host
	case a.Rule == KeepFound:
		it.Remark = "in place of zen's login by " + has.By()
	case err != nil:
		it.State, it.Why = Conflict, &credential.Error{
			Reason: credential.ReasonOf(err), Hint: credential.HintOf(err), Cause: err,
			Message: "zen has a login by " + has.By() + ", which fails: " + err.Error(),
		}
	default:
		other := credential.NewError(credential.Exists,
			"zen has another login for this registry, by "+has.By(),
			"choose one of the two logins: zen import --prefer zen, or --prefer source")
		if a.Rule == KeepProven && has.Connector == "" {
			it.contested = other
		} else {
			a.conflict(it, other)
		}
	}
}

func (a *Adopter) conflict(it *Item, err error) {
	if it.State, it.Why = Conflict, err; a.Rule == KeepZen {
		it.State, it.Why, it.Remark = Dropped, nil, err.Error()
	}
}

// verifications bounds how many registries are asked at a time.
const verifications = 4

// Check asks the registries about the logins that are to be stored, about each one once
// wherever it was found: some registries lock an account after a few wrong passwords.
func (a *Adopter) Check(ctx context.Context, items []*Item) {
	type question struct {
		first *Item
		items []*Item
	}
	var questions []*question
	for _, it := range items {
		if it.State != Planned {
			continue
		}
		if it.Verification = api.VerificationSkipped; a.NoVerify {
			continue
		}
		i := slices.IndexFunc(questions, func(q *question) bool {
			return q.first.Login.ServerURL == it.Login.ServerURL && q.first.Login.Same(it.Login)
		})
		if i < 0 {
			i, questions = len(questions), append(questions, &question{first: it})
		}
		questions[i].items = append(questions[i].items, it)
	}
	var running sync.WaitGroup
	slots := make(chan struct{}, verifications)
	for _, q := range questions {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			l := q.first.Login
			report, err := a.Zen.Verify(ctx, l.ServerURL, l.Credential())
			for _, it := range q.items {
				it.judge(report, err)
			}
		})
	}
	running.Wait()
}

// judge takes what the registry said. One that cannot be reached says nothing against a
// login, and nothing for one that is to replace zen's.
func (it *Item) judge(report api.CredentialReport, err error) {
	if err != nil {
		it.Fail(err)
		return
	}
	it.Verification = report.Verification
	switch {
	case report.Verification == api.VerificationRejected:
		hint := report.Hint
		if hint == "" {
			hint = "log in again: docker login " + it.Login.Address.Host() + ", or import it all the same: " +
				"zen import --no-verify"
		}
		it.Fail(credential.NewError(credential.Rejected, report.Detail, hint))
	case it.contested != nil && report.Verification != api.VerificationValid:
		it.State, it.Why = Conflict, it.contested
	case report.Detail != "":
		it.Remark = report.Detail
	}
}

// Take stores a login that is planned, and reads it back.
func (a *Adopter) Take(ctx context.Context, it *Item) {
	if it.State != Planned {
		return
	}
	if first := a.stored[it.target()]; first != nil {
		if it.Remark = ""; first.Login.Same(it.Login) {
			it.State = Same
			return
		}
		a.conflict(it, credential.NewError(credential.Exists, "the login of "+a.show(first.Login.Place())+
			" for this registry was imported", "let zen keep that one: zen import --prefer zen"))
		return
	}
	err := a.down
	if err == nil {
		if err = a.store(ctx, it); isDown(err) {
			a.down = err
		}
	}
	if err != nil {
		it.Fail(err)
		return
	}
	if a.stored == nil {
		a.stored = map[target]*Item{}
	}
	it.State, it.Answered, a.stored[it.target()] = Done, true, it
}

// store is done when zen gives the very login to anyone who asks for it.
func (a *Adopter) store(ctx context.Context, it *Item) error {
	cred := it.Login.Credential()
	if err := a.Zen.Store(ctx, it.Profile, it.Login.ServerURL, cred); err != nil {
		return err
	}
	has, err := a.Zen.Holds(ctx, it.Profile, it.Login.ServerURL, cred)
	if err == nil && !has.Same {
		err = credential.NewError(credential.Internal, "zen stored it, but answers with another login",
			"zen why "+it.Login.Address.String())
	}
	return err
}

func (a *Adopter) show(path string) string {
	if a.Show == nil {
		return path
	}
	return a.Show(path)
}

// isDown reports whether an error of zend's means that the next call would only fail the
// same way, perhaps after minutes.
func isDown(err error) bool {
	return slices.ContainsFunc([]credential.Reason{
		credential.Locked, credential.KeyringUnavailable, credential.KeyringRefused, credential.KeyLost,
		credential.VaultDamaged,
		credential.VaultTooNew, credential.VaultBusy, credential.CannotWrite, credential.Unavailable,
		credential.ForeignPeer, credential.Timeout,
	}, func(r credential.Reason) bool { return r.Is(err) })
}
