package clients

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/adopt"
	"github.com/zen-agent/zen/internal/clientconfig/logins"
)

// undo puts the logins that zen took from the given sources, or from anywhere, back to
// where they were found. zen keeps its own.
func (j *importJob) undo(cmd *cobra.Command, finder logins.Finder, from []string) error {
	ctx := cmd.Context()
	records, err := logins.Recorded(j.env.State)
	if err != nil {
		return err
	}
	for _, r := range records {
		if len(from) == 0 || slices.Contains(from, r.Source) {
			l := finder.Login(r)
			j.add(l, adopt.Restoring, r.Profile)
		}
	}
	if len(j.rows) == 0 {
		return j.show(cmd, "zen has taken no logins from anywhere that it could put back.")
	}
	if !j.options.yes {
		if err := j.show(cmd, ""); err != nil {
			return err
		}
		goOn, err := j.agreed(ctx, "Restore these logins? Files will hold their passwords in plain text "+
			"again.")
		if err != nil || !goOn {
			return err
		}
	}
	if err := j.connect(ctx); err != nil {
		return err
	}
	for _, r := range j.rows {
		if r.State == adopt.Restoring && ctx.Err() == nil {
			j.adopter.Restore(ctx, j.zend, &r.Item)
		}
	}
	if err := j.show(cmd, ""); err != nil {
		return err
	}
	j.app.Say("zen keeps these logins too.")
	j.app.Hint("let clients ask as before: zen setup --undo; end a login in zen: zen logout REGISTRY")
	return j.status(ctx)
}
