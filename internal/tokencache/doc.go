// Package tokencache decides how long a minted credential lives in memory: it mints on
// demand and ahead of expiry, once for all callers that ask at the same time, remembers
// failures for a while, and never hands out an expired credential.
//
// It knows neither connectors nor the vault: each caller brings a [Minter]. Secrets lie
// here in memory only, one copy per key, until they expire, are no longer used, or are
// dropped; callers get clones of their own.
package tokencache
