package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
	"github.com/zen-agent/zen/internal/credential"
)

// typeBook is what zend says of its connector types.
type typeBook struct{ types []api.ConnectorType }

// types asks zend for its connector types, once.
func (a *app) types(ctx context.Context) (*typeBook, error) {
	if a.known != nil {
		return a.known, nil
	}
	answer, err := zend.Call[api.ConnectorTypes](ctx, a.zend, api.MethodConnectorTypes, api.ConnectorTypesQuery{})
	if err != nil {
		return nil, err
	}
	a.known = &typeBook{types: answer.Items}
	return a.known, nil
}

// typesOn asks for the connector types of a server; "" is this machine.
func (a *app) typesOn(ctx context.Context, server string) (*typeBook, error) {
	if server == "" {
		return a.types(ctx)
	}
	answer, err := zend.Call[api.ConnectorTypes](ctx, a.zend, api.MethodConnectorTypes, api.ConnectorTypesQuery{Server: server})
	if err != nil {
		return nil, err
	}
	own, err := a.types(ctx)
	if err != nil {
		return nil, err
	}
	for i := range answer.Items { // what is found on this machine is found for a server too
		t, _ := own.find(answer.Items[i].Type)
		answer.Items[i].SupportsAutoConfiguration = t.SupportsAutoConfiguration
	}
	return &typeBook{types: answer.Items}, nil
}

// pictures is the type book for tables: without it they lack emojis and nothing else.
func (a *app) pictures(ctx context.Context) *typeBook {
	book, err := a.types(ctx)
	if err != nil {
		return &typeBook{}
	}
	return book
}

func (b *typeBook) find(name string) (api.ConnectorType, bool) {
	i := slices.IndexFunc(b.types, func(t api.ConnectorType) bool { return t.Type == name })
	if i < 0 {
		return api.ConnectorType{}, false
	}
	return b.types[i], true
}

// names lists the types.
func (b *typeBook) names() []string {
	var names []string
	for _, t := range b.types {
		names = append(names, t.Type)
	}
	return names
}

// connector is a connector type as tables show it: with its emoji.
func (b *typeBook) connector(name string) string {
	if t, ok := b.find(name); ok {
		return ui.Pictured(t.Emoji, name)
	}
	return name
}

// resource is a resource type as tables show it.
func (b *typeBook) resource(name string) string {
	for _, t := range b.types {
		for _, r := range t.ResourceTypes {
			if r.Type == name {
				return ui.Pictured(r.Emoji, name)
			}
		}
	}
	return name
}

// resources are several resource types, one a line.
func (b *typeBook) resources(names []string) string {
	lines := make([]string, len(names))
	for i, name := range names {
		lines[i] = b.resource(name)
	}
	return strings.Join(lines, "\n")
}

// secretAttributes are the names of a type's secret attributes, of the method or of all.
func secretAttributes(t api.ConnectorType, method string) []string {
	var names []string
	for _, m := range t.AuthMethods {
		for _, attr := range m.Attributes {
			if attr.Secret && (method == "" || method == m.Method) && !slices.Contains(names, attr.Name) {
				names = append(names, attr.Name)
			}
		}
	}
	return names
}

// unknown is the error about a type that there is not.
func (b *typeBook) unknown(name string) error {
	return credential.NewError(credential.NoSuchEntity, fmt.Sprintf("Service connector type '%s' not found.", name),
		"known types: "+strings.Join(b.names(), ", "))
}

func unsupportedResource(t api.ConnectorType, resourceType string) error {
	return ui.Refused(fmt.Sprintf("Service connector type '%s' does not support resource type '%s'.", t.Type, resourceType),
		"supported: "+strings.Join(resourceTypesOf(t), ", "))
}

func unsupportedMethod(t api.ConnectorType, method string) error {
	return ui.Refused(fmt.Sprintf("Service connector type '%s' does not support the '%s' authentication method.", t.Type, method),
		"supported: "+strings.Join(authMethodsOf(t), ", "))
}
