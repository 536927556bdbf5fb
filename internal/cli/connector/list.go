package connector

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/resource"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
)

func (a *Commands) connectorListCommand() *cobra.Command {
	var o command.ListFlags
	cmd := &cobra.Command{
		Use: "list", Short: "List available service connectors",
		Long: `List the service connectors. Filters take a value or OPERATOR:VALUE with one of the
operators equals, notequals, contains, startswith, endswith, oneof, gt, gte, lt, lte, and may be
repeated.`,
		Example: `  zen service-connector list
  zen service-connector list --name contains:hub --sort_by desc:created
  zen service-connector list --label env=prod --columns name,resource_name,expires_in -o csv`,
		Args: command.Arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			query, err := o.Query(cmd)
			if err != nil {
				return err
			}
			list, err := zend.Call[api.ConnectorList](cmd.Context(), a.zend, api.MethodConnectorList, query)
			if err != nil {
				return err
			}
			command.WarnServers(a.UI, list.Warnings)
			return command.ShowList(a.UI, cmd, o.Output, command.Listing[api.ServiceConnector]{
				Columns: a.connectorColumns(
					cmd.Context(),
					o.Output,
				), Items: list.Items, Page: &list.Page, Chosen: o.Columns,
				Empty: "No service connectors found for the given filters.",
			})
		},
	}
	filters := append(
		command.CommonFilters(),
		command.Filter{Field: "connector_type", Kind: "STRING"},
		command.Filter{Field: "auth_method", Kind: "STRING"},
		command.Filter{
			Field: "resource_type",
			Kind:  "STRING",
		},
		command.Filter{Field: "resource_id", Kind: "STRING"},
		command.Filter{Field: "server", Kind: "STRING"},
	)
	command.AddListFlags(
		a.UI,
		cmd,
		&o,
		filters,
		command.Listing[api.ServiceConnector]{Columns: a.connectorColumnsFor(&resource.TypeBook{})}.Names(),
	)
	return cmd
}

// connectorColumns are ZenML's columns. Tables have emojis, for which zend is asked.
func (a *Commands) connectorColumns(ctx context.Context, o ui.Output) []command.Column[api.ServiceConnector] {
	if o.IsTable() {
		return a.connectorColumnsFor(a.Pictures(ctx))
	}
	return a.connectorColumnsFor(&resource.TypeBook{})
}

func (a *Commands) connectorColumnsFor(book *resource.TypeBook) []command.Column[api.ServiceConnector] {
	type connector = api.ServiceConnector
	return []command.Column[connector]{
		{
			Key: "active", Value: func(c connector) any { return c.Active },
			Cell: func(c connector) string { return ui.ActiveMark(c.Active) },
		},
		{Key: "id", Value: func(c connector) any { return c.ID }},
		{Key: "name", Value: func(c connector) any { return c.Name }},
		{
			Key:   "type",
			Value: func(c connector) any { return c.Type },
			Cell:  func(c connector) string { return book.Connector(c.Type) },
		},
		{
			Key: "resource_types", Value: func(c connector) any { return listOrOne(c.ResourceTypes) },
			Cell: func(c connector) string { return book.Resources(c.ResourceTypes) },
		},
		{
			Key: "resource_name", Value: func(c connector) any { return ui.OrNull(c.ResourceID) },
			Cell: func(c connector) string { return multipleWithout(c.ResourceID) },
		},
		{Key: "server", When: command.IfItem, Value: func(c connector) any { return ui.OrNull(c.Server) }},
		{Key: "owner", Value: func(c connector) any { return c.Owner }},
		{
			Key: "expires_in", When: command.IfAny,
			Value: func(c connector) any { return ui.OrNull(a.expiresIn(c)) },
			Cell:  func(c connector) string { return a.expiryCell(c) },
		},
		command.LabelColumn("labels", func(c connector) map[string]string { return c.Labels }),
		{Key: "auth_method", When: command.ByName, Value: func(c connector) any { return c.AuthMethod }},
		command.LabelColumn("configuration", func(c connector) map[string]string { return c.Configuration }),
		{Key: "connector_type", When: command.ByName, Value: func(c connector) any { return c.Type }},
		command.TimeColumn("created", func(c connector) time.Time { return c.Created }),
		command.TimeColumn("updated", func(c connector) time.Time { return c.Updated }),
		{Key: "description", When: command.ByName, Value: func(c connector) any { return c.Description }},
		{
			Key:   "expiration_seconds",
			When:  command.ByName,
			Value: func(c connector) any { return c.ExpirationSeconds },
		},
		{Key: "expires_at", When: command.ByName, Value: func(c connector) any { return c.ExpiresAt }},
		{
			Key:   "expires_skew_tolerance",
			When:  command.ByName,
			Value: func(c connector) any { return c.ExpiresSkewTolerance },
		},
		{
			Key:   "resource_id",
			When:  command.ByName,
			Value: func(c connector) any { return ui.OrNull(c.ResourceID) },
		},
		{Key: "user", When: command.ByName, Value: func(c connector) any { return c.Owner }},
		{
			Key:   "verification",
			When:  command.ByName,
			Value: func(c connector) any { return ui.OrNull(c.Verification) },
		},
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

// expiresIn says how long the connector's credentials are valid: "" for ever, "Expired!"
// no more.
func (a *Commands) expiresIn(c api.ServiceConnector) string {
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
func (a *Commands) expiryCell(c api.ServiceConnector) string {
	if left := a.expiresIn(c); left != "Expired!" {
		return left
	}
	return "📛 Expired!"
}
