package adopt

import (
	"context"
	"slices"

	"github.com/zen-agent/zen/internal/clientconfig/logins"
	"github.com/zen-agent/zen/internal/credential"
)

// TakeOut removes logins that zen holds from their old places, those of a file all in one
// change. Where they were is remembered first.
func (a *Adopter) TakeOut(ctx context.Context, items []*Item) {
	err := a.remember(ctx, items)
	byFile := map[string][]*Item{}
	for _, it := range items {
		if file := it.Login.File; err != nil {
			it.Stay(err)
		} else if file != "" {
			byFile[file] = append(byFile[file], it)
		} else {
			it.took(it.Login.Erase(ctx))
		}
	}
	for file, items := range byFile {
		var list []*logins.Login
		for _, it := range items {
			list = append(list, it.Login)
		}
		stay, err := logins.Scrub(ctx, file, list)
		for _, it := range items {
			if err == nil && slices.Contains(stay, it.Login) {
				it.Stay(credential.NewError(credential.InUse, "another program changed it meanwhile",
					"zen import"))
			} else {
				it.took(err)
			}
		}
	}
}

func (it *Item) took(err error) {
	if it.Removed = err == nil; err != nil {
		it.Stay(err)
	}
}

// remember keeps for Restore where logins were. Nobody would want a leftover back, and
// what gave way to zen's own login is not in zen.
func (a *Adopter) remember(ctx context.Context, items []*Item) error {
	var records []logins.Record
	for _, it := range items {
		if !it.Login.Leftover && it.State != Dropped {
			record := it.Login.Record(a.Now())
			record.Profile = it.Profile
			records = append(records, record)
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
	return logins.Forget(ctx, a.State, []logins.Record{l.Record(a.Now())})
}
