package connector

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/resource"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
)

const hidden = "[HIDDEN]"

type describeOptions struct {
	resource.Flags

	output      ui.Output
	showSecrets bool
	client      bool
	server      string
}

func (a *Commands) connectorDescribeCommand() *cobra.Command {
	var o describeOptions
	cmd := &cobra.Command{
		Use: "describe NAME_ID_OR_PREFIX", Short: "Show detailed information about a service connector",
		Long: `Show everything about a service connector but its secrets. --show-secrets shows those
too, after a question on a terminal; that is noted in the audit log. --client describes what a
client of one resource gets.`,
		Example: `  zen service-connector describe dockerhub
  zen service-connector describe dockerhub -o json
  zen service-connector describe dockerhub --show-secrets`,
		Args:              command.Arguments(1, 1, "NAME_ID_OR_PREFIX"),
		ValidArgsFunction: command.CompleteFrom(a.zend, 1, command.ConnectorNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.describeConnector(cmd.Context(), args[0], &o)
		},
	}
	cmd.Flags().BoolVarP(&o.showSecrets, "show-secrets", "x", false, "show security sensitive attributes")
	cmd.Flags().BoolVarP(&o.client, "client", "c", false, "describe the client of a resource")
	resource.AddFlags(a.zend, cmd, &o.Flags)
	command.AddServer(a.zend, cmd, &o.server)
	command.AddOutput(a.UI, cmd, &o.output)
	return cmd
}

func (a *Commands) describeConnector(ctx context.Context, ref string, o *describeOptions) error {
	use := api.UseConnector{
		Ref:          ref,
		ResourceType: o.ResourceType,
		ResourceID:   o.ResourceID,
		Server:       o.server,
	}
	result, err := zend.Call[api.ConnectorResult](ctx, a.zend, api.MethodConnectorGet, use)
	if err != nil {
		return err
	}
	resource.SayShadowed(a.UI, result.Shadowed)
	c := result.Connector
	if o.client || o.ResourceType != "" || o.ResourceID != "" {
		if c, err = a.clientOf(ctx, use, c); err != nil {
			return err
		}
	}
	config := configuration(c)
	if o.showSecrets {
		if err := a.ConfirmShowingSecrets(ctx, "service connector '"+c.Name+"'"); err != nil {
			return err
		}
		shown, err := zend.Reveal(ctx, a.zend, api.UseConnector{Ref: c.ID, Server: c.Server})
		if err != nil {
			return err
		}
		defer shown.Wipe()
		for name, secret := range shown {
			config[name] = string(secret.Reveal())
		}
	}
	return a.Show(o.output, a.connectorObject(c, config), func() { a.drawConnector(ctx, c, config) })
}

// clientOf is the connector as a client of one resource has it. zend proves that there is
// such a client.
func (a *Commands) clientOf(
	ctx context.Context,
	use api.UseConnector,
	c api.ServiceConnector,
) (api.ServiceConnector, error) {
	result, err := zend.Call[api.ConnectorResult](ctx, a.zend, api.MethodConnectorVerify, use)
	if err != nil {
		return c, ui.Prefixed(err,
			"Failed fetching a service connector client for connector '%s', resource type '%s' and "+
				"resource ID '%s': ", use.Ref, unspecified(use.ResourceType), unspecified(use.ResourceID))
	}
	resource.WarnUnchecked(a.UI, result.Resources)
	if len(result.Resources) == 1 && len(result.Resources[0].ResourceIDs) == 1 {
		r := result.Resources[0]
		c.ResourceTypes, c.ResourceID = []string{r.ResourceType}, r.ResourceIDs[0]
		c.Name = fmt.Sprintf("%s (%s | %s client)", c.Name, r.ResourceType, c.ResourceID)
	}
	return c, nil
}

func unspecified(s string) string {
	if s == "" {
		return "<unspecified>"
	}
	return s
}

// configuration are all attributes that are set, secret ones hidden.
func configuration(c api.ServiceConnector) map[string]string {
	config := maps.Clone(ui.LabelsOrEmpty(c.Configuration))
	for _, name := range c.SecretAttributes {
		config[name] = hidden
	}
	return config
}

func (a *Commands) connectorObject(c api.ServiceConnector, config map[string]string) ui.Object {
	o := ui.Object{
		{"id", c.ID},
		{"name", c.Name},
		{"description", c.Description},
		{"type", c.Type},
		{"auth_method", c.AuthMethod},
		{"resource_types", ui.OrEmpty(c.ResourceTypes)},
		{"resource_name", ui.OrNull(c.ResourceID)},
		{"expiration_seconds", c.ExpirationSeconds},
		{"expires_at", c.ExpiresAt},
		{"expires_in", ui.OrNull(a.expiresIn(c))},
		{"expires_skew_tolerance", c.ExpiresSkewTolerance},
		{"active", c.Active},
		{"owner", c.Owner},
		{"verification", ui.OrNull(c.Verification)},
		{"configuration", config},
		{"labels", ui.LabelsOrEmpty(c.Labels)},
		{"created", c.Created},
		{"updated", c.Updated},
	}
	if c.Server != "" {
		o = append(o, ui.Member{"server", c.Server})
	}
	if c.Insecure {
		o = append(o, ui.Member{"insecure", true})
	}
	return o
}

func (a *Commands) drawConnector(ctx context.Context, c api.ServiceConnector, config map[string]string) {
	book := a.Pictures(ctx)
	a.Say(
		"Service connector '%s' of type '%s' with id '%s' is owned by user '%s'.",
		c.Name,
		c.Type,
		c.ID,
		c.Owner,
	)
	title := fmt.Sprintf("'%s' %s Service Connector Details", c.Name, c.Type)
	if c.Active {
		title += " (ACTIVE)"
	}
	rows := [][]string{
		{"ID", c.ID},
		{"NAME", c.Name},
		{"TYPE", book.Connector(c.Type)},
		{"AUTH METHOD", c.AuthMethod},
		{"RESOURCE TYPES", book.Resources(c.ResourceTypes)},
		{"RESOURCE NAME", multipleWithout(c.ResourceID)},
		{"SESSION DURATION", ui.SecondsOr(c.ExpirationSeconds, "s")},
		{"EXPIRES IN", ui.OrNA(a.expiryCell(c))},
		{"EXPIRES_SKEW_TOLERANCE", ui.SecondsOr(c.ExpiresSkewTolerance, "")},
		{"OWNER", c.Owner},
		{"CREATED_AT", ui.Stamp(c.Created)},
		{"UPDATED_AT", ui.Stamp(c.Updated)},
	}
	if c.Description != "" {
		rows = slices.Insert(rows, 2, []string{"DESCRIPTION", c.Description})
	}
	if c.Server != "" {
		rows = append(rows, []string{"SERVER", c.Server})
	}
	if c.Insecure {
		rows = append(rows, []string{"INSECURE", "plain http was agreed to"})
	}
	a.DrawProperties(title, "PROPERTY", rows)
	if len(config) == 0 {
		a.Say("No configuration options are set for this connector.")
	} else {
		a.DrawProperties("Configuration", "PROPERTY", ui.SortedRows(config))
	}
	a.DrawLabels(c.Labels, "service connector")
}
