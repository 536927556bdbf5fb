package command

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/zend"
	"github.com/zen-agent/zen/internal/safetext"
)

// CompletionTime bounds what a shell waits for names. Completing never starts zend:
// opening the vault could ask a person.
const CompletionTime = time.Second

// Complete sets how an option's value is completed.
func Complete(cmd *cobra.Command, option string, f cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(option, f); err != nil {
		panic(err) // the option does not exist: a mistake in the program
	}
}

// Lister asks zend for the names that fit an argument.
type Lister func(ctx context.Context, client zend.Caller) ([]string, error)

// CompleteFrom completes names that zend knows, for the first n arguments (0: any
// number).
func CompleteFrom(connect zend.Connect, n int, list Lister) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if n > 0 && len(args) >= n {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(contextOf(cmd), CompletionTime)
		defer cancel()
		client, err := connect(false)
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

// CompleteOn is completeFrom for names that depend on the server that --server chooses.
func CompleteOn(
	connect zend.Connect,
	n int,
	list func(ctx context.Context, client zend.Caller, server string) ([]string, error),
) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		server := ""
		if flag := cmd.Flags().Lookup("server"); flag != nil {
			server = flag.Value.String()
		}
		return CompleteFrom(
			connect,
			n,
			func(ctx context.Context, client zend.Caller) ([]string,
				error,
			) {
				return list(ctx, client, server)
			},
		)(
			cmd,
			args,
			typed,
		)
	}
}

func contextOf(cmd *cobra.Command) context.Context {
	if ctx := cmd.Context(); ctx != nil {
		return ctx
	}
	return context.Background()
}

// prepareCompletion lets cobra complete a command that takes attributes: it defines those
// that zend knows, and those that are on the command line already.
func (a *Line) prepareCompletion(root *cobra.Command, args []string) error {
	cmd, _, err := root.Find(args)
	if err != nil {
		return nil // there is nothing to complete
	}
	attrs, free := a.attrs[cmd]
	if !free {
		return nil
	}
	ctx, cancel := context.WithTimeout(contextOf(cmd), CompletionTime)
	defer cancel()
	client, err := a.zend(false)
	if err == nil {
		list, _ := zend.Ask[api.ConnectorTypes](
			ctx,
			client,
			api.MethodConnectorTypes,
			api.ConnectorTypesQuery{},
			nil,
			CompletionTime,
		)
		defineKnown(cmd, attrs, list.Items)
	}
	_, _ = a.normalizeFor(cmd, args) // what makes no sense yet may still be typed
	return nil
}

// defineKnown makes visible options of the attributes of connector types.
func defineKnown(cmd *cobra.Command, attrs Attributes, types []api.ConnectorType) {
	for _, t := range types {
		for _, m := range t.AuthMethods {
			for _, attr := range m.Attributes {
				if isIdentifier(attr.Name) && Lookup(cmd, attr.Name) == nil {
					cmd.Flags().Var(attributeFlag{attrs, attr.Name}, attr.Name, safetext.Line(attr.Title))
				}
			}
		}
	}
}

// ConnectorNames lists the connectors, each with what it is for.
func ConnectorNames(ctx context.Context, client zend.Caller) ([]string, error) {
	list, err := zend.Ask[api.ConnectorList](
		ctx,
		client,
		api.MethodConnectorList,
		api.Query{Size: -1, Quick: true},
		nil,
		CompletionTime,
	)
	var names []string
	for _, c := range list.Items {
		names = append(names, Described(c.Name, c.ResourceID))
	}
	return names, err
}

// LoginNames lists what can be logged out of: connectors with a login, and registries.
func LoginNames(ctx context.Context, client zend.Caller) ([]string, error) {
	list, err := zend.Ask[api.LoginList](ctx, client, api.MethodLogins, api.Empty{}, nil, CompletionTime)
	var names []string
	for _, l := range list.Items {
		if l.ConnectorName != "" {
			names = append(names, Described(l.ConnectorName, l.Address))
		}
		names = append(names, l.Address)
	}
	return names, err
}

// ConnectorTypeNames lists the connector types.
func ConnectorTypeNames(ctx context.Context, client zend.Caller, server string) ([]string, error) {
	list, err := zend.Ask[api.ConnectorTypes](
		ctx,
		client,
		api.MethodConnectorTypes,
		api.ConnectorTypesQuery{Server: server},
		nil,
		CompletionTime,
	)
	var names []string
	for _, t := range list.Items {
		names = append(names, Described(t.Type, t.Name))
	}
	return names, err
}

// ResourceTypeNames lists the resource types of all connector types.
func ResourceTypeNames(ctx context.Context, client zend.Caller) ([]string, error) {
	list, err := zend.Ask[api.ConnectorTypes](
		ctx,
		client,
		api.MethodConnectorTypes,
		api.ConnectorTypesQuery{},
		nil,
		CompletionTime,
	)
	var names []string
	for _, t := range list.Items {
		for _, r := range t.ResourceTypes {
			names = append(names, Described(r.Type, r.Name))
		}
	}
	return names, err
}

// AuthMethodNames lists the authentication methods of all connector types.
func AuthMethodNames(ctx context.Context, client zend.Caller, server string) ([]string, error) {
	list, err := zend.Ask[api.ConnectorTypes](
		ctx,
		client,
		api.MethodConnectorTypes,
		api.ConnectorTypesQuery{Server: server},
		nil,
		CompletionTime,
	)
	var names []string
	for _, t := range list.Items {
		for _, m := range t.AuthMethods {
			names = append(names, Described(m.Method, m.Name))
		}
	}
	return names, err
}

// Described is a completion with a description that the shell shows beside it. Both come
// from elsewhere.
func Described(name, description string) string {
	if description == "" {
		return safetext.Line(name)
	}
	return safetext.Line(name) + "\t" + safetext.Line(description)
}

// ServerNames lists the servers.
func ServerNames(ctx context.Context, client zend.Caller) ([]string, error) {
	list, err := zend.Ask[api.ServerList](ctx, client, api.MethodServerList, api.Empty{}, nil, CompletionTime)
	var names []string
	for _, s := range list.Items {
		names = append(names, Described(s.Name, s.URL))
	}
	return names, err
}

// RegistryNames lists the container registries, each with its uri.
func RegistryNames(ctx context.Context, client zend.Caller) ([]string, error) {
	list, err := zend.Ask[api.RegistryList](
		ctx,
		client,
		api.MethodRegistryList,
		api.Query{Size: -1, Quick: true},
		nil,
		CompletionTime,
	)
	var names []string
	for _, r := range list.Items {
		names = append(names, Described(r.Name, r.URI()))
	}
	return names, err
}
