package api

import "time"

// ServiceConnector is a service connector without its secrets, in ZenML's terms.
type ServiceConnector struct {
	ID                   string            `json:"id"`
	Name                 string            `json:"name"`
	Description          string            `json:"description,omitempty"`
	Type                 string            `json:"type"`
	AuthMethod           string            `json:"auth_method"`
	ResourceTypes        []string          `json:"resource_types"`
	ResourceID           string            `json:"resource_id,omitempty"`
	Configuration        map[string]string `json:"configuration,omitempty"` // public attributes
	SecretAttributes     []string          `json:"secret_attributes,omitempty"`
	ExpiresAt            *time.Time        `json:"expires_at,omitempty"`
	ExpiresSkewTolerance *int              `json:"expires_skew_tolerance,omitempty"` // seconds; nil: 300
	ExpirationSeconds    *int              `json:"expiration_seconds,omitempty"`
	Labels               map[string]string `json:"labels,omitempty"`
	Owner                string            `json:"owner"`
	Created              time.Time         `json:"created"`
	Updated              time.Time         `json:"updated"`
	// counts changes; minted tokens of an older revision are dropped
	Revision int `json:"revision"`
	// used by the active stack; computed
	Active  bool `json:"active"`
	Expired bool `json:"expired"` // computed
	// result of the last check: see Verification
	Verification string `json:"verification,omitempty"`
	// plain http was agreed to, see RegisterConnector
	Insecure bool `json:"insecure,omitempty"`
	// the ZenML server it lives on; "" is this machine
	Server string `json:"server,omitempty"`
	// of one that a login uses: its server does not have it any more
	Deleted bool `json:"deleted,omitempty"`
}

// What a check against the registry can find out.
const (
	VerificationValid       = "valid"
	VerificationRejected    = "rejected"
	VerificationAnonymous   = "unverified" // accepted, but anonymous would do as well
	VerificationUnreachable = "unreachable"
	VerificationSkipped     = "skipped"
)

// Resource says what a connector gives access to, or why not.
type Resource struct {
	ConnectorID   string   `json:"connector_id"`
	ConnectorName string   `json:"connector_name"`
	ConnectorType string   `json:"connector_type"`
	ResourceType  string   `json:"resource_type"`
	ResourceIDs   []string `json:"resource_names"`
	Verification  string   `json:"verification,omitempty"`
	// set when the resource cannot be used, or was not verified: why
	Error string `json:"error,omitempty"`
}

// RegisterConnector is the params of connector.register; the configuration travels in
// SecretsMember.
type RegisterConnector struct {
	Name                 string            `json:"name"`
	Description          string            `json:"description,omitempty"`
	Type                 string            `json:"type"`
	AuthMethod           string            `json:"auth_method,omitempty"`
	ResourceType         string            `json:"resource_type,omitempty"`
	ResourceID           string            `json:"resource_id,omitempty"`
	ExpiresAt            *time.Time        `json:"expires_at,omitempty"`
	ExpiresSkewTolerance *int              `json:"expires_skew_tolerance,omitempty"`
	ExpirationSeconds    *int              `json:"expiration_seconds,omitempty"`
	Labels               map[string]string `json:"labels,omitempty"`
	NoVerify             bool              `json:"no_verify,omitempty"`
	DryRun               bool              `json:"dry_run,omitempty"` // validate and verify, keep nothing
	// register it there; "": on this machine
	Server string `json:"server,omitempty"`

	// Insecure agrees to plain http, which a registry that is given as http:// on another
	// machine is refused without.
	Insecure bool `json:"insecure,omitempty"`
}

// UpdateConnector is the params of connector.update. Nil leaves a field alone. Changed
// configuration attributes travel in SecretsMember.
type UpdateConnector struct {
	Ref                  string             `json:"ref"`
	Name                 *string            `json:"name,omitempty"`
	Description          *string            `json:"description,omitempty"`
	AuthMethod           *string            `json:"auth_method,omitempty"`
	ResourceType         *string            `json:"resource_type,omitempty"`
	ResourceID           *string            `json:"resource_id,omitempty"`
	ExpiresAt            *time.Time         `json:"expires_at,omitempty"`
	ExpiresSkewTolerance *int               `json:"expires_skew_tolerance,omitempty"`
	ExpirationSeconds    *int               `json:"expiration_seconds,omitempty"`
	Labels               map[string]*string `json:"labels,omitempty"` // nil value: remove the label
	// attributes, or resource_id, expires_at, ...; - counts as _
	Remove   []string `json:"remove,omitempty"`
	NoVerify bool     `json:"no_verify,omitempty"`
	DryRun   bool     `json:"dry_run,omitempty"`
	// the connector of this server; "": of this machine
	Server string `json:"server,omitempty"`
	// see RegisterConnector; also confirms
	Insecure bool `json:"insecure,omitempty"`
}

// ConnectorResult answers register, update, get and verify.
type ConnectorResult struct {
	Connector ServiceConnector `json:"connector"`
	Resources []Resource       `json:"resources,omitempty"`
	Warnings  []string         `json:"warnings,omitempty"`     // attributes that were ignored, for example
	Ended     int              `json:"ended_logins,omitempty"` // delete: logins that ended with it
	// servers that have a connector of the same name, which was not meant
	Shadowed []string `json:"shadowed,omitempty"`
}

// ConnectorList answers connector.list.
type ConnectorList struct {
	Items    []ServiceConnector `json:"items"`
	Page     Page               `json:"pagination"`
	Warnings []string           `json:"warnings,omitempty"` // servers that did not answer
}

// DeleteConnector is the params of connector.delete: refused while a registry uses it or,
// without Force, a login does.
type DeleteConnector struct {
	Ref    string `json:"ref"`
	Server string `json:"server,omitempty"` // the connector of this server; "": of this machine
}

// UseConnector is the params of connector.get, verify and reveal.
type UseConnector struct {
	Ref          string `json:"ref"`
	ResourceType string `json:"resource_type,omitempty"`
	ResourceID   string `json:"resource_id,omitempty"`
	Push         string `json:"push,omitempty"`   // verify: repository to check push permission on
	Server       string `json:"server,omitempty"` // where the connector lives; "": this machine first
	Exact        bool   `json:"exact,omitempty"`  // get: see Ref
}

// ResourcesQuery is the params of connector.resources.
type ResourcesQuery struct {
	ConnectorType string `json:"connector_type,omitempty"`
	ResourceType  string `json:"resource_type,omitempty"`
	ResourceID    string `json:"resource_id,omitempty"`
	Verify        bool   `json:"verify,omitempty"` // ask the registries too
	Server        string `json:"server,omitempty"` // only connectors of this server
}

// ResourceList answers connector.resources.
type ResourceList struct {
	Items    []Resource `json:"items"`
	Warnings []string   `json:"warnings,omitempty"` // servers that did not answer
}
