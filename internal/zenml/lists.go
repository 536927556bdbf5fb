package zenml

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/zen-agent/zen/internal/api"
)

// component is a ComponentResponse.
type component struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Body struct {
		Created Time   `json:"created"`
		Updated Time   `json:"updated"`
		Type    string `json:"type"`
		Flavor  string `json:"flavor_name"`
	} `json:"body"`
	Metadata struct {
		Configuration map[string]any `json:"configuration"`
		Labels        map[string]any `json:"labels"`
		ResourceID    string         `json:"connector_resource_id"`
		Connector     *connector     `json:"connector"`
	} `json:"metadata"`
	Resources struct {
		User struct {
			Name string `json:"name"`
		} `json:"user"`
	} `json:"resources"`
}

// Registries lists the server's container registries.
func (c *Client) Registries(ctx context.Context) ([]api.ContainerRegistry, error) {
	return all(ctx, c, "/components", url.Values{"type": {"container_registry"}}, component.registry)
}

func (p component) registry() api.ContainerRegistry {
	r := api.ContainerRegistry{
		ID: line(
			p.ID,
		), Name: line(p.Name), Flavor: line(p.Body.Flavor), Configuration: texts(p.Metadata.Configuration),
		Labels: texts(p.Metadata.Labels), Owner: line(p.Resources.User.Name),
		Created: p.Body.Created.Time, Updated: p.Body.Updated.Time,
		ConnectorResourceID: line(p.Metadata.ResourceID),
	}
	if conn := p.Metadata.Connector; conn != nil {
		r.ConnectorID, r.ConnectorName, r.ConnectorType = line(
			conn.ID,
		), line(
			conn.Name,
		), line(
			string(conn.Body.Type),
		)
	}
	r.Configuration["uri"] = strings.TrimRight(r.Configuration["uri"], "/")
	return r
}

// LinkComponent links a stack component to a connector, for one of its resources; without
// a connector it unlinks it. What an update does not name stays, but for the connector.
func (c *Client) LinkComponent(ctx context.Context, id, connector, resource string) error {
	body, err := json.Marshal(struct {
		Connector *string `json:"connector"`
		Resource  *string `json:"connector_resource_id"`
	}{orNil(connector), orNil(resource)})
	if err != nil {
		return err
	}
	return c.do(ctx, call{method: http.MethodPut, path: "/components/" + url.PathEscape(id), json: body})
}

func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// stack is a StackResponse.
type stack struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Body struct {
		Created Time `json:"created"`
		Updated Time `json:"updated"`
	} `json:"body"`
	Metadata struct {
		Components  map[string][]component `json:"components"`
		Description string                 `json:"description"`
		Labels      map[string]any         `json:"labels"`
	} `json:"metadata"`
	Resources struct {
		User struct {
			Name string `json:"name"`
		} `json:"user"`
	} `json:"resources"`
}

// Stacks lists the server's stacks.
func (c *Client) Stacks(ctx context.Context) ([]api.Stack, error) {
	return all(ctx, c, "/stacks", url.Values{}, stack.public)
}

func (s stack) public() api.Stack {
	out := api.Stack{
		ID: line(
			s.ID,
		), Name: line(s.Name), Description: line(s.Metadata.Description), Labels: texts(s.Metadata.Labels),
		Owner: line(s.Resources.User.Name), Created: s.Body.Created.Time, Updated: s.Body.Updated.Time,
		Components: make(map[string]api.Component),
	}
	for kind, list := range s.Metadata.Components {
		if len(list) == 0 || len(out.Components) == maxTexts {
			continue
		}
		first := list[0].public()
		for _, p := range list[1:min(len(list), maxTexts)] {
			first.Further = append(first.Further, p.public())
		}
		out.Components[line(kind)] = first
	}
	return out
}

func (p component) public() api.Component {
	return api.Component{ID: line(p.ID), Name: line(p.Name), Flavor: line(p.Body.Flavor)}
}
