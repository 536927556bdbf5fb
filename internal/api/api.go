// Package api holds the methods of zend's wire and the types that travel over it, for
// both ends: zend's handlers and the zen command. docker-credential-zen uses the method
// names only.
//
// It is a leaf: data, no behaviour beyond small helpers, no I/O. No type here carries a
// secret: requests that do carry one have a raw member that both ends read and write by
// hand (see SecretsMember).
package api

// Version is zen's version; builds override it with -ldflags -X.
var Version = "0.1.0-dev"

// SecretsMember is the member of a request's params (and of a reveal's result) that
// carries secrets: an object of strings. It is never decoded by encoding/json, which
// would leave copies behind; ipc reads it from the request's bytes.
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
	Name string `json:"name"`
	// registry.get, registry.disconnect, stack.get: where it lives; "": this machine
	// first
	Server string `json:"server,omitempty"`
	// registry.get, stack.get: what is found is going to be changed, so that no prefix of
	// a name will do; whatever changes something by itself never takes one
	Exact bool `json:"exact,omitempty"`
}

// Page is ZenML's pagination object.
type Page struct {
	Index      int `json:"index"` // 1-based
	MaxSize    int `json:"max_size"`
	TotalPages int `json:"total_pages"`
	Total      int `json:"total"`
}

// Query selects entities of a list. Filters hold "value" or "op:value" (equals, contains,
// startswith, endswith, gte, gt, lte, lt, oneof, notequals) by field name. Zero Page and
// Size mean 1 and 20; Size -1 means all.
type Query struct {
	Filters  map[string][]string `json:"filters,omitempty"`
	Labels   map[string]*string  `json:"labels,omitempty"` // nil value: the label is present
	Operator string              `json:"logical_operator,omitempty"`
	SortBy   string              `json:"sort_by,omitempty"` // "field", "asc:field" or "desc:field"
	Page     int                 `json:"page,omitempty"`
	Size     int                 `json:"size,omitempty"`
	// a shell waits: leave out servers that do not answer within half a second
	Quick bool `json:"quick,omitempty"`
}
