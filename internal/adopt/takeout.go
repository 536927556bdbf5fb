package adopt

import (
	"context"
	"slices"

	"github.com/zen-agent/zen/internal/clientconfig/logins"
	"github.com/zen-agent/zen/internal/credential"
)

// TakeOut removes logins that zen holds from their file, all in one change. Where they
// were is remembered first.
func (a *Adopter) TakeOut(ctx context.Context, file string, items []*Item) {
	var list []*logins.Login
	for _, it := range items {
		list = append(list, it.Login)
	}
	err := a.remember(ctx, items)
	var stay []*logins.Login
	if err == nil {
		stay, err = logins.Scrub(ctx, file, list)
	}
	for _, it := range items {
		switch {
		case err != nil:
			it.Stay(err)
		case slices.Contains(stay, it.Login):
			it.Stay(credential.NewError(credential.InUse, "another program changed it meanwhile",
				"zen import"))
		default:
			it.Removed = true
		}
	}
}

// Erase makes the helper that keeps a login forget it.
func (a *Adopter) Erase(ctx context.Context, it *Item) {
	err := a.remember(ctx, []*Item{it})
	if err == nil {
		err = it.Login.Erase(ctx)
	}
	if err != nil {
		it.Stay(err)
		return
	}
	it.Removed = true
}

// remember keeps for Restore where logins were. Nobody would want a leftover back, and
// what gave way to zen's own login is not in zen.
func (a *Adopter) remember(ctx context.Context, items []*Item) error {
	var records []logins.Record
	for _, it := range items {
		if !it.Login.Leftover && it.State != Dropped {
			records = append(records, it.Login.Record(a.Now()))
		}
	}
	if len(records) == 0 {
		return nil
	}
	return logins.Remember(ctx, a.State, records)
}

// Giver hands out what zen answers to a client, and the name of the service connector
// that it is of, if it is one's. The caller wipes the secret.
type Giver interface {
	Give(ctx context.Context, profile, serverURL string) (credential.Credential, string, error)
}

// Restore gets a login from zen and puts it back to where it was; then it is forgotten
// that it was ever taken. zen keeps it too.
func (a *Adopter) Restore(ctx context.Context, from Giver, it *Item) {
	if err := a.restore(ctx, from, it); err != nil {
		it.Fail(err)
		return
	}
	it.State = Restored
}

func (a *Adopter) restore(ctx context.Context, from Giver, it *Item) error {
	l := it.Login
	cred, connector, err := from.Give(ctx, it.Profile, l.ServerURL)
	defer cred.Secret.Wipe()
	switch {
	case connector != "":
		return credential.NewError(credential.InUse, "zen answers by service connector '"+connector+"' "+
			"now; its credentials are not written to files", "")
	case err != nil:
		return err
	case cred.Username != l.Username:
		return credential.NewError(credential.InUse, "zen has the login of another user by now, '"+
			cred.Username+"'", "")
	}
	record := l.Record(a.Now())
	l.Secret = cred.Secret
	if l.Helper != "" {
		err = l.Return(ctx)
	} else if done, restoreErr := l.Restore(ctx); restoreErr != nil {
		err = restoreErr
	} else if !done {
		err = credential.NewError(credential.Exists, "there is another login by now",
			"leave it: zen logout "+l.Address.String())
	}
	if err != nil {
		return err
	}
	return logins.Forget(ctx, a.State, []logins.Record{record})
}
