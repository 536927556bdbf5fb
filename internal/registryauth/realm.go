package registryauth

import (
	"net/netip"
	"net/url"
	"strings"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/connector"
)

// allowRealm lets credentials go to the token service that the challenge names, if it is
// fit for them: the registry chooses it, and a registry that lies must not get more than
// it could take by itself (CVE-2020-15157, CVE-2026-48978).
func (h *handshake) allowRealm() error {
	given := h.challenge.Parameters["realm"]
	u, err := url.Parse(given)
	if err != nil || u.User != nil || u.Opaque != "" {
		return h.noRegistry("it names no token service that could be asked")
	}
	// refuses what resolvers take for an address in a form of its own
	if _, err := address.Parse(u.Host); err != nil {
		return h.noRegistry("it names no token service that could be asked")
	}
	if why := h.unfitRealm(u); why != "" {
		return verdict{connector.Report{
			Verification: api.VerificationUnreachable,
			Detail: h.host + " wants the credentials sent to " + line(
				origin(u),
			) + ", " + why + ": they were not sent",
			Hint: "if that is meant to be so, ask whoever runs the registry to name the token " +
				"service by its public https address",
		}}
	}
	h.guard.allowRealm(origin(u))
	return nil
}

// unfitRealm says why credentials do not go to a token service, "" if they may.
func (h *handshake) unfitRealm(u *url.URL) string {
	registry := h.registry.RegistryStr()
	switch u.Scheme {
	case "https":
	case "http":
		// Whoever accepted plain http did so for the registry's own host, and on this machine for
		// this machine.
		here := isLoopback(registry) && isLoopback(u.Host)
		if !here && (h.guard.https || !sameHost(u.Host, registry)) {
			return "over plain http"
		}
	default:
		return "over " + u.Scheme
	}
	if origin(u) == origin(&url.URL{Scheme: u.Scheme, Host: registry}) {
		return ""
	}
	name := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if (name == "localhost" || strings.HasSuffix(name, ".localhost")) && !isLoopback(registry) {
		return "which is this machine"
	}
	// go-containerregistry refuses these too, and knows them in more spellings.
	if ip, err := netip.ParseAddr(name); err == nil && isInternal(ip) {
		return "a private address"
	}
	return ""
}

// sameHost reports whether two hosts are the same but for their ports.
func sameHost(a, b string) bool {
	name := func(host string) string {
		u := url.URL{Host: host}
		return strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	}
	return name(a) == name(b)
}
