package connector

import (
	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/resource"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
)

type updateOptions struct {
	connectorFlags

	name   string
	remove []string
}

const updateFailed = "Failed to update service connector: "

func (a *Commands) connectorUpdateCommand() *cobra.Command {
	var o updateOptions
	cmd := &cobra.Command{
		Use: "update NAME_ID_OR_PREFIX [--ATTRIBUTE=VALUE]...", Short: "Update and verify an existing " +
			"service connector",
		Long: `Change a service connector. What is not named stays as it is. The result is verified
before anything is kept, unless --no-verify is given. Attributes are given as for register. A
connector of a ZenML server is changed there, with --server. With --insecure alone the registry
stays one that is asked over plain http.`,
		Example: `  zen service-connector update dockerhub --password-stdin < token
  zen service-connector update dockerhub --name hub --label env=prod --label old
  zen service-connector update dockerhub --remove-attr expires-at
  zen service-connector update dockerhub -i
  zen service-connector update lab --insecure
  zen service-connector update team --server prod --password-stdin < token`,
		Args:              command.Arguments(1, 1, "NAME_ID_OR_PREFIX"),
		ValidArgsFunction: command.CompleteFrom(a.zend, 1, command.ConnectorNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.interactive {
				return a.updateInteractively(cmd, args[0], &o)
			}
			return a.updateConnector(cmd, args[0], &o)
		},
	}
	cmd.Flags().StringVar(&o.name, "name", "", "new `NAME`")
	cmd.Flags().StringArrayVar(&o.remove, "remove-attr", nil,
		"`ATTRIBUTE` to remove, or resource-id, resource-type, expires-at, expires-skew-tolerance, "+
			"expiration-seconds; may be repeated")
	command.AddLabels(cmd.Flags(), &o.labels, "label `KEY=VALUE` to set, or KEY to remove; may be repeated")
	a.addConnectorFlags(cmd, &o.connectorFlags)
	return cmd
}

func (a *Commands) updateConnector(cmd *cobra.Command, ref string, o *updateOptions) error {
	ctx := cmd.Context()
	req, err := o.request(cmd, ref)
	if err != nil {
		return err
	}
	current, err := zend.Call[api.ConnectorResult](
		ctx,
		a.zend,
		api.MethodConnectorGet,
		api.UseConnector{Ref: ref, Server: o.server, Exact: true},
	)
	if err != nil {
		return err
	}
	book, err := a.TypesOn(ctx, o.server)
	if err != nil {
		return ui.Prefixed(err, updateFailed)
	}
	kind, _ := book.Find(current.Connector.Type)
	if err := o.known(cmd, kind); err != nil {
		return err
	}
	config, err := a.config(ctx, cmd, &o.connectorFlags, resource.SecretAttributes(kind, ""))
	if err != nil {
		return err
	}
	defer config.Wipe()
	if len(config) == 0 && changesNothing(req) {
		return ui.Misused(cmd, "There is nothing to change: please name an attribute, an option or a label.")
	}
	result, err := zend.CallWith[api.ConnectorResult](ctx, a.zend, api.MethodConnectorUpdate, req, config)
	if err != nil {
		if ui.IsUnknown(err) {
			return err
		}
		return ui.Prefixed(err, updateFailed)
	}
	return a.showUpdated(cmd, o.output, result, o.noVerify)
}

func (o *updateOptions) request(cmd *cobra.Command, ref string) (api.UpdateConnector, error) {
	expires, err := o.expiry(cmd)
	if err != nil {
		return api.UpdateConnector{}, err
	}
	labels, err := command.LabelChanges(o.labels)
	return api.UpdateConnector{
		Ref: ref, Name: given(cmd, "name", o.name), Description: given(cmd, "description", o.description),
		AuthMethod: given(
			cmd,
			"auth-method",
			o.authMethod,
		), ResourceType: given(cmd, "resource-type", o.ResourceType),
		ResourceID: given(cmd, "resource-id", o.ResourceID), ExpiresAt: expires,
		ExpiresSkewTolerance: given(cmd, "expires-skew-tolerance", o.skew),
		ExpirationSeconds:    given(cmd, "expiration-seconds", o.expirationSeconds),
		Labels:               labels, Remove: o.remove, NoVerify: o.noVerify, Insecure: o.insecure,
		Server: o.server,
	}, err
}

// changesNothing reports whether an update without attributes leaves all as it is.
func changesNothing(req api.UpdateConnector) bool {
	return req.Name == nil && req.Description == nil && req.AuthMethod == nil && req.ResourceType == nil &&
		req.ResourceID == nil && req.ExpiresAt == nil && req.ExpiresSkewTolerance == nil &&
		req.ExpirationSeconds == nil && len(req.Labels)+len(req.Remove) == 0 && !req.Insecure
}

// showUpdated says what an update came to.
func (a *Commands) showUpdated(
	cmd *cobra.Command,
	o ui.Output,
	result api.ConnectorResult,
	noVerify bool,
) error {
	for _, w := range result.Warnings {
		a.Warn(w, "")
	}
	a.sayServer(result.Connector)
	resource.SayShadowed(a.UI, result.Shadowed)
	if noVerify {
		a.Say("Successfully updated service connector `%s`", result.Connector.Name)
		if o.IsTable() {
			return nil
		}
		return a.showAccess(cmd.Context(), o, result)
	}
	resource.WarnUnchecked(a.UI, result.Resources)
	a.Say("Successfully updated service connector `%s`. It can now be used to access the following "+
		"resources:",
		result.Connector.Name)
	return a.showAccess(cmd.Context(), o, result)
}
