package credential

import "time"

// TokenUsername marks a Secret that is an OAuth2 refresh token rather than a password
// (docker/cli cli/config/credentials/native_store.go, "<token>").
const TokenUsername = "<token>"

// Credential is what a registry client needs for one registry.
type Credential struct {
	Username string
	Secret   Secret
	// Expires is when the secret stops working; zero means it is not known to expire.
	Expires time.Time
}

// IsIdentityToken reports whether the secret is a refresh token.
func (c Credential) IsIdentityToken() bool { return c.Username == TokenUsername }
