// Package address turns every spelling of a registry that clients use into one canonical
// [Address], or an error.
//
// It is pure (no I/O, no DNS) and must not link net, net/netip, net/url, regexp, fmt or
// encoding/json: docker-credential-zen depends on it. Hosts and paths are compared by
// whole labels and segments, never by prefix, suffix or pattern on the raw text: several
// helpers that did otherwise handed tokens to hosts such as evil.azurecr.io.attacker.com
// (GO-2026-6225).
package address
