package connector

import (
	"context"
	"time"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
)

// Kind is one type of service connector. It is safe for concurrent use. Errors are
// *credential.Error and never repeat a secret.
type Kind interface {
	// Describe returns ZenML's type model of the kind; the result is the caller's to
	// change.
	Describe() api.ConnectorType

	// Validate checks a whole specification and returns it completed: auth method,
	// resource type and resource id are set where they follow from the rest, public
	// attributes have their canonical form. It does no I/O that can block and does not
	// change the maps of its argument. Validating the result again changes nothing.
	// Secrets may share bytes with the argument's.
	Validate(spec Spec) (Spec, error)

	// Match reports whether a connector of the validated specification answers for an
	// address, and how. It is pure, and needs no secrets. Hosts are compared as a whole.
	Match(spec Spec, a address.Address) (Registry, bool)

	// Mint makes a credential for a registry that Match returned. The secret has bytes of
	// its own, which the caller wipes.
	Mint(ctx context.Context, spec Spec, reg Registry) (credential.Credential, error)

	// Resources lists what the connector gives access to, as registry addresses in
	// ZenML's spelling. Nil means that it depends on what is asked for.
	Resources(ctx context.Context, spec Spec) ([]string, error)
}

// Verifier is implemented by kinds that can ask the registry about a credential.
type Verifier interface {
	// Verify reports what the registry says. An error means that it was not asked at all,
	// or that the caller gave up.
	Verify(ctx context.Context, spec Spec, reg Registry, opt VerifyOptions) (Report, error)
}

// IdentityTokens is implemented by kinds that can have an identity token granted for what
// they mint: an OAuth2 refresh token, which some clients take instead of a password
// (credential.TokenUsername).
type IdentityTokens interface {
	// IdentityToken asks the registry for a token, and proves that it is of use. The
	// caller wipes it.
	IdentityToken(ctx context.Context, spec Spec, reg Registry) (credential.Credential, error)
}

// Limiter is implemented by the kind that can ask a registry how often it may be used.
type Limiter interface {
	// Limits asks about the holder of a credential, or about an anonymous caller if it is
	// empty. The secret stays the caller's.
	Limits(ctx context.Context, registry address.Address, cred credential.Credential) (Limits, error)
}

// Limits are how often something may be pulled from a registry.
type Limits struct {
	Limited   bool // false: there is no limit, and the rest is empty
	Limit     int  // pulls
	Remaining int
	Window    time.Duration // in this time; 0 when it is not known
	// whom the registry counts for: an IP address, or an account's id; "" when it does
	// not say
	Source string
}

// Maker is implemented by kinds whose credentials are made by somebody else.
type Maker interface {
	// MadeBy is whom Mint shows the connector's secrets, or has a credential made by.
	MadeBy(spec Spec) access.Destination
}

// Namer is implemented by kinds with secret attributes that only name whoever logs in,
// and open nothing.
type Namer interface {
	Names() []string
}

// PasswordHolder is implemented by the kind for user names and passwords as docker login
// has them.
type PasswordHolder interface {
	// ForPassword is the specification of a connector that holds them for a registry, as
	// AttrRegistry has that. Secrets are shared.
	ForPassword(registry string, username, password credential.Secret) Spec
}

// Static is implemented by kinds whose credentials may be the stored ones.
type Static interface {
	// IsStatic reports whether Mint returns what is stored: at once, without asking
	// anybody, and without expiry.
	IsStatic(spec Spec) bool
}

// Spec is a service connector as its kind sees it.
type Spec struct {
	ID           string
	Revision     int // counts the connector's changes
	Type         string
	AuthMethod   string
	ResourceType string
	ResourceID   string                       // "" when the connector gives access to several
	Config       map[string]string            // public attributes
	Secrets      map[string]credential.Secret // nil where they are not needed
	// how long minted credentials shall live; 0: the auth method's default
	ExpirationSeconds int
	Insecure          bool // a person agreed to plain http, if Config asks for it
}

// Registry is a registry that a connector answers for.
type Registry struct {
	// Address is the registry as a whole, or the part of it that a credential is good
	// for.
	Address address.Address
	// Key names what a credential depends on, beyond connector and revision: addresses
	// with the same key share one.
	Key string
}

// VerifyOptions say how far a verification goes.
type VerifyOptions struct {
	// Push is a repository, with or without the registry's host before it, on which push
	// permission is checked too. It starts an upload and cancels it. "" checks none.
	Push string
}

// Target is the registry that is asked about a credential.
type Target struct {
	Registry  address.Address // as a whole
	PlainHTTP bool            // a person said that it speaks plain http; on this machine it may anyway
}

// Report is what a registry said about a credential.
type Report struct {
	Verification string // api.VerificationValid and so on
	Detail       string // a sentence for a person, with the registry's own words; "" when valid
	Hint         string // what to type or to look at; may be empty
}
