package api

import "time"

// CredentialReport answers credential.verify.
type CredentialReport struct {
	Verification string `json:"verification"`
	Detail       string `json:"detail,omitempty"` // a sentence for a person; "" when valid
	Hint         string `json:"hint,omitempty"`
}

// NoTTL is the LoginRequest.TTLSeconds of a login that lasts until logout, whatever the
// settings say.
const NoTTL = -1

// LoginRequest is the params of login. An empty Name means the active stack's container
// registry.
type LoginRequest struct {
	Name         string `json:"name,omitempty"`     // connector
	Server       string `json:"server,omitempty"`   // where the connector lives; "": this machine first
	Registry     string `json:"registry,omitempty"` // container registry: log in through its connector
	ResourceType string `json:"resource_type,omitempty"`
	ResourceID   string `json:"resource_id,omitempty"`
	TTLSeconds   int    `json:"ttl_seconds,omitempty"` // 0: as the settings say; NoTTL: until logout
	Dir          string `json:"dir,omitempty"`         // binds the login to a directory, absolute
	Path         string `json:"path,omitempty"`        // binds the login to a repository path
	Profile      string `json:"profile,omitempty"`
	NoVerify     bool   `json:"no_verify,omitempty"`

	// IdentityToken lets clients have an identity token (OAuth2 refresh token, user name
	// "<token>") instead of the password.
	IdentityToken bool `json:"identity_token,omitempty"`

	// Insecure agrees to plain http, which is for connectors on a ZenML server: see
	// RegisterConnector.
	Insecure bool `json:"insecure,omitempty"`

	// ZenML is the stack that the zenml command has chosen. It counts when nothing is
	// named and zen's own active stack has no container registry.
	ZenML *ZenMLStack `json:"zenml,omitempty"`

	// Replace lets the login take the place of one for another part of the same host:
	// clients ask for the host.
	Replace bool `json:"replace,omitempty"`
}

// ZenMLStack names a stack on a ZenML server.
type ZenMLStack struct {
	URL string `json:"url"`
	ID  string `json:"id"`
}

// LoginResult answers login.
type LoginResult struct {
	Login     Login            `json:"login"`
	Connector ServiceConnector `json:"connector"`
	TypeName  string           `json:"type_name"` // "Docker Service Connector"
	Resource  Resource         `json:"resource"`
	// who answered for the address before, if somebody else
	Replaced string `json:"replaced,omitempty"`
	// servers that have a connector of the same name, which was not meant
	Shadowed []string `json:"shadowed,omitempty"`
	// of the zenml command, if that decided what to log in to
	Stack string `json:"stack,omitempty"`

	// When one of these is set nothing was done: somebody has to choose.
	// registries that the connector gives access to: see LoginRequest.ResourceID
	Choices []string `json:"choices,omitempty"`
	// answers for the host already, with another part of it: see LoginRequest.Replace
	Taken *Login `json:"taken,omitempty"`
}

// Login says who answers for an address.
type Login struct {
	ID            string     `json:"id"`
	Address       string     `json:"address"` // canonical, ZenML's spelling
	ServerURL     string     `json:"server_url"`
	ConnectorID   string     `json:"connector_id,omitempty"` // "" for a stored credential (docker login)
	ConnectorName string     `json:"connector_name,omitempty"`
	Server        string     `json:"server,omitempty"`      // that the connector lives on; computed
	ResourceID    string     `json:"resource_id,omitempty"` // of the connector, as the login chose it
	Username      string     `json:"username,omitempty"`    // of a stored credential
	Source        string     `json:"source"`                // "connector" or "docker login"
	Dir           string     `json:"dir,omitempty"`
	Profile       string     `json:"profile,omitempty"`
	Here          bool       `json:"here,omitempty"`           // of a status: it would answer for its address
	PlainHTTP     bool       `json:"plain_http,omitempty"`     // may answer a client that says http://
	IdentityToken bool       `json:"identity_token,omitempty"` // hands out an identity token
	Created       time.Time  `json:"created"`
	Until         *time.Time `json:"until,omitempty"`         // the login ends
	TokenExpires  *time.Time `json:"token_expires,omitempty"` // the minted token in memory ends
	LastUsed      *time.Time `json:"last_used,omitempty"`     // since zend started
	Problem       string     `json:"problem,omitempty"`       // why get would fail, if it is known
}

// LoginList answers logins.
type LoginList struct {
	Items []Login `json:"items"`
}

// LogoutRequest is the params of logout: a connector, a registry address, or all.
type LogoutRequest struct {
	Name    string `json:"name,omitempty"`
	All     bool   `json:"all,omitempty"`
	Dir     string `json:"dir,omitempty"`
	Profile string `json:"profile,omitempty"`
}

// LogoutResult lists the logins that ended.
type LogoutResult struct {
	Ended []Login `json:"ended"`
}

// WhyRequest is the params of why: the key a client would send.
type WhyRequest struct {
	ServerURL string `json:"server_url"`
	Dir       string `json:"dir,omitempty"`
	Profile   string `json:"profile,omitempty"`
}

// WhyResult says who would answer for an address, or why nobody.
type WhyResult struct {
	Address string   `json:"address"`
	Login   *Login   `json:"login,omitempty"`
	Steps   []string `json:"steps"`
	Reason  string   `json:"reason,omitempty"` // a credential.Reason, "" when get would answer
	Message string   `json:"message,omitempty"`
	Hint    string   `json:"hint,omitempty"`
}
