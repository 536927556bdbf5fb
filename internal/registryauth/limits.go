package registryauth

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/credential"
)

// hubManifest is what Docker Hub answers questions about limits for; a HEAD of it is not
// counted as a pull (https://docs.docker.com/docker-hub/usage/pulls).
const hubManifest = "ratelimitpreview/test/manifests/latest"

// rates are the headers in which Docker Hub tells its limits.
type rates struct {
	limit, remaining string // "100;w=21600"
	source           string // whom it counts for: an IP address, or an account's id
}

func ratesOf(h http.Header) rates {
	return rates{h.Get("RateLimit-Limit"), h.Get("RateLimit-Remaining"), h.Get("Docker-RateLimit-Source")}
}

// Limits asks Docker Hub how many more images the holder of a credential may pull, or an
// anonymous caller if it is empty. It does not cost a pull. The secret stays the caller's
// to wipe.
func (c *Checker) Limits(
	ctx context.Context,
	to connector.Target,
	cred credential.Credential,
) (connector.Limits, error) {
	h, err := c.newHandshake(to, cred)
	if err != nil {
		return connector.Limits{}, err
	}
	defer h.guard.close()
	limited, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	limits, err := h.limits(limited)
	if err != nil {
		return connector.Limits{}, asError(h.report(err))
	}
	return limits, nil
}

func (h *handshake) limits(ctx context.Context) (none connector.Limits, err error) {
	if err := h.ping(ctx); err != nil {
		return none, err
	}
	header := ""
	if strings.EqualFold(h.challenge.Scheme, "bearer") {
		if err := h.allowRealm(); err != nil {
			return none, err
		}
		token, err := h.exchange(ctx, h.login, []string{hubScope})
		if err != nil {
			return none, err
		}
		header = "Bearer " + token
	} else if h.login != (authn.AuthConfig{}) {
		return none, h.noRegistry("it has no token service")
	}
	a, err := h.send(ctx, http.MethodHead, h.base()+hubManifest, header)
	switch {
	case err != nil:
		return none, err
	case a.refused():
		return none, h.rejected(a)
	}
	limits, ok := parseRates(a.rates)
	if !ok && a.status != http.StatusOK { // a pull that is refused for its number tells the numbers too
		return none, h.trouble(a)
	}
	return limits, nil
}

// parseRates reads the headers. Without them there is no limit, which is so for accounts
// that pay.
func parseRates(r rates) (l connector.Limits, ok bool) {
	limit, window, ok := parseRate(r.limit)
	remaining, _, known := parseRate(r.remaining)
	if !ok || !known {
		return connector.Limits{}, false
	}
	return connector.Limits{
		Limited:   true,
		Limit:     limit,
		Remaining: remaining,
		Window:    window,
		Source:    line(r.source),
	}, true
}

// parseRate reads "NUMBER;w=SECONDS", of which the window may be missing.
func parseRate(text string) (n int, window time.Duration, ok bool) {
	number, rest, _ := strings.Cut(text, ";")
	n, err := strconv.Atoi(strings.TrimSpace(number))
	for parameter := range strings.SplitSeq(rest, ";") {
		if value, is := strings.CutPrefix(strings.TrimSpace(parameter), "w="); is {
			seconds, _ := strconv.ParseInt(value, 10, 32)
			window = time.Duration(seconds) * time.Second
		}
	}
	return n, max(window, 0), err == nil && n >= 0
}
