package resource

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

// TypeBook is what zend says of its connector types.
type TypeBook struct{ Types []api.ConnectorType }

// TypeCache asks zend for its connector types, once a run.
type TypeCache struct {
	zend  zend.Connect
	known *TypeBook // nil: zend was not asked yet
}

// NewTypeCache is a cache that has asked nothing yet.
func NewTypeCache(connect zend.Connect) *TypeCache { return &TypeCache{zend: connect} }

// types asks zend for its connector types, once.
func (a *TypeCache) types(ctx context.Context) (*TypeBook, error) {
	if a.known != nil {
		return a.known, nil
	}
	answer, err := zend.Call[api.ConnectorTypes](
		ctx,
		a.zend,
		api.MethodConnectorTypes,
		api.ConnectorTypesQuery{},
	)
	if err != nil {
		return nil, err
	}
	a.known = &TypeBook{Types: answer.Items}
	return a.known, nil
}

// TypesOn asks for the connector types of a server; "" is this machine.
func (a *TypeCache) TypesOn(ctx context.Context, server string) (*TypeBook, error) {
	if server == "" {
		return a.types(ctx)
	}
	answer, err := zend.Call[api.ConnectorTypes](
		ctx,
		a.zend,
		api.MethodConnectorTypes,
		api.ConnectorTypesQuery{Server: server},
	)
	if err != nil {
		return nil, err
	}
	own, err := a.types(ctx)
	if err != nil {
		return nil, err
	}
	for i := range answer.Items { // what is found on this machine is found for a server too
		t, _ := own.Find(answer.Items[i].Type)
		answer.Items[i].SupportsAutoConfiguration = t.SupportsAutoConfiguration
	}
	return &TypeBook{Types: answer.Items}, nil
}

// Pictures is the type book for tables: without it they lack emojis and nothing else.
func (a *TypeCache) Pictures(ctx context.Context) *TypeBook {
	book, err := a.types(ctx)
	if err != nil {
		return &TypeBook{}
	}
	return book
}

// Find returns the type of this name.
func (b *TypeBook) Find(name string) (api.ConnectorType, bool) {
	i := slices.IndexFunc(b.Types, func(t api.ConnectorType) bool { return t.Type == name })
	if i < 0 {
		return api.ConnectorType{}, false
	}
	return b.Types[i], true
}

// Names lists the types.
func (b *TypeBook) Names() []string {
	var names []string
	for _, t := range b.Types {
		names = append(names, t.Type)
	}
	return names
}

// Connector is a connector type as tables show it: with its emoji.
func (b *TypeBook) Connector(name string) string {
	if t, ok := b.Find(name); ok {
		return ui.Pictured(t.Emoji, name)
	}
	return name
}

// resource is a resource type as tables show it.
func (b *TypeBook) resource(name string) string {
	for _, t := range b.Types {
		for _, r := range t.ResourceTypes {
			if r.Type == name {
				return ui.Pictured(r.Emoji, name)
			}
		}
	}
	return name
}

// Resources are several resource types, one a line.
func (b *TypeBook) Resources(names []string) string {
	lines := make([]string, len(names))
	for i, name := range names {
		lines[i] = b.resource(name)
	}
	return strings.Join(lines, "\n")
}

// SecretAttributes are the names of a type's secret attributes, of the method or of all.
func SecretAttributes(t api.ConnectorType, method string) []string {
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

// Unknown is the error about an unknown type.
func (b *TypeBook) Unknown(name string) error {
	return credential.NewError(credential.NoSuchEntity, fmt.Sprintf("Service connector type '%s' not "+
		"found.", name),
		"known types: "+strings.Join(b.Names(), ", "))
}

// UnsupportedResource is the error about a resource type that a connector type does not
// have.
func UnsupportedResource(t api.ConnectorType, resourceType string) error {
	return ui.Refused(fmt.Sprintf("Service connector type '%s' does not support resource type "+
		"'%s'.", t.Type, resourceType),
		"supported: "+strings.Join(TypesOf(t), ", "))
}

// UnsupportedMethod is the error about an authentication method that a connector type
// does not have.
func UnsupportedMethod(t api.ConnectorType, method string) error {
	return ui.Refused(fmt.Sprintf("Service connector type '%s' does not support the '%s' authentication "+
		"method.", t.Type, method),
		"supported: "+strings.Join(AuthMethodsOf(t), ", "))
}

// TypesOf are the names of a type's resource types.
func TypesOf(t api.ConnectorType) []string {
	names := []string{}
	for _, r := range t.ResourceTypes {
		names = append(names, r.Type)
	}
	return names
}

// AuthMethodsOf are the names of a type's authentication methods.
func AuthMethodsOf(t api.ConnectorType) []string {
	names := []string{}
	for _, m := range t.AuthMethods {
		names = append(names, m.Method)
	}
	return names
}
