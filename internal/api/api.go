// Package api holds the methods of zend's wire and the types that travel over it, for both ends: zend's handlers and
// the zen command. docker-credential-zen uses the method names only.
//
// It is a leaf: data, no behaviour beyond small helpers, no I/O. No type here carries a secret: requests that do carry
// one have a raw member that both ends read and write by hand (see SecretsMember).
package api

import "time"

// Version is zen's version; builds override it with -ldflags -X.
var Version = "0.1.0-dev"

// Method names. Those of the first group are all that docker-credential-zen can call.
const (
	MethodGet   = "get"
	MethodStore = "store"
	MethodErase = "erase"
	MethodList  = "list"

	MethodStatus = "status"
	MethodLogin  = "login"
	MethodLogout = "logout"
	MethodLogins = "logins"
	MethodWhy    = "why"
	MethodLimits = "limits" // asks Docker Hub how many pulls are left

	MethodCredentialVerify = "credential.verify" // params as store's; asks the registry and keeps nothing

	MethodDaemonStop    = "daemon.stop"    // drain and exit
	MethodDaemonRestart = "daemon.restart" // drain and execute the installed zend in place

	MethodVaultStatus     = "vault.status"
	MethodVaultLock       = "vault.lock"
	MethodVaultUnlock     = "vault.unlock"     // secrets: passphrase (optional)
	MethodVaultPassphrase = "vault.passphrase" // secrets: passphrase ("" with Remove)
	MethodVaultRotate     = "vault.rotate"
	MethodVaultRestore    = "vault.restore"

	MethodConnectorTypes     = "connector.types"
	MethodConnectorRegister  = "connector.register" // secrets: the configuration, whole
	MethodConnectorList      = "connector.list"
	MethodConnectorGet       = "connector.get"
	MethodConnectorReveal    = "connector.reveal" // audited; answers the configuration with its secrets
	MethodConnectorUpdate    = "connector.update" // secrets: the changed configuration
	MethodConnectorDelete    = "connector.delete"
	MethodConnectorVerify    = "connector.verify"
	MethodConnectorResources = "connector.resources"

	MethodRegistryFlavors    = "registry.flavors"
	MethodRegistryRegister   = "registry.register"
	MethodRegistryList       = "registry.list"
	MethodRegistryGet        = "registry.get"
	MethodRegistryUpdate     = "registry.update"
	MethodRegistryDelete     = "registry.delete"
	MethodRegistryCopy       = "registry.copy"
	MethodRegistryConnect    = "registry.connect"
	MethodRegistryDisconnect = "registry.disconnect"

	MethodStackRegister = "stack.register"
	MethodStackList     = "stack.list"
	MethodStackGet      = "stack.get"
	MethodStackUpdate   = "stack.update"
	MethodStackDelete   = "stack.delete"
	MethodStackCopy     = "stack.copy"
	MethodStackSet      = "stack.set"
	MethodStackExport   = "stack.export"
	MethodStackImport   = "stack.import"

	MethodServerConnect    = "server.connect" // secrets: key
	MethodServerDevice     = "server.device"  // begins a login in a browser
	MethodServerList       = "server.list"
	MethodServerGet        = "server.get"
	MethodServerUse        = "server.use"
	MethodServerDisconnect = "server.disconnect"

	MethodAudit = "audit"

	MethodApprovalList   = "approval.list"   // requests that wait for a person's yes
	MethodApprovalAnswer = "approval.answer" // yes or no
)

// SecretsMember is the member of a request's params (and of a reveal's result) that carries secrets: an object of
// strings. It is never decoded by encoding/json, which would leave copies behind; ipc reads it from the request's bytes.
const SecretsMember = "secrets"

// SecretPassphrase is the name of a passphrase inside SecretsMember.
const (
	SecretPassphrase = "passphrase"
	SecretKey        = "key" // API key or password of a server
)

// Empty is the params or result of a method that has none.
type Empty struct{}

// Ref names an entity by name, id or prefix of either.
type Ref struct {
	Name   string `json:"name"`
	Server string `json:"server,omitempty"` // registry.get, registry.disconnect, stack.get: where it lives; "": this machine first
}

// Page is ZenML's pagination object.
type Page struct {
	Index      int `json:"index"` // 1-based
	MaxSize    int `json:"max_size"`
	TotalPages int `json:"total_pages"`
	Total      int `json:"total"`
}

// Query selects entities of a list. Filters hold "value" or "op:value" (equals, contains, startswith, endswith, gte, gt,
// lte, lt, oneof, notequals) by field name. Zero Page and Size mean 1 and 20; Size -1 means all.
type Query struct {
	Filters  map[string][]string `json:"filters,omitempty"`
	Labels   map[string]*string  `json:"labels,omitempty"` // nil value: the label is present
	Operator string              `json:"logical_operator,omitempty"`
	SortBy   string              `json:"sort_by,omitempty"` // "field", "asc:field" or "desc:field"
	Page     int                 `json:"page,omitempty"`
	Size     int                 `json:"size,omitempty"`
	Quick    bool                `json:"quick,omitempty"` // a shell waits: leave out servers that do not answer within half a second
}

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
	Revision             int               `json:"revision"`               // counts changes; minted tokens of an older revision are dropped
	Active               bool              `json:"active"`                 // used by the active stack; computed
	Expired              bool              `json:"expired"`                // computed
	Verification         string            `json:"verification,omitempty"` // result of the last check: see Verification
	Server               string            `json:"server,omitempty"`       // the ZenML server it lives on; "" is this machine
}

// What a check against the registry can find out.
const (
	VerificationValid       = "valid"
	VerificationRejected    = "rejected"
	VerificationAnonymous   = "unverified" // accepted, but anonymous would do as well
	VerificationUnreachable = "unreachable"
	VerificationSkipped     = "skipped"
)

// CredentialReport answers credential.verify.
type CredentialReport struct {
	Verification string `json:"verification"`
	Detail       string `json:"detail,omitempty"` // a sentence for a person; "" when valid
	Hint         string `json:"hint,omitempty"`
}

// Resource says what a connector gives access to, or why not.
type Resource struct {
	ConnectorID   string   `json:"connector_id"`
	ConnectorName string   `json:"connector_name"`
	ConnectorType string   `json:"connector_type"`
	ResourceType  string   `json:"resource_type"`
	ResourceIDs   []string `json:"resource_names"`
	Verification  string   `json:"verification,omitempty"`
	Error         string   `json:"error,omitempty"` // set when the resource cannot be used, or was not verified: why
}

// RegisterConnector is the params of connector.register; the configuration travels in SecretsMember.
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
	Server               string            `json:"server,omitempty"`  // register it there; "": on this machine
}

// UpdateConnector is the params of connector.update. Nil leaves a field alone. Changed configuration attributes travel in
// SecretsMember.
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
	Remove               []string           `json:"remove,omitempty"` // attributes, or resource_id, expires_at, ...; - counts as _
	NoVerify             bool               `json:"no_verify,omitempty"`
	DryRun               bool               `json:"dry_run,omitempty"`
	Server               string             `json:"server,omitempty"` // the connector of this server; "": of this machine
}

// ConnectorResult answers register, update, get and verify.
type ConnectorResult struct {
	Connector ServiceConnector `json:"connector"`
	Resources []Resource       `json:"resources,omitempty"`
	Warnings  []string         `json:"warnings,omitempty"`     // attributes that were ignored, for example
	Ended     int              `json:"ended_logins,omitempty"` // delete: logins that ended with it
	Shadowed  []string         `json:"shadowed,omitempty"`     // servers that have a connector of the same name, which was not meant
}

// ConnectorList answers connector.list.
type ConnectorList struct {
	Items    []ServiceConnector `json:"items"`
	Page     Page               `json:"pagination"`
	Warnings []string           `json:"warnings,omitempty"` // servers that did not answer
}

// DeleteConnector is the params of connector.delete: refused while a registry uses it or, without Force, a login does.
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

// NoTTL is the LoginRequest.TTLSeconds of a login that lasts until logout, whatever the settings say.
const NoTTL = -1

// LoginRequest is the params of login. An empty Name means the active stack's container registry.
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

	// IdentityToken lets clients have an identity token (OAuth2 refresh token, user name "<token>") instead of the password.
	IdentityToken bool `json:"identity_token,omitempty"`

	// ZenML is the stack that the zenml command has chosen. It counts when nothing is named and zen's own active stack has no
	// container registry.
	ZenML *ZenMLStack `json:"zenml,omitempty"`

	// Replace lets the login take the place of one for another part of the same host: clients ask for the host.
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
	Replaced  string           `json:"replaced,omitempty"` // who answered for the address before, if somebody else
	Shadowed  []string         `json:"shadowed,omitempty"` // servers that have a connector of the same name, which was not meant
	Stack     string           `json:"stack,omitempty"`    // of the zenml command, if that decided what to log in to

	// When one of these is set nothing was done: somebody has to choose.
	Choices []string `json:"choices,omitempty"` // registries that the connector gives access to: see LoginRequest.ResourceID
	Taken   *Login   `json:"taken,omitempty"`   // answers for the host already, with another part of it: see LoginRequest.Replace
}

// Login says who answers for an address.
type Login struct {
	ID            string     `json:"id"`
	Address       string     `json:"address"` // canonical, ZenML's spelling
	ServerURL     string     `json:"server_url"`
	ConnectorID   string     `json:"connector_id,omitempty"` // "" for a stored credential (docker login)
	ConnectorName string     `json:"connector_name,omitempty"`
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

// StatusRequest is the params of status: from where clients would ask. Nothing stands for no directory and no profile.
type StatusRequest struct {
	Dir     string `json:"dir,omitempty"`
	Profile string `json:"profile,omitempty"`
}

// Status answers status.
type Status struct {
	Version  string      `json:"version"`
	PID      int         `json:"pid"`
	Started  time.Time   `json:"started"`
	Socket   string      `json:"socket"`
	LogFile  string      `json:"log_file,omitempty"`
	Activity string      `json:"activation"`        // "on demand", "socket activation" or "foreground"
	IdleExit int         `json:"idle_exit_seconds"` // 0: never
	Guard    string      `json:"guard"`             // "off", "report", "repair" or "import"
	Vault    VaultStatus `json:"vault"`
	AutoLock *time.Time  `json:"auto_lock_at,omitempty"` // when the vault locks itself unless it is used before
	Logins   []Login     `json:"logins"`
	Counts   Counts      `json:"counts"`
	Limits   []PullLimit `json:"pull_limits,omitempty"` // only where they were asked for: from the method limits
	Notices  []Notice    `json:"notices,omitempty"`     // things the user should know, such as a plaintext login seen by the guard
}

// LimitList answers limits.
type LimitList struct {
	Items []PullLimit `json:"items"`
}

// PullLimit is how many more images may be pulled from a registry, by those for whom one login answers.
type PullLimit struct {
	Address       string `json:"address"`
	AnsweredBy    string `json:"answered_by"` // the login's connector or source; "nobody" for anonymous pulls
	Username      string `json:"username,omitempty"`
	Limited       bool   `json:"limited"`
	Limit         int    `json:"limit,omitempty"`
	Remaining     int    `json:"remaining"`
	WindowSeconds int    `json:"window_seconds,omitempty"`
	Source        string `json:"source,omitempty"` // whom the registry counts for: an IP address, or an account's id
	Error         string `json:"error,omitempty"`  // why it is not known
	Hint          string `json:"hint,omitempty"`
}

// Counts are the numbers of entities.
type Counts struct {
	Connectors int `json:"service_connectors"`
	Registries int `json:"container_registries"`
	Stacks     int `json:"stacks"`
}

// Notice is something a person should know, and what to type.
type Notice struct {
	Time   time.Time `json:"time"`
	Text   string    `json:"text"`
	Hint   string    `json:"hint,omitempty"`
	Done   bool      `json:"done,omitempty"`   // zend did it by itself; nothing is wrong
	Urgent bool      `json:"urgent,omitempty"` // to be told before anything else: the rules are not those in config.toml
}

// VaultStatus answers vault.status.
type VaultStatus struct {
	File       string      `json:"file"`
	State      string      `json:"state"` // "absent", "unlocked", "locked", "key lost", "damaged", "too new"
	Problem    string      `json:"problem,omitempty"`
	Hint       string      `json:"hint,omitempty"`
	ID         string      `json:"id,omitempty"`
	Format     int         `json:"format,omitempty"`
	Generation uint64      `json:"generation,omitempty"`
	Records    int         `json:"records"`
	Slots      []VaultSlot `json:"slots,omitempty"`
}

// VaultSlot is one way to open the vault.
type VaultSlot struct {
	ID      string    `json:"id"`
	Kind    string    `json:"kind"`   // "os-keyring", "session", "memory", "passphrase"
	Detail  string    `json:"detail"` // for a person: what keeps the key and what that protects from
	Created time.Time `json:"created"`
}

// PassphraseRequest is the params of vault.passphrase.
type PassphraseRequest struct {
	Remove bool `json:"remove,omitempty"`
}

// ConnectorTypesQuery is the params of connector.types.
type ConnectorTypesQuery struct {
	Type         string `json:"type,omitempty"`
	ResourceType string `json:"resource_type,omitempty"`
	AuthMethod   string `json:"auth_method,omitempty"`
	Server       string `json:"server,omitempty"` // the types that this server has; "": those of this machine
}

// ConnectorTypes answers connector.types.
type ConnectorTypes struct {
	Items []ConnectorType `json:"items"`
}

// ConnectorType describes a kind of connector as data (ZenML's type model).
type ConnectorType struct {
	Name                      string         `json:"name"` // "Docker Service Connector"
	Type                      string         `json:"connector_type"`
	Description               string         `json:"description"`
	AuthMethods               []AuthMethod   `json:"auth_methods"`
	ResourceTypes             []ResourceType `json:"resource_types"`
	SupportsAutoConfiguration bool           `json:"supports_auto_configuration"`
	Local                     bool           `json:"local"`
	Remote                    bool           `json:"remote"`
	Emoji                     string         `json:"emoji,omitempty"`
}

// AuthMethod is one way a connector type authenticates.
type AuthMethod struct {
	Method                   string      `json:"auth_method"`
	Name                     string      `json:"name"`
	Description              string      `json:"description"`
	Attributes               []Attribute `json:"attributes"`
	MinExpirationSeconds     int         `json:"min_expiration_seconds,omitempty"`
	MaxExpirationSeconds     int         `json:"max_expiration_seconds,omitempty"`
	DefaultExpirationSeconds int         `json:"default_expiration_seconds,omitempty"`
}

// Attribute is one field of an auth method's configuration.
type Attribute struct {
	Name        string `json:"name"`
	Title       string `json:"title"`
	Type        string `json:"type"` // "string", "boolean", "integer", "array"
	Description string `json:"description,omitempty"`
	Required    bool   `json:"required"`
	Secret      bool   `json:"secret"`
	Default     string `json:"default,omitempty"`
}

// ResourceType is a kind of resource a connector type gives access to.
type ResourceType struct {
	Type              string   `json:"resource_type"`
	Name              string   `json:"name"` // "Docker/OCI container registry"
	Description       string   `json:"description"`
	AuthMethods       []string `json:"auth_methods"`
	SupportsInstances bool     `json:"supports_instances"`
	Emoji             string   `json:"emoji,omitempty"`
}

// ContainerRegistry is a container registry stack component.
type ContainerRegistry struct {
	ID                  string            `json:"id"`
	Name                string            `json:"name"`
	Flavor              string            `json:"flavor"`
	Configuration       map[string]string `json:"configuration"` // uri, default_repository, ...
	ConnectorID         string            `json:"connector_id,omitempty"`
	ConnectorName       string            `json:"connector_name,omitempty"` // computed
	ConnectorType       string            `json:"connector_type,omitempty"` // computed
	ConnectorResourceID string            `json:"connector_resource_id,omitempty"`
	Labels              map[string]string `json:"labels,omitempty"`
	Owner               string            `json:"owner"`
	Created             time.Time         `json:"created"`
	Updated             time.Time         `json:"updated"`
	Active              bool              `json:"active"` // computed
	Server              string            `json:"server,omitempty"`
}

// URI is the registry's uri attribute.
func (r ContainerRegistry) URI() string { return r.Configuration["uri"] }

// RegisterRegistry is the params of registry.register. Connector, if set, is connected in the same change.
type RegisterRegistry struct {
	Name          string            `json:"name"`
	Flavor        string            `json:"flavor,omitempty"` // "": inferred from the uri
	Configuration map[string]string `json:"configuration"`
	Labels        map[string]string `json:"labels,omitempty"`
	Connector     string            `json:"connector,omitempty"`
	ResourceID    string            `json:"resource_id,omitempty"`
	NoVerify      bool              `json:"no_verify,omitempty"`
}

// UpdateRegistry is the params of registry.update; an empty Ref means the active stack's.
type UpdateRegistry struct {
	Ref           string             `json:"ref,omitempty"`
	Name          *string            `json:"name,omitempty"`
	Configuration map[string]*string `json:"configuration,omitempty"` // nil value: remove the attribute
	Labels        map[string]*string `json:"labels,omitempty"`
}

// CopyRef is the params of registry.copy and stack.copy.
type CopyRef struct {
	Ref  string `json:"ref"`
	Name string `json:"name"`
}

// ConnectRegistry is the params of registry.connect.
type ConnectRegistry struct {
	Server     string `json:"server,omitempty"` // both are on this server; "": the registry is of this machine
	Ref        string `json:"ref,omitempty"`
	Connector  string `json:"connector"`
	ResourceID string `json:"resource_id,omitempty"`
	NoVerify   bool   `json:"no_verify,omitempty"`
}

// RegistryResult answers the registry methods.
type RegistryResult struct {
	Registry  ContainerRegistry `json:"registry"`
	Resources []Resource        `json:"resources,omitempty"`
	Connector *ServiceConnector `json:"connector,omitempty"`
	Warning   string            `json:"warning,omitempty"`
}

// RegistryList answers registry.list.
type RegistryList struct {
	Items    []ContainerRegistry `json:"items"`
	Page     Page                `json:"pagination"`
	Warnings []string            `json:"warnings,omitempty"` // servers that did not answer
}

// Flavors answers registry.flavors.
type Flavors struct {
	Items []Flavor `json:"items"`
}

// Flavor is a kind of container registry.
type Flavor struct {
	Name          string      `json:"name"`
	Integration   string      `json:"integration"`
	Description   string      `json:"description"`
	ConnectorType string      `json:"connector_type,omitempty"` // "": any
	ResourceType  string      `json:"connector_resource_type"`
	Attributes    []Attribute `json:"attributes"`
	URIHelp       string      `json:"uri_help"`
}

// Component is a stack component as kept by zen: full for container registries, as given for all others.
type Component struct {
	ID            string         `json:"id,omitempty"` // of a container registry
	Name          string         `json:"name"`
	Flavor        string         `json:"flavor,omitempty"`
	Configuration map[string]any `json:"configuration,omitempty"`
	Further       []Component    `json:"further,omitempty"` // more of the same type, where a stack may have several; this one is the default
}

// Stack is a named set of components by type ("container_registry", "orchestrator", ...).
type Stack struct {
	ID          string               `json:"id"`
	Name        string               `json:"name"`
	Description string               `json:"description,omitempty"`
	Components  map[string]Component `json:"components"`
	Labels      map[string]string    `json:"labels,omitempty"`
	Owner       string               `json:"owner"`
	Created     time.Time            `json:"created"`
	Updated     time.Time            `json:"updated"`
	Active      bool                 `json:"active"`
	Server      string               `json:"server,omitempty"`
}

// RegisterStack is the params of stack.register.
type RegisterStack struct {
	Name        string              `json:"name"`
	Description string              `json:"description,omitempty"`
	Components  map[string]string   `json:"components"`        // type -> name
	Further     map[string][]string `json:"further,omitempty"` // type -> names after the first, which is in Components
	Labels      map[string]string   `json:"labels,omitempty"`
	Set         bool                `json:"set,omitempty"`
}

// UpdateStack is the params of stack.update; an empty Ref means the active stack.
type UpdateStack struct {
	Ref         string              `json:"ref,omitempty"`
	Name        *string             `json:"name,omitempty"`
	Description *string             `json:"description,omitempty"`
	Components  map[string]*string  `json:"components,omitempty"` // nil value: remove the component
	Further     map[string][]string `json:"further,omitempty"`    // type -> names after the first, which is in Components
	Labels      map[string]*string  `json:"labels,omitempty"`
}

// DeleteStack is the params of stack.delete.
type DeleteStack struct {
	Ref       string `json:"ref"`
	Recursive bool   `json:"recursive,omitempty"` // its container registry too, unless another stack uses it
}

// StackResult answers the stack methods.
type StackResult struct {
	Stack Stack `json:"stack"`
}

// StackList answers stack.list.
type StackList struct {
	Items    []Stack  `json:"items"`
	Page     Page     `json:"pagination"`
	Warnings []string `json:"warnings,omitempty"` // servers that did not answer
}

// StackFile is ZenML's export format of a stack.
type StackFile struct {
	ZenMLVersion string                    `json:"zenml_version" yaml:"zenml_version"`
	StackName    string                    `json:"stack_name" yaml:"stack_name"`
	Components   map[string]FileComponents `json:"components" yaml:"components"`
}

// FileComponents are the components of one type in a StackFile, the default first.
type FileComponents []FileComponent

// UnmarshalYAML reads a list, and also the single component that older ZenML wrote.
func (c *FileComponents) UnmarshalYAML(unmarshal func(any) error) error {
	var one FileComponent
	if unmarshal(&one) == nil {
		*c = FileComponents{one}
		return nil
	}
	return unmarshal((*[]FileComponent)(c))
}

// FileComponent is one component of a StackFile.
type FileComponent struct {
	Name          string         `json:"name" yaml:"name"`
	Type          string         `json:"type,omitempty" yaml:"type,omitempty"`
	Flavor        string         `json:"flavor" yaml:"flavor"`
	Configuration map[string]any `json:"configuration" yaml:"configuration"`
	Labels        map[string]any `json:"labels,omitempty" yaml:"labels,omitempty"`
}

// ImportStack is the params of stack.import.
type ImportStack struct {
	Name string    `json:"name,omitempty"` // "": the file's
	File StackFile `json:"file"`
}

// Server is a ZenML server that zen is connected to, without its secret.
type Server struct {
	ID       string     `json:"id"`
	Name     string     `json:"name"`
	URL      string     `json:"url"`
	Auth     string     `json:"auth"`               // see ServerAuth
	Username string     `json:"username,omitempty"` // of ServerAuthPassword
	User     string     `json:"user,omitempty"`     // who the server says we are
	CACert   string     `json:"ca_cert,omitempty"`  // PEM
	Insecure bool       `json:"insecure,omitempty"` // without TLS, or without authentication, and not on this machine
	ServerID string     `json:"server_id,omitempty"`
	Version  string     `json:"version,omitempty"` // ZenML's, when it was connected
	Until    *time.Time `json:"until,omitempty"`   // when a login in a browser ends
	Active   bool       `json:"active"`            // names that several servers have are its
	Owner    string     `json:"owner"`
	Created  time.Time  `json:"created"`
	Updated  time.Time  `json:"updated"`
	Logins   int        `json:"logins"`            // through its connectors; computed
	Problem  string     `json:"problem,omitempty"` // why it cannot be used now; computed by server.get
}

// Ways to say to a server who we are.
const (
	ServerAuthAPIKey   = "api-key"
	ServerAuthPassword = "password"
	ServerAuthDevice   = "device"
	ServerAuthNone     = "none"
)

// ConnectServer is the params of server.connect and, without Auth, Username and Device, of server.device.
type ConnectServer struct {
	URL      string `json:"url,omitempty"`
	Name     string `json:"name,omitempty"` // "": the URL's host
	Auth     string `json:"auth,omitempty"`
	Username string `json:"username,omitempty"`
	CACert   string `json:"ca_cert,omitempty"` // PEM
	Insecure bool   `json:"insecure,omitempty"`
	Device   string `json:"device,omitempty"` // what server.device answered; all else but Name is known from it

	Until *time.Time `json:"until,omitempty"` // with ServerAuthDevice and an access token as the key: when that ends
}

// ServerDevice answers server.device.
type ServerDevice struct {
	Device   string    `json:"device,omitempty"` // names it for server.connect; "": the server lets everybody in, connect with ServerAuthNone
	URL      string    `json:"url,omitempty"`    // to open in a browser
	UserCode string    `json:"user_code,omitempty"`
	Until    time.Time `json:"until,omitzero"`
}

// ServerResult answers server.connect, get, use and disconnect.
type ServerResult struct {
	Server     Server `json:"server"`
	Pending    bool   `json:"pending,omitempty"`      // connect: nobody allowed the device yet; ask again
	Connectors *int   `json:"connectors,omitempty"`   // get: how many it has for registries
	Ended      int    `json:"ended_logins,omitempty"` // disconnect: logins that ended with it
}

// ServerList answers server.list.
type ServerList struct {
	Items []Server `json:"items"`
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

// Approval is a request that waits until a person allows it. The programs' names are theirs to choose.
type Approval struct {
	ID          string    `json:"id"` // four characters, for a person to type
	Asked       time.Time `json:"asked"`
	Action      string    `json:"action"` // "get" or "reveal"
	Address     string    `json:"address,omitempty"`
	Connector   string    `json:"connector,omitempty"`
	Asker       string    `json:"asker,omitempty"`    // executable of the client that docker-credential-zen asks for
	Programs    []string  `json:"programs,omitempty"` // executables of whoever asks and its ancestors, nearest first
	PID         int       `json:"pid,omitempty"`
	Dir         string    `json:"dir,omitempty"`
	KeepSeconds int       `json:"keep_seconds,omitempty"` // for how long a yes counts; 0: once
	Waiting     int       `json:"waiting"`                // requests that wait now; 0: the answer is for the next one
}

// ApprovalList answers approval.list and, with what was answered, approval.answer.
type ApprovalList struct {
	Items []Approval `json:"items"`
}

// AnswerApproval is the params of approval.answer.
type AnswerApproval struct {
	ID   string `json:"id,omitempty"`
	All  bool   `json:"all,omitempty"` // instead of ID: every request
	Deny bool   `json:"deny,omitempty"`
}

// AuditQuery is the params of audit.
type AuditQuery struct {
	Since time.Time `json:"since,omitzero"`
	Host  string    `json:"host,omitempty"`
	Limit int       `json:"limit,omitempty"`
}

// AuditList answers audit.
type AuditList struct {
	Items []AuditEntry `json:"items"`
}

// AuditEntry is one line of the audit log. It never holds a secret.
type AuditEntry struct {
	Time      time.Time `json:"time"`
	Action    string    `json:"action"` // get, store, erase, list, login, logout, reveal, lock, ...
	Address   string    `json:"address,omitempty"`
	Connector string    `json:"connector,omitempty"`
	Result    string    `json:"result"` // "ok" or a credential.Reason
	Detail    string    `json:"detail,omitempty"`
	PID       int       `json:"pid,omitempty"`
	Exe       string    `json:"exe,omitempty"`
	Parents   []string  `json:"parents,omitempty"` // nearest first
	Dir       string    `json:"dir,omitempty"`
}
