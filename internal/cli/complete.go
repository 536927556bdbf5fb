package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/safetext"
)

// completionTime bounds what a shell waits for names. Completing never starts zend: opening the vault could ask a person.
const completionTime = time.Second

// complete sets how an option's value is completed.
func complete(cmd *cobra.Command, option string, f cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(option, f); err != nil {
		panic(err) // the option does not exist: a mistake in the program
	}
}

// lister asks zend for the names that fit an argument.
type lister func(ctx context.Context, client caller) ([]string, error)

// completeFrom completes names that zend knows, for the first n arguments (0: any number).
func (a *app) completeFrom(n int, list lister) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if n > 0 && len(args) >= n {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(contextOf(cmd), completionTime)
		defer cancel()
		client, err := a.zend(false)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		names, err := list(ctx, client)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeOn is completeFrom for names that depend on the server that --server chooses.
func (a *app) completeOn(n int, list func(ctx context.Context, client caller, server string) ([]string, error)) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		server := ""
		if flag := cmd.Flags().Lookup("server"); flag != nil {
			server = flag.Value.String()
		}
		return a.completeFrom(n, func(ctx context.Context, client caller) ([]string, error) { return list(ctx, client, server) })(cmd, args, typed)
	}
}

func contextOf(cmd *cobra.Command) context.Context {
	if ctx := cmd.Context(); ctx != nil {
		return ctx
	}
	return context.Background()
}

// prepareCompletion lets cobra complete a command that takes attributes: it defines those that zend knows, and those that are
// on the command line already.
func (a *app) prepareCompletion(root *cobra.Command, args []string) error {
	cmd, _, err := root.Find(args)
	if err != nil {
		return nil // there is nothing to complete
	}
	attrs, free := a.attrs[cmd]
	if !free {
		return nil
	}
	ctx, cancel := context.WithTimeout(contextOf(cmd), completionTime)
	defer cancel()
	client, err := a.zend(false)
	if err == nil {
		list, _ := ask[api.ConnectorTypes](ctx, client, api.MethodConnectorTypes, api.ConnectorTypesQuery{}, nil, completionTime)
		defineKnown(cmd, attrs, list.Items)
	}
	_, _ = a.normalizeFor(cmd, args) // what makes no sense yet may still be typed
	return nil
}

// defineKnown makes visible options of the attributes of connector types.
func defineKnown(cmd *cobra.Command, attrs attributes, types []api.ConnectorType) {
	for _, t := range types {
		for _, m := range t.AuthMethods {
			for _, attr := range m.Attributes {
				if isIdentifier(attr.Name) && lookup(cmd, attr.Name) == nil {
					cmd.Flags().Var(attributeFlag{attrs, attr.Name}, attr.Name, safetext.Line(attr.Title))
				}
			}
		}
	}
}

// connectorNames lists the connectors, each with what it is for.
func connectorNames(ctx context.Context, client caller) ([]string, error) {
	list, err := ask[api.ConnectorList](ctx, client, api.MethodConnectorList, api.Query{Size: -1, Quick: true}, nil, completionTime)
	var names []string
	for _, c := range list.Items {
		names = append(names, described(c.Name, c.ResourceID))
	}
	return names, err
}

// loginNames lists what can be logged out of: connectors with a login, and registries.
func loginNames(ctx context.Context, client caller) ([]string, error) {
	list, err := ask[api.LoginList](ctx, client, api.MethodLogins, api.Empty{}, nil, completionTime)
	var names []string
	for _, l := range list.Items {
		if l.ConnectorName != "" {
			names = append(names, described(l.ConnectorName, l.Address))
		}
		names = append(names, l.Address)
	}
	return names, err
}

// connectorTypeNames lists the connector types.
func connectorTypeNames(ctx context.Context, client caller, server string) ([]string, error) {
	list, err := ask[api.ConnectorTypes](ctx, client, api.MethodConnectorTypes, api.ConnectorTypesQuery{Server: server}, nil, completionTime)
	var names []string
	for _, t := range list.Items {
		names = append(names, described(t.Type, t.Name))
	}
	return names, err
}

// resourceTypeNames lists the resource types of all connector types.
func resourceTypeNames(ctx context.Context, client caller) ([]string, error) {
	list, err := ask[api.ConnectorTypes](ctx, client, api.MethodConnectorTypes, api.ConnectorTypesQuery{}, nil, completionTime)
	var names []string
	for _, t := range list.Items {
		for _, r := range t.ResourceTypes {
			names = append(names, described(r.Type, r.Name))
		}
	}
	return names, err
}

// authMethodNames lists the authentication methods of all connector types.
func authMethodNames(ctx context.Context, client caller, server string) ([]string, error) {
	list, err := ask[api.ConnectorTypes](ctx, client, api.MethodConnectorTypes, api.ConnectorTypesQuery{Server: server}, nil, completionTime)
	var names []string
	for _, t := range list.Items {
		for _, m := range t.AuthMethods {
			names = append(names, described(m.Method, m.Name))
		}
	}
	return names, err
}

// described is a completion with a description that the shell shows beside it. Both come from elsewhere.
func described(name, description string) string {
	if description == "" {
		return safetext.Line(name)
	}
	return safetext.Line(name) + "\t" + safetext.Line(description)
}
