package login

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
)

// LogoutCommand is zen logout.
func (a *Commands) LogoutCommand() *cobra.Command {
	var req api.LogoutRequest
	cmd := &cobra.Command{
		Use: "logout NAME|REGISTRY", Short: "End logins, of a service connector or of a registry",
		Long: `End logins: docker-credential-zen no longer answers for the registry. The service
connector stays; credentials that came by docker login are deleted with their login. It takes a
whole name, an id or 8 characters of it, or a registry's address.`,
		Example: `  zen logout dockerhub
  zen logout registry.example.com
  zen logout --all`,
		Args:              command.Arguments(0, 1),
		ValidArgsFunction: command.CompleteFrom(a.zend, 1, command.LoginNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case req.All && len(args) > 0:
				return ui.Misused(cmd, "Please give either a name or '--all', not both.")
			case !req.All:
				if err := command.Arguments(1, 1, "NAME|REGISTRY")(cmd, args); err != nil {
					return err
				}
				req.Name = args[0]
			}
			return a.logOut(cmd, req)
		},
	}
	cmd.Flags().BoolVar(&req.All, "all", false, "end every login")
	addScope(cmd, &req)
	return cmd
}

// ConnectorLogoutCommand is ZenML's spelling, for one connector.
func (a *Commands) ConnectorLogoutCommand() *cobra.Command {
	var req api.LogoutRequest
	cmd := &cobra.Command{
		Use: "logout NAME_ID_OR_PREFIX", Short: "End the logins of a service connector",
		Example:           "  zen service-connector logout dockerhub",
		Args:              command.Arguments(1, 1, "NAME_ID_OR_PREFIX"),
		ValidArgsFunction: command.CompleteFrom(a.zend, 1, command.ConnectorNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			req.Name = args[0]
			return a.logOut(cmd, req)
		},
	}
	addScope(cmd, &req)
	return cmd
}

func addScope(cmd *cobra.Command, req *api.LogoutRequest) {
	cmd.Flags().StringVar(&req.Dir, "dir", "", "only logins that are bound to this `DIRECTORY`")
	cmd.Flags().StringVar(&req.Profile, "profile", "", "only logins of this `PROFILE`")
	command.NeverEmpty(cmd, "dir", "profile")
}

func (a *Commands) logOut(cmd *cobra.Command, req api.LogoutRequest) error {
	if req.Dir != "" {
		dir, err := filepath.Abs(req.Dir)
		if err != nil {
			return ui.Refused(err.Error(), "")
		}
		req.Dir = dir
	}
	result, err := zend.Call[api.LogoutResult](cmd.Context(), a.zend, api.MethodLogout, req)
	if err != nil {
		return err
	}
	if len(result.Ended) == 0 {
		a.Say("You were not logged in to any registry.")
	}
	for _, l := range result.Ended {
		who := ui.AnsweredBy(l)
		if l.Dir != "" || l.Profile != "" {
			who += ", " + ui.LoginScope(l)
		}
		a.Say("Logged out of %s (%s).", l.Address, who)
	}
	return nil
}
