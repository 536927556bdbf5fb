package connector

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/resource"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

type typesOptions struct {
	output   ui.Output
	query    api.ConnectorTypesQuery
	detailed bool
}

func (a *Commands) connectorTypesCommand() *cobra.Command {
	var o typesOptions
	cmd := &cobra.Command{
		Use: "list-types", Short: "List available service connector types",
		Example: "  zen service-connector list-types\n  zen service-connector list-types --type docker " +
			"--detailed\n" +
			"  zen service-connector list-types --server prod",
		Args: command.Arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.listTypes(cmd, &o) },
	}
	cmd.Flags().StringVarP(&o.query.Type, "type", "t", "", "only this connector `TYPE`")
	cmd.Flags().StringVarP(&o.query.ResourceType, "resource-type", "r", "", "only types with this "+
		"resource `TYPE`")
	cmd.Flags().StringVarP(&o.query.AuthMethod, "auth-method", "a", "", "only types with this "+
		"authentication `METHOD`")
	cmd.Flags().BoolVarP(&o.detailed, "detailed", "d", false, "explain each type")
	command.AddOutput(a.UI, cmd, &o.output)
	command.Complete(cmd, "type", command.CompleteOn(a.zend, 0, command.ConnectorTypeNames))
	command.Complete(cmd, "resource-type", command.CompleteFrom(a.zend, 0, command.ResourceTypeNames))
	command.Complete(cmd, "auth-method", command.CompleteOn(a.zend, 0, command.AuthMethodNames))
	a.addTypesOf(cmd, &o.query.Server)
	return cmd
}

// addTypesOf gives a command --server, for the types that a server knows.
func (a *Commands) addTypesOf(cmd *cobra.Command, server *string) {
	cmd.Flags().StringVar(server, "server", "", "the types that this ZenML server `NAME` knows")
	command.NeverEmpty(cmd, "server")
	command.Complete(cmd, "server", command.CompleteFrom(a.zend, 0, command.ServerNames))
}

func (a *Commands) listTypes(cmd *cobra.Command, o *typesOptions) error {
	list, err := zend.Call[api.ConnectorTypes](cmd.Context(), a.zend, api.MethodConnectorTypes, o.query)
	if err != nil {
		return err
	}
	if len(list.Items) == 0 {
		return credential.NewError(credential.NoSuchEntity, "No service connector types found matching "+
			"the criteria.",
			"zen service-connector list-types")
	}
	if o.detailed && o.output.IsTable() {
		for i, t := range list.Items {
			if i > 0 {
				fmt.Fprintln(a.Out)
			}
			a.page(describeType(t), describeResourceTypes(t), describeAuthMethods(t))
		}
		return nil
	}
	return command.ShowList(
		a.UI,
		cmd,
		o.output,
		command.Listing[api.ConnectorType]{
			Items:   list.Items,
			Columns: typeColumns(&resource.TypeBook{Types: list.Items}),
		},
	)
}

func typeColumns(book *resource.TypeBook) []command.Column[api.ConnectorType] {
	type kind = api.ConnectorType
	return []command.Column[kind]{
		{Key: "name", Value: func(t kind) any { return t.Name }},
		{
			Key:   "type",
			Value: func(t kind) any { return t.Type },
			Cell:  func(t kind) string { return book.Connector(t.Type) },
		},
		{
			Key: "resource_types", Value: func(t kind) any { return resource.TypesOf(t) },
			Cell: func(t kind) string { return book.Resources(resource.TypesOf(t)) },
		},
		{Key: "auth_methods", Value: func(t kind) any { return resource.AuthMethodsOf(t) }},
		{
			Key:   "local",
			Value: func(t kind) any { return t.Local },
			Cell:  func(t kind) string { return tick(t.Local) },
		},
		{
			Key:   "remote",
			Value: func(t kind) any { return t.Remote },
			Cell:  func(t kind) string { return tick(t.Remote) },
		},
	}
}

func tick(yes bool) string {
	if yes {
		return "✅"
	}
	return "➖"
}

func (a *Commands) connectorTypeCommand() *cobra.Command {
	var o typesOptions
	cmd := &cobra.Command{
		Use: "describe-type TYPE", Short: "Describe a service connector type",
		Example: `  zen service-connector describe-type docker
  zen service-connector describe-type docker --auth-method password`,
		Args:              command.Arguments(1, 1, "TYPE"),
		ValidArgsFunction: command.CompleteOn(a.zend, 1, command.ConnectorTypeNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.describeTypes(cmd.Context(), args[0], &o)
		},
	}
	cmd.Flags().StringVarP(&o.query.ResourceType, "resource-type", "r", "", "describe only this resource "+
		"`TYPE`")
	cmd.Flags().StringVarP(&o.query.AuthMethod, "auth-method", "a", "", "describe only this "+
		"authentication `METHOD`")
	command.AddOutput(a.UI, cmd, &o.output)
	command.Complete(cmd, "resource-type", command.CompleteFrom(a.zend, 0, command.ResourceTypeNames))
	command.Complete(cmd, "auth-method", command.CompleteOn(a.zend, 0, command.AuthMethodNames))
	a.addTypesOf(cmd, &o.query.Server)
	return cmd
}

func (a *Commands) describeTypes(ctx context.Context, name string, o *typesOptions) error {
	book, err := a.TypesOn(ctx, o.query.Server)
	if err != nil {
		return err
	}
	t, ok := book.Find(name)
	if !ok {
		return book.Unknown(name)
	}
	narrowed := t
	if want := o.query.ResourceType; want != "" {
		narrowed.ResourceTypes = keep(
			t.ResourceTypes,
			func(r api.ResourceType) bool { return r.Type == want },
		)
		if len(narrowed.ResourceTypes) == 0 {
			return resource.UnsupportedResource(t, want)
		}
	}
	if want := o.query.AuthMethod; want != "" {
		narrowed.AuthMethods = keep(t.AuthMethods, func(m api.AuthMethod) bool { return m.Method == want })
		if len(narrowed.AuthMethods) == 0 {
			return resource.UnsupportedMethod(t, want)
		}
	}
	return a.Show(o.output, narrowed, func() {
		switch {
		case o.query.ResourceType == "" && o.query.AuthMethod == "":
			a.page(describeType(t))
		case o.query.AuthMethod == "":
			a.page(describeResourceTypes(narrowed))
		case o.query.ResourceType == "":
			a.page(describeAuthMethods(narrowed))
		default:
			a.page(describeResourceTypes(narrowed), describeAuthMethods(narrowed))
		}
	})
}

func keep[T any](list []T, f func(T) bool) []T {
	return slices.DeleteFunc(slices.Clone(list), func(v T) bool { return !f(v) })
}

// page prints explanations on standard output, ended by a line.
func (a *Commands) page(sections ...string) {
	fmt.Fprintln(a.Out, safetext.Text(explained(sections...)))
}

func explained(sections ...string) string {
	return strings.Join(sections, "\n\n") + "\n\n" + strings.Repeat("-", ui.PageWidth)
}

func describeType(t api.ConnectorType) string {
	return strings.Join([]string{
		ui.Heading(ui.Pictured(t.Emoji, fmt.Sprintf("%s (connector type: %s)", t.Name, t.Type))),
		"Authentication methods:", ui.Bullets(pictures("🔒", resource.AuthMethodsOf(t))),
		"Resource types:", ui.Bullets(strings.
			Split((&resource.TypeBook{Types: []api.ConnectorType{t}}).Resources(resource.TypesOf(t)), "\n")),
		"Supports auto-configuration: " + ui.PythonBool(t.SupportsAutoConfiguration),
		"Available locally: " + ui.PythonBool(t.Local),
		"Available remotely: " + ui.PythonBool(t.Remote),
		ui.Prose(t.Description),
	}, "\n\n")
}

func describeResourceTypes(t api.ConnectorType) string {
	var sections []string
	for _, r := range t.ResourceTypes {
		sections = append(sections, strings.Join([]string{
			ui.Heading(ui.Pictured(r.Emoji, fmt.Sprintf("%s (resource type: %s)", r.Name, r.Type))),
			"Authentication methods: " + strings.Join(r.AuthMethods, ", "),
			"Supports resource instances: " + ui.PythonBool(r.SupportsInstances),
			"Authentication methods:", ui.Bullets(pictures("🔒", r.AuthMethods)),
			ui.Prose(r.Description),
		}, "\n\n"))
	}
	return strings.Join(sections, "\n\n")
}

func describeAuthMethods(t api.ConnectorType) string {
	var sections []string
	for _, m := range t.AuthMethods {
		var attrs []string
		for _, attr := range m.Attributes {
			attrs = append(attrs, fmt.Sprintf("%s {%s}: %s", attr.Name, attributeTraits(attr), attr.Title))
		}
		sections = append(sections, strings.Join([]string{
			ui.Heading(fmt.Sprintf("🔒 %s (auth method: %s)", m.Name, m.Method)),
			"Supports issuing temporary credentials: " + ui.PythonBool(issuesTemporary(m)),
			ui.Prose(m.Description),
			"Attributes:", ui.Bullets(attrs),
		}, "\n\n"))
	}
	return strings.Join(sections, "\n\n")
}

// issuesTemporary reports whether a method makes credentials that expire.
func issuesTemporary(m api.AuthMethod) bool {
	return m.MinExpirationSeconds > 0 || m.MaxExpirationSeconds > 0 || m.DefaultExpirationSeconds > 0
}

func pictures(emoji string, list []string) []string {
	var out []string
	for _, s := range list {
		out = append(out, ui.Pictured(emoji, s))
	}
	return out
}
