package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/cli/clients"
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/connector"
	"github.com/zen-agent/zen/internal/cli/login"
	"github.com/zen-agent/zen/internal/cli/machine"
	"github.com/zen-agent/zen/internal/cli/registry"
	"github.com/zen-agent/zen/internal/cli/resource"
	"github.com/zen-agent/zen/internal/cli/server"
	"github.com/zen-agent/zen/internal/cli/stack"
	"github.com/zen-agent/zen/internal/cli/ui"
)

// Groups of commands in the help.
const (
	groupLogin    = "login"
	groupEntities = "entities"
	groupMachine  = "machine"
)

// root is the whole command tree.
func (a *app) root() *cobra.Command {
	a.line = command.NewLine(a.zend)
	version, daemon := false, machine.NewDaemon(a.UI, a.zend, a.dirs)
	root := &cobra.Command{
		Use:   "zen",
		Short: "Log in to container registries and keep the credentials sealed",
		Long: `zen keeps the credentials of container registries in a sealed vault and hands them to
docker and every other client through docker-credential-zen. Its words are ZenML's: service
connectors hold credentials, container registries and stacks use them.`,
		Example: `  zen service-connector register dockerhub --type docker --username=me --password-stdin
  zen login dockerhub
  zen status`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          command.NoSuchCommand,
		RunE: func(cmd *cobra.Command, args []string) error {
			if version {
				return daemon.VersionCommand().RunE(cmd, args)
			}
			return cmd.Help()
		},
	}
	root.Flags().BoolVarP(&version, "version", "v", false, "print the versions, as zen version does")
	root.SetHelpCommand(helpCommand(root))
	root.SetIn(a.In)
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		// "-phunter2": what follows the letter may be a secret
		message, _, _ := strings.Cut(err.Error(), " in -")
		message, _, number := strings.Cut(message, ": strconv.")
		if number { // the reason is for programmers
			message += ": write a number"
		}
		return ui.Misused(cmd, "%s", message)
	})
	root.AddGroup(
		&cobra.Group{ID: groupLogin, Title: "Login commands:"},
		&cobra.Group{ID: groupEntities, Title: "Entity commands:"},
		&cobra.Group{ID: groupMachine, Title: "Vault and daemon commands:"},
	)
	a.assemble(root, daemon)
	return root
}

// assemble makes the rooms, gives each the few things that it works with, and adds their
// commands. A new command is a constructor in the room of its noun and a line here.
func (a *app) assemble(root *cobra.Command, daemon *machine.Daemon) {
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	types := resource.NewTypeCache(a.zend)
	client := clients.New(a.UI, a.zend, a.now, a.dirs)
	servers := server.New(a.UI, a.zend, a.now, a.dirs, client.ClientEnv)
	logins := login.New(a.UI, a.zend, a.now, servers.ActiveStack, client.HintSetup)
	add(
		groupLogin,
		logins.Command(),
		logins.LogoutCommand(),
		machine.NewStatus(a.UI, a.zend, a.now).Command(),
		machine.NewApprovals(a.UI, a.zend, a.now).Command(),
		client.WhyCommand(),
		client.SetupCommand(),
		client.ImportCommand(servers.WarnOfZenMLLogins),
	)
	connectors := connector.New(a.UI, a.zend, a.now, a.line, types, client.ClientEnv)
	registries := registry.New(a.UI, a.zend, a.line, types)
	add(groupEntities, connectors.Command(logins.ConnectorCommand(), logins.ConnectorLogoutCommand()),
		registries.Command(logins.RegistryCommand()), stack.New(a.UI, a.zend).Command(), servers.Command(),
		servers.EnvCommand())
	vault := machine.NewVault(a.UI, a.zend)
	add(
		groupMachine,
		vault.LockCommand(),
		vault.UnlockCommand(),
		vault.Command(),
		daemon.Command(),
		machine.NewAuditLog(a.UI, a.zend, a.now).Command(),
		machine.NewDoctor(a.UI, a.zend, a.dirs, client.ClientEnv, a.elsewhere).
			Command(),
		daemon.SelftestCommand(),
	)
	root.AddCommand(daemon.VersionCommand(), completionCommand(), manCommand(), command.Absent(firstWords()))
}

// firstWords are what people type first that know other programs, and what zen calls it.
func firstWords() map[string]string {
	const list = "who is logged in: zen status; what holds credentials: zen service-connector list"
	return map[string]string{
		"start": "zen daemon start", "stop": "zen daemon stop", "restart": "zen daemon restart",
		"logs": "zen daemon logs", "whoami": "zen status", "list": list, "ls": list,
		"register":  "zen service-connector register NAME --type docker --username=USER",
		"connect":   "to a ZenML server: zen server connect URL",
		"uninstall": "clients first: zen setup --undo; then the programs: make uninstall",
	}
}

// helpCommand is cobra's, except that an unknown command is an error.
func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "Show the help of a command",
		Example: "  zen help login",
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) (names []cobra.Completion,
			_ cobra.ShellCompDirective,
		) {
			if cmd, rest, err := root.Find(args); err == nil && len(rest) == 0 {
				for _, c := range cmd.Commands() {
					if c.IsAvailableCommand() {
						names = append(names, cobra.CompletionWithDesc(c.Name(), c.Short))
					}
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			if err == nil && len(rest) > 0 {
				err = command.NoSuchCommand(cmd, rest)
			}
			if err != nil {
				return err
			}
			cmd.InitDefaultHelpFlag()
			return cmd.Help()
		},
	}
}
