package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/ui"
)

func (a *app) connectorListCommand() *cobra.Command {
	var o listFlags
	cmd := &cobra.Command{
		Use: "list", Short: "List available service connectors",
		Long: `List the service connectors. Filters take a value or OPERATOR:VALUE with one of the operators equals, notequals,
contains, startswith, endswith, oneof, gt, gte, lt, lte, and may be repeated.`,
		Example: `  zen service-connector list
  zen service-connector list --name contains:hub --sort_by desc:created
  zen service-connector list --label env=prod --columns name,resource_name,expires_in -o csv`,
		Args: arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			query, err := o.query(cmd)
			if err != nil {
				return err
			}
			list, err := call[api.ConnectorList](cmd.Context(), a, api.MethodConnectorList, query)
			if err != nil {
				return err
			}
			a.warnServers(list.Warnings)
			return showList(a, cmd, o.output, listing[api.ServiceConnector]{
				columns: a.connectorColumns(cmd.Context(), o.output), items: list.Items, page: &list.Page, chosen: o.columns,
				empty: "No service connectors found for the given filters.",
			})
		},
	}
	filters := append(commonFilters(), filter{"connector_type", "STRING"}, filter{"auth_method", "STRING"},
		filter{"resource_type", "STRING"}, filter{"resource_id", "STRING"}, filter{"server", "STRING"})
	a.addListFlags(cmd, &o, filters, listing[api.ServiceConnector]{columns: a.connectorColumnsFor(&typeBook{})}.names())
	return cmd
}

// warnServers says of each server that did not answer why.
func (a *app) warnServers(warnings []string) {
	for _, w := range warnings {
		a.Warn(w, "zen server list")
	}
}

// connectorColumns are ZenML's columns. Tables have emojis, for which zend is asked.
func (a *app) connectorColumns(ctx context.Context, o ui.Output) []column[api.ServiceConnector] {
	if o.IsTable() {
		return a.connectorColumnsFor(a.pictures(ctx))
	}
	return a.connectorColumnsFor(&typeBook{})
}

func (a *app) connectorColumnsFor(book *typeBook) []column[api.ServiceConnector] {
	type connector = api.ServiceConnector
	return []column[connector]{
		{
			key: "active", value: func(c connector) any { return c.Active },
			cell: func(c connector) string { return ui.ActiveMark(c.Active) },
		},
		{key: "id", value: func(c connector) any { return c.ID }},
		{key: "name", value: func(c connector) any { return c.Name }},
		{key: "type", value: func(c connector) any { return c.Type }, cell: func(c connector) string { return book.connector(c.Type) }},
		{
			key: "resource_types", value: func(c connector) any { return listOrOne(c.ResourceTypes) },
			cell: func(c connector) string { return book.resources(c.ResourceTypes) },
		},
		{
			key: "resource_name", value: func(c connector) any { return ui.OrNull(c.ResourceID) },
			cell: func(c connector) string { return multipleWithout(c.ResourceID) },
		},
		{key: "server", when: ifItem, value: func(c connector) any { return ui.OrNull(c.Server) }},
		{key: "owner", value: func(c connector) any { return c.Owner }},
		{
			key: "expires_in", when: ifAny, value: func(c connector) any { return ui.OrNull(a.expiresIn(c)) },
			cell: func(c connector) string { return a.expiryCell(c) },
		},
		labelColumn("labels", func(c connector) map[string]string { return c.Labels }),
		{key: "auth_method", when: byName, value: func(c connector) any { return c.AuthMethod }},
		labelColumn("configuration", func(c connector) map[string]string { return c.Configuration }),
		{key: "connector_type", when: byName, value: func(c connector) any { return c.Type }},
		timeColumn("created", func(c connector) time.Time { return c.Created }),
		timeColumn("updated", func(c connector) time.Time { return c.Updated }),
		{key: "description", when: byName, value: func(c connector) any { return c.Description }},
		{key: "expiration_seconds", when: byName, value: func(c connector) any { return c.ExpirationSeconds }},
		{key: "expires_at", when: byName, value: func(c connector) any { return c.ExpiresAt }},
		{key: "expires_skew_tolerance", when: byName, value: func(c connector) any { return c.ExpiresSkewTolerance }},
		{key: "resource_id", when: byName, value: func(c connector) any { return ui.OrNull(c.ResourceID) }},
		{key: "user", when: byName, value: func(c connector) any { return c.Owner }},
		{key: "verification", when: byName, value: func(c connector) any { return ui.OrNull(c.Verification) }},
	}
}

// listOrOne is the only entry of a list, as ZenML's rows have it, or the list.
func listOrOne(list []string) any {
	if len(list) == 1 {
		return list[0]
	}
	return list
}

func multipleWithout(resource string) string {
	if resource == "" {
		return "<multiple>"
	}
	return resource
}

// expiresIn says how long the connector's credentials are valid: "" for ever, "Expired!" no more.
func (a *app) expiresIn(c api.ServiceConnector) string {
	if c.ExpiresAt == nil {
		return ""
	}
	left := c.ExpiresAt.Sub(a.now())
	if c.Expired || left <= 0 {
		return "Expired!"
	}
	return ui.Span(left.Round(time.Second))
}

// expiryCell is expiresIn in a table.
func (a *app) expiryCell(c api.ServiceConnector) string {
	if left := a.expiresIn(c); left != "Expired!" {
		return left
	}
	return "📛 Expired!"
}
