package server

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
)

// Command is zen server.
func (a *Commands) Command() *cobra.Command {
	return command.Group(
		"server",
		"Connect to ZenML servers and use the service connectors that live there",
		"  zen server connect https://zenml.example.com --api-key-stdin < key\n"+
			"  zen service-connector list\n"+
			"  zen login NAME",
		a.serverConnectCommand(),
		a.serverListCommand(),
		a.serverDescribeCommand(),
		a.serverUseCommand(),
		a.serverDisconnectCommand(),
	)
}

func (a *Commands) serverListCommand() *cobra.Command {
	var o ui.Output
	cmd := &cobra.Command{
		Use: "list", Short: "List the ZenML servers that zen is connected to",
		Example: "  zen server list",
		Args:    command.Arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := zend.Call[api.ServerList](cmd.Context(), a.zend, api.MethodServerList, api.Empty{})
			if err != nil {
				return err
			}
			return command.ShowList(a.UI, cmd, o, command.Listing[api.Server]{
				Columns: serverColumns(), Items: list.Items, Empty: "zen is not connected to any ZenML " +
					"server.",
			})
		},
	}
	command.AddOutput(a.UI, cmd, &o)
	return cmd
}

func serverColumns() []command.Column[api.Server] {
	type server = api.Server
	return []command.Column[server]{
		{
			Key: "active", Value: func(s server) any { return s.Active },
			Cell: func(s server) string { return ui.ActiveMark(s.Active) },
		},
		{Key: "name", Value: func(s server) any { return s.Name }},
		{Key: "url", Value: func(s server) any { return s.URL }},
		{Key: "auth", Value: func(s server) any { return s.Auth }},
		{Key: "user", Value: func(s server) any { return ui.OrNull(s.User) }},
		{Key: "version", Value: func(s server) any { return ui.OrNull(s.Version) }},
		{Key: "logins", Value: func(s server) any { return s.Logins }},
	}
}

func (a *Commands) serverDescribeCommand() *cobra.Command {
	var o ui.Output
	cmd := &cobra.Command{
		Use: "describe [NAME_ID_OR_PREFIX]", Short: "Show a ZenML server, and ask it whether it still " +
			"lets zen in",
		Example:           "  zen server describe\n  zen server describe prod -o json",
		Args:              command.Arguments(0, 1, "NAME_ID_OR_PREFIX"),
		ValidArgsFunction: command.CompleteFrom(a.zend, 1, command.ServerNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			result, err := zend.Call[api.ServerResult](
				cmd.Context(),
				a.zend,
				api.MethodServerGet,
				api.Ref{Name: ui.Optional(args)},
			)
			if err != nil {
				return err
			}
			if problem := result.Server.Problem; problem != "" {
				a.Warn(problem, "zen server connect "+result.Server.URL)
			}
			return a.Show(o, serverObject(result), func() { a.drawServer(result) })
		},
	}
	command.AddOutput(a.UI, cmd, &o)
	return cmd
}

func serverObject(r api.ServerResult) ui.Object {
	s := r.Server
	return ui.Object{
		{"id", s.ID},
		{"name", s.Name},
		{"url", s.URL},
		{"active", s.Active},
		{"auth", s.Auth},
		{"user", ui.OrNull(s.User)},
		{"version", ui.OrNull(s.Version)},
		{"server_id", ui.OrNull(s.ServerID)},
		{"insecure", s.Insecure},
		{"ssl_ca_cert", s.CACert != ""},
		{"until", s.Until},
		{"service_connectors", r.Connectors},
		{"logins", s.Logins},
		{"problem", ui.OrNull(s.Problem)},
		{"created", s.Created},
		{"updated", s.Updated},
	}
}

func (a *Commands) drawServer(r api.ServerResult) {
	s := r.Server
	title := fmt.Sprintf("Server '%s'", s.Name)
	if s.Active {
		title += " (ACTIVE)"
	}
	rows := [][]string{
		{"ID", s.ID},
		{"NAME", s.Name},
		{"URL", s.URL},
		{"AUTH", s.Auth},
		{"USER", ui.OrNA(s.User)},
		{"ZENML VERSION", ui.OrNA(s.Version)},
		{"LOGINS", strconv.Itoa(s.Logins)},
		{"CONNECTED", ui.Stamp(s.Updated)},
	}
	if s.Until != nil {
		rows = append(
			rows,
			[]string{"LOGIN ENDS IN", ui.OrNA(ui.Span(s.Until.Sub(a.now()).Round(time.Second)))},
		)
	}
	if r.Connectors != nil {
		rows = append(rows, []string{"SERVICE CONNECTORS", strconv.Itoa(*r.Connectors) + " for container " +
			"registries"})
	}
	if s.Problem != "" {
		rows = append(rows, []string{"PROBLEM", s.Problem})
	}
	a.DrawProperties(title, "PROPERTY", rows)
}

func (a *Commands) serverUseCommand() *cobra.Command {
	return &cobra.Command{
		Use: "use NAME_ID_OR_PREFIX", Short: "Make a ZenML server the active one",
		Long: `Make a server the active one. When several servers have a service connector of the
same name, the active server's is meant.`,
		Example:           "  zen server use prod",
		Args:              command.Arguments(1, 1, "NAME_ID_OR_PREFIX"),
		ValidArgsFunction: command.CompleteFrom(a.zend, 1, command.ServerNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			result, err := zend.Call[api.ServerResult](
				cmd.Context(),
				a.zend,
				api.MethodServerUse,
				api.Ref{Name: args[0]},
			)
			if err != nil {
				return err
			}
			a.Say("The active server is '%s' (%s).", result.Server.Name, result.Server.URL)
			return nil
		},
	}
}

func (a *Commands) serverDisconnectCommand() *cobra.Command {
	return &cobra.Command{
		Use: "disconnect NAME_ID_OR_PREFIX", Short: "Forget a ZenML server and its key, and end the " +
			"logins through it",
		Example:           "  zen server disconnect prod",
		Args:              command.Arguments(1, 1, "NAME_ID_OR_PREFIX"),
		ValidArgsFunction: command.CompleteFrom(a.zend, 1, command.ServerNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			result, err := zend.Call[api.ServerResult](
				cmd.Context(),
				a.zend,
				api.MethodServerDisconnect,
				api.Ref{Name: args[0]},
			)
			if err != nil {
				return err
			}
			a.Say("Disconnected from server '%s' (%s).", result.Server.Name, result.Server.URL)
			if result.Ended > 0 {
				a.Say("%s ended with it.", ui.Count(result.Ended, "login"))
			}
			return nil
		},
	}
}
