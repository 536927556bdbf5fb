package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
	"github.com/zen-agent/zen/internal/selftest"
)

// SelftestCommand is zen selftest.
func (a *Daemon) SelftestCommand() *cobra.Command {
	var o ui.Output
	cmd := &cobra.Command{
		Use: "selftest", Short: "Prove on this machine that a login works and that no password is left " +
			"lying around",
		Long: `Prove the main job on this machine: start a registry on a loopback port that demands
a password, register a throw-away service connector for it, log in, push and pull through
docker-credential-zen, log out, and search everything that was written, every command line and every
environment for the password. Nothing stays behind, and docker's configuration is not touched.`,
		Example: "  zen selftest\n  zen selftest -o json",
		Args:    command.Arguments(0, 0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.selftest(cmd.Context(), o) },
	}
	command.AddOutput(a.UI, cmd, &o)
	return cmd
}

func (a *Daemon) selftest(ctx context.Context, o ui.Output) error {
	opt, err := a.selftestOptions()
	if err != nil {
		return err
	}
	opt.Progress = func(s selftest.Step) { a.sayStep(s) }
	report, err := selftest.Run(ctx, opt)
	if err != nil {
		// The report says how far it came, for those who asked for it.
		if !o.IsTable() {
			err = errors.Join(err, a.Show(o, report, nil))
		}
		return err
	}
	status, err := zend.Call[api.VaultStatus](ctx, a.zend, api.MethodVaultStatus, api.Empty{})
	if err != nil {
		return err
	}
	return a.Show(o, report, func() {
		fmt.Fprintf(a.Out, "zen works: a push and a pull at %s went through "+
			"docker-credential-zen.\n", report.Registry)
		fmt.Fprintf(a.Out, "The password was in none of %d files, %d command lines and "+
			"environments.\n", report.Files, report.Processes)
		fmt.Fprintf(a.Out, "The vault's key: %s\n", safetext.Line(keyLines(status)))
	})
}

func (a *Daemon) sayStep(s selftest.Step) {
	mark, detail := "✓", ""
	if !s.OK {
		mark = "✗"
	}
	if s.Detail != "" {
		detail = " (" + s.Detail + ")"
	}
	a.Say("%s %s%s, %s", mark, s.Name, detail, s.Elapsed.Round(time.Millisecond))
}

// selftestOptions finds the programs beside this one and the directories that zen writes
// to.
func (a *Daemon) selftestOptions() (selftest.Options, error) {
	self, err := os.Executable()
	if err == nil {
		self, err = filepath.EvalSymlinks(self)
	}
	if err != nil {
		return selftest.Options{}, ui.Refused("zen cannot find itself: "+err.Error(), "")
	}
	helper := filepath.Join(filepath.Dir(self), "docker-credential-zen")
	if _, err := os.Stat(helper); err != nil {
		return selftest.Options{}, credential.NewError(credential.Unavailable,
			"docker-credential-zen is not installed beside "+self, "install all three programs: make install")
	}
	dirs, err := a.dirs()
	if err != nil {
		return selftest.Options{}, err
	}
	return selftest.Options{
		Zen: throughZend{a}, Helper: helper, Child: []string{self, selftest.ChildArgument},
		Roots: []string{dirs.Data, dirs.Config, dirs.State, dirs.Runtime},
	}, nil
}

// throughZend asks zend what the self-test wants.
type throughZend struct{ a *Daemon }

func (z throughZend) Register(ctx context.Context, c selftest.Connector) error {
	result, err := zend.CallWith[api.ConnectorResult](ctx, z.a.zend, api.MethodConnectorRegister,
		api.RegisterConnector{Name: c.Name, Type: "docker", Description: "throw-away connector of zen " +
			"selftest"},
		zend.Secrets{
			"username": credential.SecretString(
				c.Username,
			), "password": c.Password, "registry": credential.SecretString(c.Registry),
		})
	if err != nil {
		return err
	}
	for _, r := range result.Resources {
		if r.Verification != api.VerificationValid {
			return credential.NewError(credential.Internal, "the registry did not confirm the "+
				"credentials: "+r.Error, "")
		}
	}
	return nil
}

func (z throughZend) Login(ctx context.Context, name string) error {
	_, err := zend.Call[api.LoginResult](ctx, z.a.zend, api.MethodLogin, api.LoginRequest{Name: name})
	return err
}

func (z throughZend) Logout(ctx context.Context, name string) error {
	_, err := zend.Call[api.LogoutResult](ctx, z.a.zend, api.MethodLogout, api.LogoutRequest{Name: name})
	return err
}

func (z throughZend) Delete(ctx context.Context, name string) error {
	_, err := zend.Call[api.ConnectorResult](
		ctx,
		z.a.zend,
		api.MethodConnectorDelete,
		api.DeleteConnector{Ref: name},
	)
	return err
}
