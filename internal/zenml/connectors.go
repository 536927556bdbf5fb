package zenml

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

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
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 " +
		"15:04:05.999999999"} {
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

// typeName is a connector type, which the server gives as its name or, hydrated, as the
// whole type model.
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

// connector is a ServiceConnectorResponse. Its configuration may hold secrets; only
// credentialAnswer reads those.
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
		Configuration     publicConfig   `json:"configuration"`
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
		ID: line(
			c.ID,
		), Name: line(c.Name), Description: line(c.Body.Description), Type: line(string(c.Body.Type)),
		AuthMethod: line(
			c.Body.AuthMethod,
		), ResourceTypes: cleanAll(c.Body.ResourceTypes), ResourceID: line(c.Body.ResourceID),
		ExpiresAt: c.Body.ExpiresAt.ptr(), ExpiresSkewTolerance: c.Body.Skew,
		ExpirationSeconds: c.Metadata.ExpirationSeconds,
		Owner:             line(c.Resources.User.Name), Created: c.Body.Created.Time,
		Updated:       c.Body.Updated.Time,
		Configuration: c.Metadata.Configuration.values, SecretAttributes: c.Metadata.Configuration.others,
		Labels: texts(c.Metadata.Labels),
	}
	return s
}

// publicConfig is what of a connector's configuration may be shown. A server sends the
// secrets along when it is not told otherwise, and some ignore that: what is not known to
// be public counts as secret, and is not kept.
type publicConfig struct {
	values map[string]string
	others []string // names
}

// UnmarshalJSON keeps the public attributes, and the names of the others.
func (p *publicConfig) UnmarshalJSON(b []byte) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		return err
	}
	p.values = make(map[string]string)
	for name, raw := range all {
		var v any
		if !isPublic(name) {
			if string(raw) != "null" && len(p.others) < maxTexts {
				p.others = append(p.others, line(name))
			}
			clear(raw)
			continue
		}
		if err := json.Unmarshal(raw, &v); err != nil {
			return err
		}
		maps.Copy(p.values, texts(map[string]any{name: v}))
	}
	slices.Sort(p.others)
	return nil
}

// isPublic reports whether an attribute of ZenML's connector types is known to hold no
// secret.
func isPublic(name string) bool {
	switch name {
	case "registry",
		"region",
		"endpoint_url",
		"profile_name",
		"role_arn",
		"project_id",
		"subscription_id",
		"tenant_id",
		"resource_group",
		"storage_account",
		"service_account_email",
		"target_principal",
		"generate_temporary_tokens":
		return true
	}
	return false
}

func cleanAll(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = line(s)
	}
	return out
}

// maxTexts bounds the attributes and the labels of one entity.
const maxTexts = 100

// texts keeps what can be shown as text; nulls are left out.
func texts(m map[string]any) map[string]string {
	out := make(map[string]string, min(len(m), maxTexts))
	for k, v := range m {
		if len(out) == maxTexts {
			break
		}
		switch v := v.(type) {
		case string:
			out[line(k)] = line(v)
		case bool:
			out[line(k)] = strconv.FormatBool(v)
		case float64:
			out[line(k)] = strconv.FormatFloat(v, 'g', -1, 64)
		}
	}
	return out
}

type page[T any] struct {
	TotalPages int `json:"total_pages"`
	Items      []T `json:"items"`
}

// all reads every page of a list, oldest first so that what is created meanwhile does not
// shift pages. Of each entity only what public makes of it is kept.
func all[T, Public any](
	ctx context.Context,
	c *Client,
	path string,
	query url.Values,
	public func(T) Public,
) ([]Public, error) {
	items := []Public{}
	query.Set("hydrate", "true")
	query.Set("size", strconv.Itoa(pageSize))
	query.Set("sort_by", "asc:created")
	for n := 1; n <= maxPages; n++ {
		query.Set("page", strconv.Itoa(n))
		var p page[T]
		if err := c.do(ctx, call{method: http.MethodGet, path: path, query: query, out: &p}); err != nil {
			return nil, err
		}
		if len(p.Items) > pageSize {
			return nil, c.strange("its lists have longer pages than were asked for")
		}
		for _, item := range p.Items {
			items = append(items, public(item))
		}
		if n >= p.TotalPages {
			return items, nil
		}
	}
	return nil, c.strange("its lists do not end")
}

// Connectors lists the server's service connectors. Secrets are never asked for: an
// answer with expand_secrets would carry every one of them.
func (c *Client) Connectors(ctx context.Context) ([]api.ServiceConnector, error) {
	return all(ctx, c, "/service_connectors", url.Values{"expand_secrets": {"false"}}, connector.public)
}

// resourcesModel is a ServiceConnectorResourcesModel.
type resourcesModel struct {
	Resources []struct {
		Type  string   `json:"resource_type"`
		IDs   []string `json:"resource_ids"`
		Error string   `json:"error"`
	} `json:"resources"`
	Error string `json:"error"`
}

// Resources asks the server which registries a connector gives access to; it may have to
// ask a cloud.
func (c *Client) Resources(ctx context.Context, id string) ([]string, error) {
	var answer resourcesModel
	err := c.do(ctx, call{
		method: http.MethodPut, path: connectorPath(id) + "/verify", out: &answer, long: true,
		query: url.Values{"resource_type": {resourceType}, "list_resources": {"true"}},
	})
	if err != nil {
		return nil, err
	}
	return c.resourceIDs(answer)
}

// resourceIDs are the registries; it is an error when there are none and the server says
// why.
func (c *Client) resourceIDs(answer resourcesModel) ([]string, error) {
	var ids []string
	why := answer.Error
	for _, r := range answer.Resources {
		if r.Type != resourceType || len(ids) > maxPages*pageSize {
			continue
		}
		ids = append(ids, cleanAll(r.IDs)...)
		if r.Error != "" {
			why = r.Error
		}
	}
	if len(ids) == 0 && why != "" {
		return nil, c.cloudError(line(why))
	}
	return ids, nil
}

// resourceType is ZenML's name for container registries.
const resourceType = "docker-registry"

func connectorPath(id string) string { return "/service_connectors/" + url.PathEscape(id) }

// Delete removes a connector from the server. One that a component of a stack there uses
// is not removed.
func (c *Client) Delete(ctx context.Context, id string) error {
	return c.do(ctx, call{method: http.MethodDelete, path: connectorPath(id)})
}

// Credential is what the server minted for one registry.
type Credential struct {
	credential.Credential
	Registry  address.Address
	PlainHTTP bool // the server says that the registry speaks plain http
}

// refusalCounts is how long a refusal to mint counts. What it takes is mended on the
// server, where zen does not see it.
const refusalCounts = 30 * time.Second

// Credential asks the server to mint a credential for a connector's registry; resource
// narrows a connector of several. An answer for another host than want is refused. What
// the server does not limit in time is limited here: see expiry. Refusals say when
// another try makes sense.
func (c *Client) Credential(
	ctx context.Context,
	id, resource string,
	want address.Address,
) (Credential, error) {
	minted, err := c.mint(ctx, id, resource, want)
	var e *credential.Error
	var waits *waitError
	if err == nil || errors.As(err, &waits) || !errors.As(err, &e) {
		return minted, err
	}
	switch e.Reason {
	case credential.NoSuchEntity:
		gone := *e
		gone.Message = "ZenML server " + c.base.Host + " does not have the service connector any more"
		gone.Hint = "see what it has: zen service-connector list"
		err = &waitError{&gone, refusalCounts}
	case credential.Denied, credential.Rejected, credential.Expired, credential.InvalidInput:
		err = &waitError{e, refusalCounts}
	}
	return minted, err
}

func (c *Client) mint(ctx context.Context, id, resource string, want address.Address) (Credential, error) {
	query := url.Values{"resource_type": {resourceType}}
	if resource != "" {
		query.Set("resource_id", resource)
	}
	var raw []byte
	asked := c.cfg.Now()
	err := c.do(
		ctx,
		call{
			method: http.MethodGet,
			path:   connectorPath(id) + "/client",
			query:  query,
			rawOut: &raw,
			long:   true,
		},
	)
	defer func() { clear(raw) }()
	if err != nil {
		return Credential{}, err
	}
	minted, err := c.parseMinted(raw, asked)
	if err != nil {
		return Credential{}, err
	}
	if minted.Registry.Host() != want.Host() {
		minted.Secret.Wipe()
		return Credential{}, credential.NewError(
			credential.Denied,
			"ZenML server "+c.base.Host+" answered with a credential for "+minted.Registry.
				Host()+", not for "+want.Host(),
			"look at the connector on the server, and log in to the registry that it is for",
		)
	}
	return minted, nil
}

// credentialAnswer is the docker connector that every kind of connector's /client
// answers.
type credentialAnswer struct {
	Body struct {
		Type      typeName `json:"connector_type"`
		ExpiresAt Time     `json:"expires_at"`
		Skew      *int     `json:"expires_skew_tolerance"`
	} `json:"body"`
	Metadata struct {
		Configuration secretConfig `json:"configuration"`
		Secrets       secretConfig `json:"secrets"` // some servers keep them apart
	} `json:"metadata"`
}

// secretConfig is a docker connector's configuration; its bytes are copied into Secrets,
// and the answer is wiped.
type secretConfig struct {
	Username json.RawMessage `json:"username"`
	Password json.RawMessage `json:"password"`
	Registry string          `json:"registry"`
}

// Bounds of a credential in bytes; a helper's answer has to carry both.
const (
	maxUser     = 4 << 10
	maxPassword = 1 << 20
)

// hub is the registry of a docker connector that names none.
const hub = "docker.io"

func (c *Client) parseMinted(raw []byte, asked time.Time) (Credential, error) {
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
	user, ok := text(config.Username, more.Username)
	if !ok {
		return Credential{}, c.strange("its credential has no user name")
	}
	password, ok := text(config.Password, more.Password)
	if !ok {
		return Credential{}, c.strange("its credential has no password")
	}
	secret := credential.NewSecret(password)
	if len(user) > maxUser || secret.Len() > maxPassword ||
		strings.ContainsFunc(string(user), unicode.IsControl) {
		secret.Wipe()
		return Credential{}, c.strange("its credential is none that a client could use")
	}
	registry := config.Registry
	if registry == "" {
		registry = hub
	}
	where, scheme, err := address.ParseScheme(registry)
	if err != nil {
		secret.Wipe()
		return Credential{}, c.strange("its credential is for no registry address")
	}
	cred := credential.Credential{Username: string(user), Secret: secret}
	cred.Expires = expiry(cred, a.Body.ExpiresAt.Time, a.Body.Skew, asked)
	return Credential{Credential: cred, Registry: where, PlainHTTP: scheme == address.HTTP}, nil
}
