package machine

import (
	"context"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
	"github.com/zen-agent/zen/internal/credential"
)

// slotPassphrase is the kind of key slot that a person's passphrase opens.
const slotPassphrase = "passphrase"

// Vault are the commands of the vault.
type Vault struct {
	*ui.UI

	zend zend.Connect
}

// NewVault makes the commands of the vault.
func NewVault(u *ui.UI, connect zend.Connect) *Vault {
	return &Vault{UI: u, zend: connect}
}

// LockCommand is zen lock.
func (a *Vault) LockCommand() *cobra.Command {
	return &cobra.Command{
		Use: "lock", Short: "Lock the vault: forget its key and everything minted",
		Long: `Lock the vault. zend forgets the key and every minted credential; clients get nothing
until zen unlock. Logins stay and work again after that.`,
		Example: "  zen lock",
		Args:    command.Arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := zend.Call[api.Empty](cmd.Context(), a.zend, api.MethodVaultLock,
				api.Empty{}); err != nil {
				return err
			}
			a.Say("The vault is locked. Open it with: zen unlock")
			return nil
		},
	}
}

// UnlockCommand is zen unlock.
func (a *Vault) UnlockCommand() *cobra.Command {
	var fromPipe bool
	cmd := &cobra.Command{
		Use: "unlock", Short: "Open the vault",
		Long: `Open the vault, with the key that the keyring or the session keeps. When only a
passphrase opens it, zen asks for that without showing it; --passphrase-stdin reads it from standard
input instead.`,
		Example: "  zen unlock\n  pass show zen | zen unlock --passphrase-stdin",
		Args:    command.Arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.unlock(cmd.Context(), fromPipe); err != nil {
				return err
			}
			a.Say("The vault is unlocked.")
			return nil
		},
	}
	cmd.Flags().BoolVar(&fromPipe, "passphrase-stdin", false, "read the passphrase from standard input")
	return cmd
}

func (a *Vault) unlock(ctx context.Context, fromPipe bool) error {
	if fromPipe {
		passphrase, err := a.ReadSecret(ctx, "--passphrase-stdin")
		if err != nil {
			return err
		}
		return a.unlockWith(ctx, passphrase)
	}
	_, err := zend.Call[api.Empty](ctx, a.zend, api.MethodVaultUnlock, api.Empty{})
	if err == nil || ui.IsEnd(err) {
		return err
	}
	status, statusErr := zend.Call[api.VaultStatus](ctx, a.zend, api.MethodVaultStatus, api.Empty{})
	if statusErr != nil || !hasSlot(status, slotPassphrase) {
		return err
	}
	if !a.Term.Attended() {
		return credential.NewError(credential.ReasonOf(err), err.Error(), "zen unlock --passphrase-stdin")
	}
	passphrase, err := a.PromptSecret(ctx, "Passphrase of the vault")
	if err != nil {
		return err
	}
	return a.unlockWith(ctx, passphrase)
}

// unlockWith opens the vault with a passphrase and wipes it.
func (a *Vault) unlockWith(ctx context.Context, passphrase credential.Secret) error {
	defer passphrase.Wipe()
	if passphrase.IsEmpty() {
		return ui.Refused("the passphrase is empty", "")
	}
	_, err := zend.CallWith[api.Empty](
		ctx,
		a.zend,
		api.MethodVaultUnlock,
		api.Empty{},
		zend.Secrets{api.SecretPassphrase: passphrase},
	)
	return err
}

func hasSlot(v api.VaultStatus, kind string) bool {
	return slices.ContainsFunc(v.Slots, func(s api.VaultSlot) bool { return s.Kind == kind })
}

// Command is zen vault.
func (a *Vault) Command() *cobra.Command {
	return command.Group("vault", "See and change what keeps the vault's key", "  zen vault status\n  "+
		"zen vault passphrase",
		a.vaultStatusCommand(), a.vaultPassphraseCommand(), a.vaultRotateCommand(), a.vaultRestoreCommand())
}

func (a *Vault) vaultStatusCommand() *cobra.Command {
	var o ui.Output
	cmd := &cobra.Command{
		Use: "status", Short: "Show where the vault is, its state and what opens it",
		Example: "  zen vault status\n  zen vault status -o json",
		Args:    command.Arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			status, err := zend.Call[api.VaultStatus](
				cmd.Context(),
				a.zend,
				api.MethodVaultStatus,
				api.Empty{},
			)
			if err != nil {
				return err
			}
			return a.Show(o, status, func() { a.drawVault(status) })
		},
	}
	command.AddOutput(a.UI, cmd, &o)
	return cmd
}

func (a *Vault) drawVault(v api.VaultStatus) {
	rows := [][]string{{"FILE", v.File}, {"STATE", vaultLine(v)}}
	if v.ID != "" {
		rows = append(rows, []string{"ID", v.ID}, []string{"FORMAT", strconv.Itoa(v.Format)},
			[]string{"GENERATION", strconv.FormatUint(v.Generation, 10)})
	}
	rows = append(rows, []string{"RECORDS", strconv.Itoa(v.Records)}, []string{"KEY", keyLines(v)})
	a.DrawProperties("", "VAULT", rows)
	if v.Problem != "" {
		a.Hint(v.Hint)
	}
}

type passphraseOptions struct {
	remove   bool
	fromPipe bool
}

func (a *Vault) vaultPassphraseCommand() *cobra.Command {
	var o passphraseOptions
	cmd := &cobra.Command{
		Use: "passphrase", Short: "Let a passphrase open the vault, change it, or remove it",
		Long: `Add a passphrase with which zen unlock opens the vault, also after a reboot or when
the keyring is gone, or change it. --remove takes it away again, which is refused when nothing else
opens the vault.`,
		Example: "  zen vault passphrase\n  zen vault passphrase --remove",
		Args:    command.Arguments(0, 0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.setPassphrase(cmd, o) },
	}
	cmd.Flags().BoolVar(&o.remove, "remove", false, "remove the passphrase")
	cmd.Flags().BoolVar(&o.fromPipe, "passphrase-stdin", false, "read the passphrase from standard input")
	return cmd
}

func (a *Vault) setPassphrase(cmd *cobra.Command, o passphraseOptions) error {
	ctx := cmd.Context()
	if o.remove {
		if o.fromPipe {
			return ui.Misused(cmd, "Please give either '--remove' or '--passphrase-stdin', not both.")
		}
		_, err := zend.Call[api.Empty](
			ctx,
			a.zend,
			api.MethodVaultPassphrase,
			api.PassphraseRequest{Remove: true},
		)
		if err == nil {
			a.Say("The passphrase is removed.")
		}
		return err
	}
	passphrase, err := a.newPassphrase(ctx, o.fromPipe)
	if err != nil {
		return err
	}
	defer passphrase.Wipe()
	_, err = zend.CallWith[api.Empty](ctx, a.zend, api.MethodVaultPassphrase, api.PassphraseRequest{},
		zend.Secrets{api.SecretPassphrase: passphrase})
	if err == nil {
		a.Say("Passphrase set. After a reboot: zen unlock")
	}
	return err
}

func (a *Vault) newPassphrase(ctx context.Context, fromPipe bool) (credential.Secret, error) {
	var none credential.Secret
	if fromPipe {
		passphrase, err := a.ReadSecret(ctx, "--passphrase-stdin")
		if err == nil && passphrase.IsEmpty() {
			err = ui.Refused("the passphrase is empty", "")
		}
		return passphrase, err
	}
	if !a.Term.Attended() {
		return none, ui.Refused("there is no terminal to ask for the passphrase", "zen vault passphrase "+
			"--passphrase-stdin")
	}
	for {
		first, err := a.PromptSecret(ctx, "New passphrase")
		if err != nil {
			return none, err
		}
		if first.IsEmpty() {
			continue
		}
		second, err := a.PromptSecret(ctx, "Repeat it")
		if err != nil {
			first.Wipe()
			return none, err
		}
		same := first.Equal(second)
		second.Wipe()
		if same {
			return first, nil
		}
		first.Wipe()
		a.Say("Error: the passphrases do not match. Please try again.")
	}
}

func (a *Vault) vaultRotateCommand() *cobra.Command {
	return &cobra.Command{
		Use: "rotate", Short: "Seal everything with a new key",
		Long: `Seal everything with a new key and put that into the key slots. Copies of the vault
that were made before, and keys that were taken, are of no use for what is written from now on.`,
		Example: "  zen vault rotate",
		Args:    command.Arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			stop := a.Busy(cmd.Context(), "Sealing the vault with a new key...")
			_, err := zend.Call[api.Empty](cmd.Context(), a.zend, api.MethodVaultRotate, api.Empty{})
			stop()
			if err == nil {
				a.Say("The vault is sealed with a new key.")
			}
			return err
		},
	}
}

func (a *Vault) vaultRestoreCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "restore", Short: "Put the previous generation back in place of a damaged vault",
		Long: `Put the generation before the last change back. What was changed last is lost; the
damaged file is kept beside it.`,
		Example: "  zen vault restore\n  zen vault restore --yes",
		Args:    command.Arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			const question = "This puts the vault's previous generation back. Do you want to continue?"
			if err := a.confirmed(cmd.Context(), yes, question); err != nil {
				return err
			}
			if _, err := zend.Call[api.Empty](cmd.Context(), a.zend, api.MethodVaultRestore,
				api.Empty{}); err != nil {
				return err
			}
			a.Say("The vault's previous generation is back.")
			return nil
		},
	}
	addYes(cmd, &yes)
	return cmd
}

// addYes gives a command --yes.
func addYes(cmd *cobra.Command, yes *bool) {
	cmd.Flags().BoolVarP(yes, "yes", "y", false, "do not ask for confirmation")
}

// confirmed asks before something that cannot be undone. Without a terminal --yes is
// needed.
func (a *Vault) confirmed(ctx context.Context, yes bool, text string) error {
	if yes {
		return nil
	}
	if !a.Term.Attended() {
		return ui.Refused("there is no terminal to ask for confirmation", "add --yes")
	}
	agreed, err := a.Confirm(ctx, text, false)
	if err == nil && !agreed {
		err = ui.ErrAborted
	}
	return err
}
