package cli

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/ui"
)

func (a *app) serverCommand() *cobra.Command {
	return group("server", "Connect to ZenML servers and use the service connectors that live there",
		"  zen server connect https://zenml.example.com --api-key-stdin < key\n"+
			"  zen service-connector list\n"+
			"  zen login NAME",
		a.serverConnectCommand(), a.serverListCommand(), a.serverDescribeCommand(), a.serverUseCommand(), a.serverDisconnectCommand())
}

func (a *app) serverListCommand() *cobra.Command {
	var o ui.Output
	cmd := &cobra.Command{
		Use: "list", Short: "List the ZenML servers that zen is connected to",
		Example: "  zen server list",
		Args:    arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := call[api.ServerList](cmd.Context(), a, api.MethodServerList, api.Empty{})
			if err != nil {
				return err
			}
			return showList(a, cmd, o, listing[api.Server]{
				columns: serverColumns(), items: list.Items, empty: "zen is not connected to any ZenML server.",
			})
		},
	}
	addOutput(a.UI, cmd, &o)
	return cmd
}

func serverColumns() []column[api.Server] {
	type server = api.Server
	return []column[server]{
		{
			key: "active", value: func(s server) any { return s.Active },
			cell: func(s server) string { return ui.ActiveMark(s.Active) },
		},
		{key: "name", value: func(s server) any { return s.Name }},
		{key: "url", value: func(s server) any { return s.URL }},
		{key: "auth", value: func(s server) any { return s.Auth }},
		{key: "user", value: func(s server) any { return ui.OrNull(s.User) }},
		{key: "version", value: func(s server) any { return ui.OrNull(s.Version) }},
		{key: "logins", value: func(s server) any { return s.Logins }},
	}
}

func (a *app) serverDescribeCommand() *cobra.Command {
	var o ui.Output
	cmd := &cobra.Command{
		Use: "describe [NAME_ID_OR_PREFIX]", Short: "Show a ZenML server, and ask it whether it still lets zen in",
		Example:           "  zen server describe\n  zen server describe prod -o json",
		Args:              arguments(0, 1, "NAME_ID_OR_PREFIX"),
		ValidArgsFunction: a.completeFrom(1, serverNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			result, err := call[api.ServerResult](cmd.Context(), a, api.MethodServerGet, api.Ref{Name: first(args)})
			if err != nil {
				return err
			}
			if problem := result.Server.Problem; problem != "" {
				a.Warn(problem, "zen server connect "+result.Server.URL)
			}
			return a.Show(o, serverObject(result), func() { a.drawServer(result) })
		},
	}
	addOutput(a.UI, cmd, &o)
	return cmd
}

func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
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

func (a *app) drawServer(r api.ServerResult) {
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
		rows = append(rows, []string{"LOGIN ENDS IN", ui.OrNA(ui.Span(s.Until.Sub(a.now()).Round(time.Second)))})
	}
	if r.Connectors != nil {
		rows = append(rows, []string{"SERVICE CONNECTORS", strconv.Itoa(*r.Connectors) + " for container registries"})
	}
	if s.Problem != "" {
		rows = append(rows, []string{"PROBLEM", s.Problem})
	}
	a.DrawProperties(title, "PROPERTY", rows)
}

func (a *app) serverUseCommand() *cobra.Command {
	return &cobra.Command{
		Use: "use NAME_ID_OR_PREFIX", Short: "Make a ZenML server the active one",
		Long: `Make a server the active one. When several servers have a service connector of the same name, the active server's is
meant.`,
		Example:           "  zen server use prod",
		Args:              arguments(1, 1, "NAME_ID_OR_PREFIX"),
		ValidArgsFunction: a.completeFrom(1, serverNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			result, err := call[api.ServerResult](cmd.Context(), a, api.MethodServerUse, api.Ref{Name: args[0]})
			if err != nil {
				return err
			}
			a.Say("The active server is '%s' (%s).", result.Server.Name, result.Server.URL)
			return nil
		},
	}
}

func (a *app) serverDisconnectCommand() *cobra.Command {
	return &cobra.Command{
		Use: "disconnect NAME_ID_OR_PREFIX", Short: "Forget a ZenML server and its key, and end the logins through it",
		Example:           "  zen server disconnect prod",
		Args:              arguments(1, 1, "NAME_ID_OR_PREFIX"),
		ValidArgsFunction: a.completeFrom(1, serverNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			result, err := call[api.ServerResult](cmd.Context(), a, api.MethodServerDisconnect, api.Ref{Name: args[0]})
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

// serverNames lists the servers.
func serverNames(ctx context.Context, client caller) ([]string, error) {
	list, err := ask[api.ServerList](ctx, client, api.MethodServerList, api.Empty{}, nil, completionTime)
	var names []string
	for _, s := range list.Items {
		names = append(names, described(s.Name, s.URL))
	}
	return names, err
}

// addServer gives a command --server, for a service connector.
func (a *app) addServer(cmd *cobra.Command, server *string) { a.addServerOf(cmd, server, "connector") }

// addServerOf gives a command --server, for whatever can live on one.
func (a *app) addServerOf(cmd *cobra.Command, server *string, what string) {
	cmd.Flags().StringVar(server, "server", "", "the "+what+" of this ZenML server `NAME`, not one of this machine")
	complete(cmd, "server", a.completeFrom(0, serverNames))
}
