package zenml

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safejson"
)

// Draft is a service connector as it is to be on the server.
type Draft struct {
	api.ServiceConnector // its Configuration and SecretAttributes do not count

	Instances bool           // the resource type has several instances
	Method    api.AuthMethod // says of which type the attributes are
	// the whole configuration; nil leaves it as it is. They stay the caller's to wipe
	Config map[string]credential.Secret
}

// request is a ServiceConnectorRequest or, but for the name's sake, a
// ServiceConnectorUpdate. What is left out of an update stays, except resource_id and
// expiration_seconds, which are taken away by it.
type request struct {
	Name              string            `json:"name"`
	Type              string            `json:"connector_type"`
	Description       string            `json:"description"`
	AuthMethod        string            `json:"auth_method"`
	ResourceTypes     []string          `json:"resource_types,omitempty"`
	ResourceID        *string           `json:"resource_id"`
	Instances         bool              `json:"supports_instances"`
	ExpiresAt         *string           `json:"expires_at,omitempty"`
	Skew              *int              `json:"expires_skew_tolerance,omitempty"`
	ExpirationSeconds *int              `json:"expiration_seconds"`
	Labels            map[string]string `json:"labels"`
}

// body is the draft as the server wants it. The configuration is appended by hand; the
// caller wipes the result.
func (d Draft) body() ([]byte, error) {
	r := request{
		Name: d.Name, Type: d.Type, Description: d.Description, AuthMethod: d.AuthMethod,
		ResourceTypes: d.ResourceTypes,
		Instances:     d.Instances, Skew: d.ExpiresSkewTolerance, ExpirationSeconds: d.ExpirationSeconds,
		Labels: d.Labels,
	}
	if r.Labels == nil {
		r.Labels = map[string]string{}
	}
	if d.ResourceID != "" {
		r.ResourceID = &d.ResourceID
	}
	if d.ExpiresAt != nil {
		utc := d.ExpiresAt.UTC().Format("2006-01-02T15:04:05") // a time without a zone is UTC to ZenML
		r.ExpiresAt = &utc
	}
	public, err := json.Marshal(r)
	if err != nil || d.Config == nil {
		return public, err
	}
	size := len(public) + len(`,"configuration":{}`)
	for name, value := range d.Config {
		size += 6*(len(name)+value.Len()) + len(`"":"",`)
	}
	out := append(make([]byte, 0, size), public[:len(public)-1]...)
	out = append(out, `,"configuration":{`...)
	for i, name := range slices.Sorted(maps.Keys(d.Config)) {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(safejson.AppendString(out, name), ':')
		out = d.value(out, name)
	}
	return append(out, "}}"...), nil
}

// value appends an attribute's value: lists as they were typed, if that is JSON, all else
// as a text, which the server converts.
func (d Draft) value(out []byte, name string) []byte {
	value := d.Config[name].Reveal()
	i := slices.IndexFunc(d.Method.Attributes, func(a api.Attribute) bool { return a.Name == name })
	if i >= 0 && d.Method.Attributes[i].Type == "array" && json.Valid(value) {
		return append(out, value...)
	}
	return safejson.AppendString(out, value)
}

// write sends a draft and reads the answer into out.
func (c *Client) write(ctx context.Context, method, path string, query url.Values, d Draft, out any) error {
	body, err := d.body()
	defer func() { clear(body) }()
	if err != nil {
		return err
	}
	var hide [][]byte
	for name, value := range d.Config {
		if value.Len() > 3 && !isPublic(name) {
			hide = append(hide, value.Reveal())
		}
	}
	return c.do(
		ctx,
		call{method: method, path: path, query: query, json: body, hide: hide, out: out, long: true},
	)
}

// Check asks the server to check a connector before it is registered. It returns what it
// gives access to, which can be nothing where there are several.
func (c *Client) Check(ctx context.Context, d Draft) ([]string, error) {
	var answer resourcesModel
	err := c.write(
		ctx,
		http.MethodPost,
		"/service_connectors/verify",
		url.Values{"list_resources": {"true"}},
		d,
		&answer,
	)
	if err != nil {
		return nil, err
	}
	return c.resourceIDs(answer)
}

// Register makes a connector on the server.
func (c *Client) Register(ctx context.Context, d Draft) (api.ServiceConnector, error) {
	var answer connector
	if err := c.write(ctx, http.MethodPost, "/service_connectors", nil, d, &answer); err != nil {
		return api.ServiceConnector{}, err
	}
	return c.written(answer)
}

// Update makes the connector with the draft's id what the draft says.
func (c *Client) Update(ctx context.Context, d Draft) (api.ServiceConnector, error) {
	var answer connector
	if err := c.write(ctx, http.MethodPut, connectorPath(d.ID), nil, d, &answer); err != nil {
		return api.ServiceConnector{}, err
	}
	return c.written(answer)
}

func (c *Client) written(answer connector) (api.ServiceConnector, error) {
	if answer.ID == "" || answer.Name == "" {
		return api.ServiceConnector{}, c.strange("it does not say which service connector it wrote")
	}
	return answer.public(), nil
}

// Configuration reads a connector's whole configuration, its secrets too. It is for a
// change of it: the server takes only a whole one. The caller wipes it.
func (c *Client) Configuration(ctx context.Context, id string) (map[string]credential.Secret, error) {
	var raw []byte
	defer func() { clear(raw) }()
	err := c.do(ctx, call{
		method: http.MethodGet, path: connectorPath(id), rawOut: &raw,
		query: url.Values{"expand_secrets": {"true"}, "hydrate": {"true"}},
	})
	if err != nil {
		return nil, err
	}
	var a struct {
		Metadata struct {
			Configuration map[string]json.RawMessage `json:"configuration"`
			Secrets       map[string]json.RawMessage `json:"secrets"` // some servers keep them apart
		} `json:"metadata"`
	}
	if err := json.Unmarshal(raw, &a); err != nil {
		return nil, c.strange("its answer has another form than a ZenML server's")
	}
	all := make(map[string]credential.Secret)
	for _, from := range []map[string]json.RawMessage{a.Metadata.Configuration, a.Metadata.Secrets} {
		for name, value := range from {
			if typed, ok := typedValue(value); ok && len(all) < maxTexts {
				all[name].Wipe()
				all[name] = credential.NewSecret(typed)
			}
			clear(value)
		}
	}
	return all, nil
}

// typedValue is a value of a configuration as a person types it, in bytes of its own:
// anything but text is its JSON.
func typedValue(raw json.RawMessage) ([]byte, bool) {
	switch {
	case len(raw) == 0 || string(raw) == "null":
		return nil, false
	case raw[0] == '"':
		return text(raw)
	}
	return bytes.Clone(raw), true
}
