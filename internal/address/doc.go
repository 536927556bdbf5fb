// Package address turns every spelling of a registry that clients use into one canonical [Address], or an error.
//
// It is pure (no I/O, no DNS) and links neither net/url, regexp nor fmt: docker-credential-zen depends on it.
package address
