package zenml

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/ipc"
)

var errNoText = errors.New("not a text")

// text unquotes the first JSON string that is present into bytes of its own.
func text(candidates ...[]byte) ([]byte, error) {
	for _, raw := range candidates {
		if len(raw) > 2 && raw[0] == '"' {
			return ipc.Unquote(raw)
		}
	}
	return nil, errNoText
}

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
	items, err := all[component](ctx, c, "/components", url.Values{"type": {"container_registry"}})
	if err != nil {
		return nil, err
	}
	list := make([]api.ContainerRegistry, len(items))
	for i, item := range items {
		list[i] = item.registry()
		list[i].Server = c.URL()
	}
	return list, nil
}

func (p component) registry() api.ContainerRegistry {
	r := api.ContainerRegistry{
		ID: p.ID, Name: clean(p.Name), Flavor: clean(p.Body.Flavor), Configuration: texts(p.Metadata.Configuration),
		Labels: texts(p.Metadata.Labels), Owner: clean(p.Resources.User.Name),
		Created: p.Body.Created.Time, Updated: p.Body.Updated.Time, ConnectorResourceID: clean(p.Metadata.ResourceID),
	}
	if conn := p.Metadata.Connector; conn != nil {
		r.ConnectorID, r.ConnectorName, r.ConnectorType = conn.ID, clean(conn.Name), clean(string(conn.Body.Type))
	}
	r.Configuration["uri"] = strings.TrimRight(r.Configuration["uri"], "/")
	return r
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
		Components map[string][]component `json:"components"`
	} `json:"metadata"`
}

// Stacks lists the server's stacks.
func (c *Client) Stacks(ctx context.Context) ([]api.Stack, error) {
	items, err := all[stack](ctx, c, "/stacks", url.Values{})
	if err != nil {
		return nil, err
	}
	list := make([]api.Stack, len(items))
	for i, item := range items {
		list[i] = item.public()
		list[i].Server = c.URL()
	}
	return list, nil
}

func (s stack) public() api.Stack {
	out := api.Stack{
		ID: s.ID, Name: clean(s.Name), Created: s.Body.Created.Time, Updated: s.Body.Updated.Time,
		Components: make(map[string]api.Component),
	}
	for kind, list := range s.Metadata.Components {
		if len(list) > 0 {
			out.Components[clean(kind)] = api.Component{ID: list[0].ID, Name: clean(list[0].Name), Flavor: clean(list[0].Body.Flavor)}
		}
	}
	return out
}
