package connector

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/resource"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
	"github.com/zen-agent/zen/internal/credential"
)

type verifyOptions struct {
	resource.Flags

	output     ui.Output
	verifyOnly bool
	push       string
	server     string
}

func (a *Commands) connectorVerifyCommand() *cobra.Command {
	var o verifyOptions
	cmd := &cobra.Command{
		Use: "verify NAME_ID_OR_PREFIX", Short: "Verify and list resources for a service connector",
		Long: `Ask the registry whether it accepts the connector's credentials. The exit status is 0
when it does, or when it lets everybody in and cannot tell; then zen says that the credentials were
not verified.`,
		Example: `  zen service-connector verify dockerhub
  zen service-connector verify dockerhub --push me/app`,
		Args:              command.Arguments(1, 1, "NAME_ID_OR_PREFIX"),
		ValidArgsFunction: command.CompleteFrom(a.zend, 1, command.ConnectorNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.verifyConnector(cmd.Context(), args[0], &o)
		},
	}
	cmd.Flags().BoolVarP(&o.verifyOnly, "verify-only", "v", false, "only verify, do not list resources")
	cmd.Flags().StringVar(&o.push, "push", "", "check also whether the credentials may push to this "+
		"`REPOSITORY`")
	resource.AddFlags(a.zend, cmd, &o.Flags)
	command.AddServer(a.zend, cmd, &o.server)
	command.AddOutput(a.UI, cmd, &o.output)
	return cmd
}

func (a *Commands) verifyConnector(ctx context.Context, ref string, o *verifyOptions) error {
	const failed = "Service connector '%s' verification failed: "
	stop := a.Busy(ctx, "Verifying service connector '%s'...", ref)
	result, err := zend.Call[api.ConnectorResult](ctx, a.zend, api.MethodConnectorVerify, api.UseConnector{
		Ref: ref, ResourceType: o.ResourceType, ResourceID: o.ResourceID, Push: o.push, Server: o.server,
	})
	stop()
	if err != nil {
		return ui.Prefixed(err, failed, ref)
	}
	if err := verdict(result.Resources); err != nil {
		return ui.Prefixed(err, failed, ref)
	}
	resource.WarnUnchecked(a.UI, result.Resources)
	if !slices.ContainsFunc(result.Resources, resource.Unchecked) {
		a.Say("Service connector '%s' is correctly configured with valid credentials and has access to "+
			"the following resources:",
			result.Connector.Name)
	}
	resource.SayShadowed(a.UI, result.Shadowed)
	if o.verifyOnly && o.output.IsTable() {
		return nil
	}
	return a.showAccess(ctx, o.output, result)
}

// verdict is the error that a check found, if it found one: that anybody is let in is
// none.
func verdict(list []api.Resource) error {
	for _, r := range list {
		switch {
		case r.Error == "" || r.Verification == api.VerificationAnonymous:
		case r.Verification == api.VerificationUnreachable:
			return credential.NewError(credential.Unreachable, r.Error, "")
		default:
			return credential.NewError(credential.Rejected, r.Error, "")
		}
	}
	return nil
}
