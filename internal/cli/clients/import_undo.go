package clients

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/clientconfig/logins"
	"github.com/zen-agent/zen/internal/credential"
)

// recordedRows are the logins that zen took from the given sources, or from anywhere.
func recordedRows(finder logins.Finder, records []logins.Record, from []string) []*importRow {
	rows := []*importRow{}
	for _, r := range records {
		if len(from) > 0 && !slices.Contains(from, r.Source) {
			continue
		}
		l := finder.Login(r)
		row := &importRow{login: l, source: l.Source, place: l.Place(), status: "to restore"}
		if l.Problem != nil {
			row.fail(l.Problem)
		}
		rows = append(rows, row)
	}
	return rows
}

// undoImport puts logins back to where they were found. zen keeps its own.
func (a *Commands) undoImport(
	cmd *cobra.Command, finder logins.Finder, from []string, o importOptions,
) error {
	ctx := cmd.Context()
	records, err := logins.Recorded(finder.Env.State)
	if err != nil {
		return err
	}
	rows := recordedRows(finder, records, from)
	if len(rows) == 0 {
		return a.showImport(cmd, o, nil, "zen has taken no logins from anywhere that it could put back.")
	}
	if !o.yes {
		if err := a.showImport(cmd, o, rows, ""); err != nil {
			return err
		}
		if o.dryRun || !o.output.IsTable() || a.Term.In == nil || !a.Term.Err {
			a.Say("This was a dry run: nothing was changed.")
			return nil
		}
		yes, err := a.Confirm(ctx, "Put these logins back? Those of files will be in plain text.", false)
		if err == nil && !yes {
			err = ui.ErrAborted
		}
		if err != nil {
			return err
		}
	}
	client, err := a.zend(true)
	if err != nil {
		return err
	}
	zend := zendClient{client}
	existing, err := zend.logins(ctx)
	if err != nil {
		return err
	}
	failed := false
	for _, row := range rows {
		if row.status != importFailed && ctx.Err() == nil {
			row.restore(ctx, zend, existing[row.login.Address.String()], finder.Env.State)
		}
		failed = failed || row.status != importRestored
	}
	if err := a.showImport(cmd, o, rows, ""); err != nil {
		return err
	}
	a.Say("zen keeps these logins too.")
	a.Hint("let clients ask as before: zen setup --undo; end a login in zen: zen logout REGISTRY")
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case failed:
		return ui.StatusError(1)
	}
	return nil
}

// restore gets the login from zen and puts it back; then it is forgotten that it was ever
// taken.
func (r *importRow) restore(ctx context.Context, zend zendClient, has api.Login, state string) {
	if has.ConnectorID != "" {
		r.fail(credential.NewError(credential.InUse, "zen answers by "+ui.AnsweredBy(has)+" by now, "+
			"whose credentials do not belong there", ""))
		return
	}
	cred, err := zend.get(ctx, r.login.ServerURL)
	defer cred.Secret.Wipe()
	if err == nil && cred.Username != r.login.Username {
		err = credential.NewError(credential.InUse, "zen has the login of another user by now, "+
			"'"+cred.Username+"'", "")
	}
	if err != nil {
		r.fail(err)
		return
	}
	record := r.login.Record(time.Time{})
	r.login.Secret = cred.Secret
	if r.login.Helper != "" {
		err = r.login.Return(ctx)
	} else if done, restoreErr := r.login.Restore(ctx); restoreErr != nil || !done {
		if err = restoreErr; err == nil {
			err = credential.NewError(credential.Exists, "there is another login by now", "leave it: zen "+
				"logout "+r.login.Address.String())
		}
	}
	if err == nil {
		err = logins.Forget(ctx, state, []logins.Record{record})
	}
	if err != nil {
		r.fail(err)
		return
	}
	r.status = importRestored
}
