package zenml

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/safetext"
)

// maxTypes bounds the types, methods and attributes that a server may have of each.
const maxTypes = 100

// typeModel is a ServiceConnectorTypeModel.
type typeModel struct {
	Name          string `json:"name"`
	Type          string `json:"connector_type"`
	Description   string `json:"description"`
	ResourceTypes []struct {
		Name        string   `json:"name"`
		Type        string   `json:"resource_type"`
		Description string   `json:"description"`
		AuthMethods []string `json:"auth_methods"`
		Instances   bool     `json:"supports_instances"`
		Emoji       string   `json:"emoji"`
	} `json:"resource_types"`
	AuthMethods []methodModel `json:"auth_methods"`
	Emoji       string        `json:"emoji"`
}

type methodModel struct {
	Name        string `json:"name"`
	Method      string `json:"auth_method"`
	Description string `json:"description"`
	Schema      struct {
		Properties properties `json:"properties"`
		Required   []string   `json:"required"`
	} `json:"config_schema"`
	Min     *int `json:"min_expiration_seconds"`
	Max     *int `json:"max_expiration_seconds"`
	Default *int `json:"default_expiration_seconds"`
}

// property is a property of a JSON schema; what may be null as well is an "anyOf".
type property struct {
	Type        string     `json:"type"`
	Format      string     `json:"format"`
	WriteOnly   bool       `json:"writeOnly"`
	Title       string     `json:"title"`
	Description string     `json:"description"`
	Default     any        `json:"default"`
	AnyOf       []property `json:"anyOf"`
}

// properties are a schema's, in its order, which is that in which a person is asked.
type properties []struct {
	name string
	property
}

// UnmarshalJSON reads an object without losing the order of its members.
func (p *properties) UnmarshalJSON(b []byte) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	if start, err := dec.Token(); err != nil || start != json.Delim('{') {
		return err // null means no properties
	}
	for dec.More() && len(*p) < maxTypes {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		var one property
		if err := dec.Decode(&one); err != nil {
			return err
		}
		text, _ := name.(string)
		*p = append(*p, struct {
			name string
			property
		}{text, one})
	}
	return nil
}

// Types lists the server's types of service connectors.
func (c *Client) Types(ctx context.Context) ([]api.ConnectorType, error) {
	var models []typeModel
	if err := c.do(ctx, call{
		method: http.MethodGet, path: "/service_connector_types",
		out: &models,
	}); err != nil {
		return nil, err
	}
	types := make([]api.ConnectorType, 0, min(len(models), maxTypes))
	for _, m := range models[:min(len(models), maxTypes)] {
		types = append(types, m.public())
	}
	return types, nil
}

func (m typeModel) public() api.ConnectorType {
	t := api.ConnectorType{
		Name: line(
			m.Name,
		), Type: line(m.Type), Description: prose(m.Description), Emoji: emoji(m.Emoji), Remote: true,
	}
	for _, r := range m.ResourceTypes[:min(len(m.ResourceTypes), maxTypes)] {
		t.ResourceTypes = append(t.ResourceTypes, api.ResourceType{
			Type: line(
				r.Type,
			), Name: line(r.Name), Description: prose(r.Description), AuthMethods: cleanAll(r.AuthMethods),
			SupportsInstances: r.Instances, Emoji: emoji(r.Emoji),
		})
	}
	for _, a := range m.AuthMethods[:min(len(m.AuthMethods), maxTypes)] {
		t.AuthMethods = append(t.AuthMethods, a.public())
	}
	return t
}

func (m methodModel) public() api.AuthMethod {
	out := api.AuthMethod{
		Method: line(m.Method), Name: line(m.Name), Description: prose(m.Description),
		MinExpirationSeconds: orZero(
			m.Min,
		), MaxExpirationSeconds: orZero(m.Max), DefaultExpirationSeconds: orZero(m.Default),
	}
	required := make(map[string]bool, len(m.Schema.Required))
	for _, name := range m.Schema.Required {
		required[name] = true
	}
	for _, p := range m.Schema.Properties {
		out.Attributes = append(out.Attributes, p.public(line(p.name), required[p.name]))
	}
	return out
}

func (p property) public(name string, required bool) api.Attribute {
	a := api.Attribute{
		Name: name, Title: line(p.Title), Description: prose(p.Description), Required: required,
		Type:   line(p.Type),
		Secret: p.secret() || !isPublic(name), // what is not known to be public is not shown
	}
	for _, one := range p.AnyOf {
		if a.Type == "" && one.Type != "null" {
			a.Type = line(one.Type)
		}
	}
	if a.Type == "" {
		a.Type = "string"
	}
	a.Default = texts(map[string]any{"": p.Default})[""]
	return a
}

func (p property) secret() bool {
	if p.Format == "password" || p.WriteOnly {
		return true
	}
	for _, one := range p.AnyOf {
		if one.secret() {
			return true
		}
	}
	return false
}

func orZero(n *int) int {
	if n == nil {
		return 0
	}
	return *n
}

// emoji is a picture for tables. ZenML names those that it has a name for.
func emoji(s string) string {
	switch s = line(s); s {
	case ":whale:":
		return "🐳"
	case ":large_orange_diamond:":
		return "🔶"
	case ":large_blue_circle:", ":blue_circle:":
		return "🔵"
	case ":package:":
		return "📦"
	case ":cyclone:":
		return "🌀"
	}
	if len(s) > 8 || strings.Contains(s, ":") {
		return ""
	}
	return s
}

// maxProse bounds a description in bytes.
const maxProse = 16 << 10

// prose makes a server's description fit for a terminal; its lines stay.
func prose(s string) string {
	return strings.TrimSpace(safetext.Text(strings.ToValidUTF8(s[:min(len(s), maxProse)], "")))
}
