package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
)

const hidden = "[HIDDEN]"

type describeOptions struct {
	resourceFlags

	output      output
	showSecrets bool
	client      bool
	server      string
}

func (a *app) connectorDescribeCommand() *cobra.Command {
	var o describeOptions
	cmd := &cobra.Command{
		Use: "describe NAME_ID_OR_PREFIX", Short: "Show detailed information about a service connector",
		Long: `Show everything about a service connector but its secrets. --show-secrets shows those too, after a question on a
terminal; that is noted in the audit log. --client describes what a client of one resource gets.`,
		Example: `  zen service-connector describe dockerhub
  zen service-connector describe dockerhub -o json
  zen service-connector describe dockerhub --show-secrets`,
		Args:              arguments(1, 1, "NAME_ID_OR_PREFIX"),
		ValidArgsFunction: a.completeFrom(1, connectorNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.describeConnector(cmd.Context(), args[0], &o)
		},
	}
	cmd.Flags().BoolVarP(&o.showSecrets, "show-secrets", "x", false, "show security sensitive attributes")
	cmd.Flags().BoolVarP(&o.client, "client", "c", false, "describe the client of a resource")
	a.addResourceFlags(cmd, &o.resourceFlags)
	a.addServer(cmd, &o.server)
	a.addOutput(cmd, &o.output)
	return cmd
}

func (a *app) describeConnector(ctx context.Context, ref string, o *describeOptions) error {
	use := api.UseConnector{Ref: ref, ResourceType: o.resourceType, ResourceID: o.resourceID, Server: o.server}
	result, err := call[api.ConnectorResult](ctx, a, api.MethodConnectorGet, use)
	if err != nil {
		return err
	}
	a.sayShadowed(result.Shadowed)
	c := result.Connector
	if o.client || o.resourceType != "" || o.resourceID != "" {
		if c, err = a.clientOf(ctx, use, c); err != nil {
			return err
		}
	}
	config := configuration(c)
	if o.showSecrets && c.Server != "" {
		return refused("the secrets of service connector '"+c.Name+"' are on server '"+c.Server+"'", "leave out --show-secrets")
	}
	if o.showSecrets {
		if err := a.confirmShowingSecrets(ctx, "service connector '"+c.Name+"'"); err != nil {
			return err
		}
		shown, err := reveal(ctx, a, api.UseConnector{Ref: c.ID})
		if err != nil {
			return err
		}
		defer shown.wipe()
		for name, secret := range shown {
			config[name] = string(secret.Reveal())
		}
	}
	return a.show(o.output, a.connectorObject(c, config), func() { a.drawConnector(ctx, c, config) })
}

// clientOf is the connector as a client of one resource has it. zend proves that there is such a client.
func (a *app) clientOf(ctx context.Context, use api.UseConnector, c api.ServiceConnector) (api.ServiceConnector, error) {
	result, err := call[api.ConnectorResult](ctx, a, api.MethodConnectorVerify, use)
	if err != nil {
		return c, prefixed(err,
			"Failed fetching a service connector client for connector '%s', resource type '%s' and resource ID '%s': ", use.Ref, unspecified(use.ResourceType), unspecified(use.ResourceID))
	}
	a.warnUnchecked(result.Resources)
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
	config := maps.Clone(labelsOrEmpty(c.Configuration))
	for _, name := range c.SecretAttributes {
		config[name] = hidden
	}
	return config
}

func (a *app) connectorObject(c api.ServiceConnector, config map[string]string) object {
	o := object{
		{"id", c.ID},
		{"name", c.Name},
		{"description", c.Description},
		{"type", c.Type},
		{"auth_method", c.AuthMethod},
		{"resource_types", orEmpty(c.ResourceTypes)},
		{"resource_name", orNull(c.ResourceID)},
		{"expiration_seconds", c.ExpirationSeconds},
		{"expires_at", c.ExpiresAt},
		{"expires_in", orNull(a.expiresIn(c))},
		{"expires_skew_tolerance", c.ExpiresSkewTolerance},
		{"active", c.Active},
		{"owner", c.Owner},
		{"verification", orNull(c.Verification)},
		{"configuration", config},
		{"labels", labelsOrEmpty(c.Labels)},
		{"created", c.Created},
		{"updated", c.Updated},
	}
	if c.Server != "" {
		o = append(o, member{"server", c.Server})
	}
	if c.Insecure {
		o = append(o, member{"insecure", true})
	}
	return o
}

func (a *app) drawConnector(ctx context.Context, c api.ServiceConnector, config map[string]string) {
	book := a.pictures(ctx)
	a.say("Service connector '%s' of type '%s' with id '%s' is owned by user '%s'.", c.Name, c.Type, c.ID, c.Owner)
	title := fmt.Sprintf("'%s' %s Service Connector Details", c.Name, c.Type)
	if c.Active {
		title += " (ACTIVE)"
	}
	rows := [][]string{
		{"ID", c.ID},
		{"NAME", c.Name},
		{"TYPE", book.connector(c.Type)},
		{"AUTH METHOD", c.AuthMethod},
		{"RESOURCE TYPES", book.resources(c.ResourceTypes)},
		{"RESOURCE NAME", multipleWithout(c.ResourceID)},
		{"SESSION DURATION", secondsOr(c.ExpirationSeconds, "s")},
		{"EXPIRES IN", orNA(a.expiryCell(c))},
		{"EXPIRES_SKEW_TOLERANCE", secondsOr(c.ExpiresSkewTolerance, "")},
		{"OWNER", c.Owner},
		{"CREATED_AT", stamp(c.Created)},
		{"UPDATED_AT", stamp(c.Updated)},
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
	a.drawProperties(title, "PROPERTY", rows)
	if len(config) == 0 {
		a.say("No configuration options are set for this connector.")
	} else {
		a.drawProperties("Configuration", "PROPERTY", sortedRows(config))
	}
	a.drawLabels(c.Labels, "service connector")
}

// drawProperties prints a table of names and values.
func (a *app) drawProperties(title, name string, rows [][]string) {
	a.drawTable(table{title: title, header: []string{name, "VALUE"}, rows: rows})
}

// drawLabels prints the labels of an entity, or that it has none.
func (a *app) drawLabels(labels map[string]string, what string) {
	if len(labels) == 0 {
		a.say("No labels are set for this %s.", what)
		return
	}
	a.drawProperties("Labels", "LABEL", sortedRows(labels))
}

func sortedRows(m map[string]string) [][]string {
	var rows [][]string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		rows = append(rows, []string{key, m[key]})
	}
	return rows
}

func secondsOr(n *int, unit string) string {
	if n == nil {
		return "N/A"
	}
	return strconv.Itoa(*n) + unit
}

func orNA(s string) string {
	if s == "" {
		return "N/A"
	}
	return s
}
