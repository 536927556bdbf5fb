package zenml

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/zen-agent/zen/internal/credential"
)

// User names by which short-lived credentials are known, whatever the connector that
// minted them says of their end.
const (
	userECR = "AWS"                                  // of every ECR authorization token
	userGAR = "oauth2accesstoken"                    // of Google's access tokens
	userACR = "00000000-0000-0000-0000-000000000000" // of every ACR token
)

// How long credentials count that come without an end.
const (
	lifeECR = time.Hour        // ECR's tokens live 12 hours
	lifeGAR = 15 * time.Minute // Google's live one hour at most, and the server may have had one for a while
	lifeACR = 15 * time.Minute // ACR's access tokens live one hour or more
	// lifeStatic is for passwords: whoever changes one on the server expects that it is
	// used soon.
	lifeStatic = time.Hour
)

// isToken reports whether a credential ends by itself, as what clouds make does.
func isToken(cred credential.Credential) bool {
	switch cred.Username {
	case userECR, userGAR, userACR:
		return true
	}
	return false
}

// expiry is when a credential is to be replaced. The server's expires_at counts, less its
// tolerance; without one, the end that is written in the token, or a life that fits the
// user name. A password is good for lifeStatic at most: expires_at is the end of its
// connector then, which may be changed or deleted long before.
func expiry(cred credential.Credential, expiresAt time.Time, skew *int, asked time.Time) time.Time {
	asked = asked.Round(0)
	if !expiresAt.IsZero() {
		end := expiresAt
		if skew != nil && *skew > 0 {
			life := max(expiresAt.Sub(asked), 0)
			end = expiresAt.Add(-min(time.Duration(min(*skew, 1<<30))*time.Second, life/2))
		}
		if limit := asked.Add(lifeStatic); !isToken(cred) && end.After(limit) {
			return limit
		}
		return end
	}
	life, written := lifeStatic, time.Time{}
	switch cred.Username {
	case userECR:
		life, written = lifeECR, writtenEnd(cred.Secret, 0)
	case userGAR:
		life = lifeGAR
	case userACR:
		life, written = lifeACR, writtenEnd(cred.Secret, 1)
	}
	if written.After(asked) {
		return written
	}
	return asked.Add(life)
}

// writtenEnd reads the end that a token carries: an ECR password is base64 of JSON with
// "expiration", an ACR password is a JWT with "exp", both in seconds since 1970. The zero
// time when there is none.
func writtenEnd(token credential.Secret, part int) time.Time {
	parts := strings.Split(string(token.Reveal()), ".")
	if part >= len(parts) {
		return time.Time{}
	}
	encoded := strings.NewReplacer("+", "-", "/", "_", "=", "").Replace(parts[part])
	content, err := base64.RawURLEncoding.DecodeString(encoded)
	defer clear(content)
	var claims struct {
		Expiration float64 `json:"expiration"`
		Exp        float64 `json:"exp"`
	}
	if err != nil || json.Unmarshal(content, &claims) != nil {
		return time.Time{}
	}
	seconds := max(claims.Expiration, claims.Exp)
	if seconds <= 0 || seconds > 1e11 {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0).UTC()
}
