package zenml

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
)

const (
	pageSize = 100
	maxPages = 100 // 10,000 entities; more is not a list a person can use
)

// Time is a time as ZenML prints it: ISO 8601, UTC when it has no zone.
type Time struct{ time.Time }

// UnmarshalJSON reads null, a time with a zone, or one without.
func (t *Time) UnmarshalJSON(b []byte) error {
	var s *string
	if err := json.Unmarshal(b, &s); err != nil || s == nil {
		return err
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999"} {
		if parsed, err := time.Parse(layout, *s); err == nil {
			t.Time = parsed.UTC()
			return nil
		}
	}
	return &time.ParseError{Value: *s, Message: ": not a ZenML time"}
}

func (t Time) ptr() *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t.Time
}

// typeName is a connector type, which the server gives as its name or, hydrated, as the whole type model.
type typeName string

func (n *typeName) UnmarshalJSON(b []byte) error {
	var model struct {
		Type string `json:"connector_type"`
	}
	if json.Unmarshal(b, &model) == nil && model.Type != "" {
		*n = typeName(model.Type)
		return nil
	}
	return json.Unmarshal(b, (*string)(n))
}

// connector is a ServiceConnectorResponse. Its configuration may hold secrets; only credentialAnswer reads those.
type connector struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Body struct {
		Created       Time     `json:"created"`
		Updated       Time     `json:"updated"`
		Description   string   `json:"description"`
		Type          typeName `json:"connector_type"`
		AuthMethod    string   `json:"auth_method"`
		ResourceTypes []string `json:"resource_types"`
		ResourceID    string   `json:"resource_id"`
		ExpiresAt     Time     `json:"expires_at"`
		Skew          *int     `json:"expires_skew_tolerance"`
	} `json:"body"`
	Metadata struct {
		Configuration     map[string]any `json:"configuration"`
		ExpirationSeconds *int           `json:"expiration_seconds"`
		Labels            map[string]any `json:"labels"`
	} `json:"metadata"`
	Resources struct {
		User struct {
			Name string `json:"name"`
		} `json:"user"`
	} `json:"resources"`
}

func (c connector) public() api.ServiceConnector {
	s := api.ServiceConnector{
		ID: c.ID, Name: clean(c.Name), Description: clean(c.Body.Description), Type: clean(string(c.Body.Type)),
		AuthMethod: clean(c.Body.AuthMethod), ResourceTypes: cleanAll(c.Body.ResourceTypes), ResourceID: clean(c.Body.ResourceID),
		ExpiresAt: c.Body.ExpiresAt.ptr(), ExpiresSkewTolerance: c.Body.Skew, ExpirationSeconds: c.Metadata.ExpirationSeconds,
		Owner: clean(c.Resources.User.Name), Created: c.Body.Created.Time, Updated: c.Body.Updated.Time,
		Configuration: texts(c.Metadata.Configuration), Labels: texts(c.Metadata.Labels),
	}
	return s
}

func cleanAll(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = clean(s)
	}
	return out
}

// texts keeps what can be shown as text; nulls are left out.
func texts(m map[string]any) map[string]string {
	out := make(map[string]string, len(m))
	for k, v := range m {
		switch v := v.(type) {
		case string:
			out[clean(k)] = clean(v)
		case bool:
			out[clean(k)] = strconv.FormatBool(v)
		case float64:
			out[clean(k)] = strconv.FormatFloat(v, 'g', -1, 64)
		}
	}
	return out
}

type page[T any] struct {
	TotalPages int `json:"total_pages"`
	Items      []T `json:"items"`
}

// all reads every page of a list, oldest first so that what is created meanwhile does not shift pages.
func all[T any](ctx context.Context, c *Client, path string, query url.Values) ([]T, error) {
	var items []T
	query.Set("hydrate", "true")
	query.Set("size", strconv.Itoa(pageSize))
	query.Set("sort_by", "asc:created")
	for n := 1; n <= maxPages; n++ {
		query.Set("page", strconv.Itoa(n))
		var p page[T]
		if err := c.do(ctx, call{method: http.MethodGet, path: path, query: query, out: &p}); err != nil {
			return nil, err
		}
		items = append(items, p.Items...)
		if n >= p.TotalPages {
			return items, nil
		}
	}
	return nil, c.strange("its lists do not end")
}

// Connectors lists the server's service connectors. Secrets are never asked for: an answer with expand_secrets would carry
// every one of them.
func (c *Client) Connectors(ctx context.Context) ([]api.ServiceConnector, error) {
	items, err := all[connector](ctx, c, "/service_connectors", url.Values{"expand_secrets": {"false"}})
	if err != nil {
		return nil, err
	}
	list := make([]api.ServiceConnector, len(items))
	for i, item := range items {
		list[i] = item.public()
		list[i].Server = c.URL()
	}
	return list, nil
}

// Delete removes a connector from the server.
func (c *Client) Delete(ctx context.Context, id string) error {
	return c.do(ctx, call{method: http.MethodDelete, path: "/service_connectors/" + url.PathEscape(id)})
}

// Credential is what the server minted for one registry.
type Credential struct {
	credential.Credential
	Registry address.Address
}

// Credential asks the server to mint a credential for a connector's registry; resource narrows a connector of several. An
// answer for another host than want is refused.
func (c *Client) Credential(ctx context.Context, id, resource string, want address.Address) (Credential, error) {
	query := url.Values{"resource_type": {"docker-registry"}}
	if resource != "" {
		query.Set("resource_id", resource)
	}
	var raw []byte
	err := c.do(ctx, call{method: http.MethodGet, path: "/service_connectors/" + url.PathEscape(id) + "/client", query: query, rawOut: &raw, long: true})
	defer func() { clear(raw) }()
	if err != nil {
		return Credential{}, err
	}
	minted, err := c.parseMinted(raw)
	if err != nil {
		return Credential{}, err
	}
	if minted.Registry.Host() != want.Host() {
		minted.Secret.Wipe()
		return Credential{}, credential.NewError(credential.Denied,
			"ZenML server "+c.base.Host+" answered with a credential for "+minted.Registry.Host()+", not for "+want.Host(), "")
	}
	return minted, nil
}

// credentialAnswer is the docker connector that every kind of connector's /client answers.
type credentialAnswer struct {
	Body struct {
		Type      typeName `json:"connector_type"`
		ExpiresAt Time     `json:"expires_at"`
	} `json:"body"`
	Metadata struct {
		Configuration secretConfig `json:"configuration"`
		Secrets       secretConfig `json:"secrets"` // servers before 0.80 keep them apart
	} `json:"metadata"`
}

// secretConfig is a docker connector's configuration; its bytes are copied into Secrets, and the answer is wiped.
type secretConfig struct {
	Username json.RawMessage `json:"username"`
	Password json.RawMessage `json:"password"`
	Registry string          `json:"registry"`
}

func (c *Client) parseMinted(raw []byte) (Credential, error) {
	var a credentialAnswer
	if err := json.Unmarshal(raw, &a); err != nil || a.Body.Type != "docker" {
		return Credential{}, c.strange("its credential has another form than a docker connector's")
	}
	config, more := a.Metadata.Configuration, a.Metadata.Secrets
	defer func() {
		for _, b := range [][]byte{config.Password, more.Password, config.Username, more.Username} {
			clear(b)
		}
	}()
	user, err := text(config.Username, more.Username)
	if err != nil {
		return Credential{}, c.strange("its credential has no user name")
	}
	password, err := text(config.Password, more.Password)
	if err != nil {
		return Credential{}, c.strange("its credential has no password")
	}
	registry := config.Registry
	if registry == "" {
		registry = "docker.io"
	}
	where, err := address.Parse(registry)
	if err != nil {
		return Credential{}, c.strange("its credential is for no registry address")
	}
	cred := credential.Credential{Username: string(user), Secret: credential.NewSecret(password), Expires: a.Body.ExpiresAt.Time}
	return Credential{Credential: cred, Registry: where}, nil
}
