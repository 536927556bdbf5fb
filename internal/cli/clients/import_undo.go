package clients

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/adopt"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/clientconfig/logins"
)

// recordedRows are the logins that zen took from the given sources, or from anywhere.
func recordedRows(finder logins.Finder, records []logins.Record, from []string) []*importRow {
	rows := []*importRow{}
	for _, r := range records {
		if len(from) > 0 && !slices.Contains(from, r.Source) {
			continue
		}
		l := finder.Login(r)
		rows = append(rows, newRow(finder.Env, l, adopt.Restoring))
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
		yes, err := a.Confirm(ctx, "Restore these logins? Files will hold their passwords in plain text "+
			"again.", false)
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
	zend := &zendClient{Caller: client}
	if err := zend.load(ctx); err != nil {
		return err
	}
	adopter := a.newImport(finder.Env, zend, o).adopter
	failed := false
	for _, row := range rows {
		if row.State == adopt.Restoring && ctx.Err() == nil {
			adopter.Restore(ctx, zend, &row.Item)
		}
		failed = failed || row.State != adopt.Restored
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
