package connector

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/resource"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
	"github.com/zen-agent/zen/internal/credential"
)

// wizard asks for the parts of a service connector, in ZenML's words and order.
type wizard struct {
	*Commands
	ctx     context.Context
	docs    bool // explain what there is to choose from
	visible bool // secrets are shown while they are typed

	server string // where the connector lives; "": on this machine
}

// explain prints documentation among the questions.
func (w *wizard) explain(title string, sections ...string) {
	if w.docs {
		w.Say("%s\n\n%s\n", ui.Heading(title), explained(sections...))
	}
}

// name asks for a name that no other connector has.
func (w *wizard) name(fallback, own string) (string, error) {
	for {
		name, err := w.Prompt(w.ctx, ui.Question{Text: "Please enter a name for the service " +
			"connector", Fallback: fallback})
		if err != nil || name == own {
			return name, err
		}
		list, err := zend.Call[api.ConnectorList](w.ctx, w.Commands.zend, api.MethodConnectorList,
			api.Query{Filters: map[string][]string{"name": {"equals:" + name}}, Size: -1})
		// One of the same name elsewhere is not in the way.
		if err != nil ||
			!slices.ContainsFunc(
				list.Items,
				func(c api.ServiceConnector) bool { return c.Server == w.server },
			) {
			return name, err
		}
		w.Say("A service connector with the name '%s' already exists. Please choose a different name.", name)
	}
}

// connectorType asks which type the connector is of. wanted narrows the choice.
func (w *wizard) connectorType(wanted string) (api.ConnectorType, error) {
	book, err := w.TypesOn(w.ctx, w.server)
	if err != nil {
		return api.ConnectorType{}, err
	}
	if wanted != "" {
		t, ok := book.Find(wanted)
		if !ok {
			return t, book.Unknown(wanted)
		}
		book = &resource.TypeBook{Types: []api.ConnectorType{t}}
	}
	var sections []string
	for _, t := range book.Types {
		sections = append(sections, describeType(t))
	}
	w.explain("Available service connector types", sections...)
	if len(book.Types) == 0 {
		return api.ConnectorType{}, credential.NewError(credential.Internal, "zend knows no service "+
			"connector type",
			"zen daemon restart")
	}
	name, err := w.Prompt(w.ctx, ui.Question{
		Text: "Please select a service connector type", Choices: book.Names(), Fallback: book.Names()[0],
	})
	t, _ := book.Find(name)
	return t, err
}

// resourceType asks for one of the type's resource types; "" is any of them.
func (w *wizard) resourceType(t api.ConnectorType, wanted string) (string, error) {
	if wanted != "" && !slices.Contains(resource.TypesOf(t), wanted) {
		return "", resource.UnsupportedResource(t, wanted)
	}
	w.explain("Available resource types", describeResourceTypes(t))
	if len(t.ResourceTypes) == 1 {
		w.Say("Only one resource type is available for this connector (%s).", t.ResourceTypes[0].Type)
		return t.ResourceTypes[0].Type, nil
	}
	return w.Prompt(w.ctx, ui.Question{
		Text: "Please select a resource type or leave it empty to create a connector that can be used to " +
			"access any of the " +
			"supported resource types",
		Choices: resource.TypesOf(t), Fallback: wanted, Optional: true,
	})
}

// authMethod asks for one of the type's methods that serves the resource type. No to the
// only one ends the command.
func (w *wizard) authMethod(t api.ConnectorType, resourceType, wanted string) (api.AuthMethod, error) {
	methods := keep(t.AuthMethods, func(m api.AuthMethod) bool { return serves(t, resourceType, m.Method) })
	if wanted != "" {
		i := slices.IndexFunc(methods, func(m api.AuthMethod) bool { return m.Method == wanted })
		if i < 0 {
			return api.AuthMethod{}, resource.UnsupportedMethod(t, wanted)
		}
		methods = methods[i : i+1]
	}
	narrowed := t
	narrowed.AuthMethods = methods
	w.explain("Available authentication methods", describeAuthMethods(narrowed))
	if len(methods) == 1 {
		yes, err := w.Confirm(w.ctx, fmt.Sprintf(
			"Only one authentication method is available for this connector (%s). Would you like to use "+
				"it?", methods[0].Method), true)
		if err == nil && !yes {
			err = ui.ErrAborted
		}
		return methods[0], err
	}
	name, err := w.Prompt(w.ctx, ui.Question{Text: "Please select an authentication " +
		"method", Choices: resource.AuthMethodsOf(narrowed)})
	i := slices.IndexFunc(methods, func(m api.AuthMethod) bool { return m.Method == name })
	if err != nil || i < 0 {
		return api.AuthMethod{}, err
	}
	return methods[i], nil
}

func serves(t api.ConnectorType, resourceType, method string) bool {
	i := slices.IndexFunc(t.ResourceTypes, func(r api.ResourceType) bool { return r.Type == resourceType })
	return i < 0 || len(t.ResourceTypes[i].AuthMethods) == 0 ||
		slices.Contains(t.ResourceTypes[i].AuthMethods, method)
}

// configure asks for the method's attributes that config does not have yet.
func (w *wizard) configure(m api.AuthMethod, config zend.Secrets) error {
	w.Say("Please enter the configuration for the %s authentication method.", m.Name)
	for _, attr := range m.Attributes {
		if _, ok := config[attr.Name]; ok {
			continue
		}
		value, err := w.attribute(attr, attributeText(attr), !attr.Required)
		if err != nil {
			return err
		}
		if !value.IsEmpty() {
			config[attr.Name] = value
		}
	}
	return nil
}

// attribute asks for one attribute until there is a value, or nothing if that will do.
func (w *wizard) attribute(attr api.Attribute, text string, optional bool) (credential.Secret, error) {
	if !attr.Secret || w.visible {
		answer, err := w.Prompt(
			w.ctx,
			ui.Question{Text: text, Fallback: attr.Default, Optional: optional, Quiet: attr.Default == ""},
		)
		return credential.SecretString(answer), err
	}
	for {
		value, err := w.PromptSecret(w.ctx, text)
		if err != nil || optional || !value.IsEmpty() {
			return value, err
		}
	}
}

// duration asks how long temporary credentials shall be valid, in seconds; nil for
// methods that issue none.
func (w *wizard) duration(m api.AuthMethod, current *int) (*int, error) {
	if !issuesTemporary(m) {
		return nil, nil
	}
	fallback := m.DefaultExpirationSeconds
	if current != nil {
		fallback = *current
	}
	text := "The authentication method involves generating temporary credentials. " +
		"Please enter the time that the credentials should be valid for, in seconds" + bounds(m)
	for {
		answer, err := w.Prompt(w.ctx, ui.Question{Text: text, Fallback: ui.Decimal(fallback)})
		if err != nil {
			return nil, err
		}
		seconds, ok := ui.ParseSeconds(answer)
		if !ok || seconds < m.MinExpirationSeconds ||
			m.MaxExpirationSeconds > 0 && seconds > m.MaxExpirationSeconds {
			w.Say("Error: '%s' is not a number of seconds that is allowed%s.", answer, bounds(m))
			continue
		}
		valid := ui.Span(time.Duration(seconds) * time.Second)
		keep, err := w.Confirm(w.ctx, "Credentials will be valid for "+valid+". Keep this value?", true)
		if err != nil || keep {
			return &seconds, err
		}
	}
}

func bounds(m api.AuthMethod) string {
	var parts []string
	for _, b := range []struct {
		name  string
		value int
	}{
		{"min", m.MinExpirationSeconds},
		{"max", m.MaxExpirationSeconds},
		{"default", m.DefaultExpirationSeconds},
	} {
		if b.value > 0 {
			parts = append(parts, b.name+": "+ui.Decimal(b.value))
		}
	}
	if parts == nil {
		return ""
	}
	return " (" + strings.Join(parts, "; ") + ")"
}

// expiry asks whether and when the credentials expire; nil if they do not.
func (w *wizard) expiry(current *time.Time) (*time.Time, error) {
	temporary, err := w.Confirm(w.ctx, "Are the credentials you configured temporary? If so, you'll be "+
		"asked to provide an "+
		"expiration time in the next step.", current != nil)
	if err != nil || !temporary {
		return nil, err
	}
	fallback := ""
	if current != nil {
		fallback = current.UTC().Format(time.DateTime)
	}
	for {
		answer, err := w.Prompt(w.ctx, ui.Question{
			Text: "Please enter the exact UTC date and time when the credentials will expire e.g. " +
				"'2023-12-31 23:59:59'",
			Fallback: fallback,
		})
		if err != nil {
			return nil, err
		}
		at, err := ui.ParseTime(answer)
		if err != nil {
			w.Say("Error: %s.", err)
			continue
		}
		left := at.Sub(w.now())
		if left <= 0 {
			w.Say("The expiration time must be in the future. Please enter a later date and time.")
			continue
		}
		keep, err := w.Confirm(w.ctx,
			fmt.Sprintf("Credentials will be valid until %s (i.e. in %s). Keep this "+
				"value?", ui.Clock(at), ui.Span(left)), true)
		if err != nil || keep {
			return &at, err
		}
	}
}

// instance asks for one of the resources that the connector can reach; "" is all of them.
func (w *wizard) instance(ids []string, current string) (string, error) {
	if !slices.Contains(ids, current) {
		current = ""
	}
	w.Say("The connector can be used to access the following resources:\n%s", ui.Bullets(ids))
	return w.Prompt(w.ctx, ui.Question{
		Text: "Please select one of the resources or leave it empty to create a connector that can be " +
			"used to access any of them",
		Choices: ids, Fallback: current, Optional: true,
	})
}

// instances reports whether there are resources of a type to choose from.
func instances(t api.ConnectorType, resourceType string) bool {
	return slices.ContainsFunc(t.ResourceTypes, func(r api.ResourceType) bool {
		return r.Type == resourceType && r.SupportsInstances
	})
}

// reachable are the names of all resources.
func reachable(list []api.Resource) []string {
	var ids []string
	for _, r := range list {
		ids = append(ids, r.ResourceIDs...)
	}
	return ids
}
