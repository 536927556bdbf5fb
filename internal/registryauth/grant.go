package registryauth

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safejson"
)

// clientID is how zen calls itself to token services, which show it to people who look at
// what they granted.
const clientID = "zen"

// maxGrant bounds the answer of a token service, in bytes.
const maxGrant = 1 << 16

// IdentityToken lets the registry's token service grant an identity token for a user name
// and password: an OAuth2 refresh token, which a client shows instead of the password. It
// asks as docker login does (distribution, docs/spec/auth/token.md, offline_token), and
// if that grants none by OAuth2's password grant (docs/spec/auth/oauth.md, access_type).
// Then it proves that the registry takes the token. The caller wipes the credential.
func (c *Checker) IdentityToken(
	ctx context.Context,
	to connector.Target,
	cred credential.Credential,
) (credential.Credential, error) {
	h, err := c.newHandshake(to, cred)
	if err != nil {
		return credential.Credential{}, err
	}
	defer h.guard.close()
	limited, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	token, err := h.grant(limited)
	if err != nil {
		return credential.Credential{}, asError(h.report(err))
	}
	granted := credential.Credential{Username: credential.TokenUsername, Secret: token}
	report, err := c.Verify(ctx, to, granted, connector.VerifyOptions{})
	if err == nil && report.Verification != api.VerificationValid &&
		report.Verification != api.VerificationAnonymous {
		report.Detail = "the identity token that was granted is of no use: " + report.Detail
		err = asError(report)
	}
	if err != nil {
		token.Wipe()
		return credential.Credential{}, err
	}
	return granted, nil
}

// asError is a report that something cannot be.
func asError(r connector.Report) error {
	reason := credential.Unreachable
	switch r.Verification {
	case api.VerificationRejected:
		reason = credential.Rejected
	case api.VerificationSkipped:
		reason = credential.InvalidInput
	}
	return credential.NewError(reason, r.Detail, r.Hint)
}

func (h *handshake) grant(ctx context.Context) (credential.Secret, error) {
	if err := h.ping(ctx); err != nil {
		return credential.Secret{}, err
	}
	if !strings.EqualFold(h.challenge.Scheme, "bearer") {
		return credential.Secret{}, h.noGrant("it has no token service")
	}
	if err := h.allowRealm(); err != nil {
		return credential.Secret{}, err
	}
	token, known, err := h.ask(ctx, h.offlineRequest)
	if err != nil || !token.IsEmpty() {
		return token, err
	}
	token, _, err = h.ask(ctx, h.passwordGrant)
	refusal, ok := errors.AsType[verdict](err)
	// not the password, but this way to ask
	if known && ok && refusal.Verification == api.VerificationRejected {
		err = nil
	}
	if err == nil && token.IsEmpty() {
		err = h.noGrant("its token service grants none")
	}
	return token, err
}

func (h *handshake) noGrant(why string) verdict {
	return verdict{connector.Report{
		Verification: api.VerificationSkipped,
		Detail:       h.host + " does not give identity tokens: " + why,
		Hint:         "log in without --identity-token",
	}}
}

// offlineRequest asks with Basic authentication.
func (h *handshake) offlineRequest(ctx context.Context, realm *url.URL) (*http.Request, error) {
	query := realm.Query()
	query.Set("offline_token", "true")
	query.Set("client_id", clientID)
	query.Set("account", h.login.Username)
	if service := h.challenge.Parameters["service"]; service != "" {
		query.Set("service", service)
	}
	realm.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, realm.String(), nil)
	if err == nil {
		req.SetBasicAuth(h.login.Username, h.login.Password)
	}
	return req, err
}

// passwordGrant asks by RFC 6749, section 4.3, as distribution extends it.
func (h *handshake) passwordGrant(ctx context.Context, realm *url.URL) (*http.Request, error) {
	form := url.Values{
		"grant_type": {"password"}, "access_type": {"offline"}, "client_id": {clientID},
		"username": {
			h.login.Username,
		}, "password": {h.login.Password}, "service": {h.challenge.Parameters["service"]},
	}
	req, err := http.NewRequestWithContext(
		ctx,
		http.MethodPost,
		realm.String(),
		strings.NewReader(form.Encode()),
	)
	if err == nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return req, err
}

// ask makes a request of the token service. An empty token without an error means that it
// does not grant one when it is asked like this; then known tells whether it took the
// password.
func (h *handshake) ask(
	ctx context.Context, build func(context.Context, *url.URL) (*http.Request, error),
) (token credential.Secret, known bool, err error) {
	realm, err := url.Parse(h.challenge.Parameters["realm"])
	if err != nil {
		return token, false, err
	}
	req, err := build(ctx, realm)
	if err != nil {
		return token, false, err
	}
	resp, err := h.guard.RoundTrip(req)
	if err != nil {
		return token, false, h.exchangeFailed(&url.Error{Op: req.Method, URL: origin(realm), Err: err})
	}
	defer resp.Body.Close()
	switch a := h.guard.lastAnswer(); {
	case a.refused():
		return token, false, h.rejected(a)
	case a.status == http.StatusTooManyRequests || a.status >= 500:
		return token, false, h.trouble(a)
	case a.status != http.StatusOK:
		return token, false, nil
	}
	token, err = refreshToken(resp.Body)
	return token, true, err
}

// refreshToken takes the token out of an answer, without leaving other copies of it.
func refreshToken(body io.Reader) (none credential.Secret, err error) {
	answer := make([]byte, maxGrant)
	defer clear(answer)
	n, err := io.ReadFull(body, answer)
	switch {
	case err == nil:
		return none, errTooLarge
	case !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return none, err
	}
	texts, err := safejson.Texts(answer[:n], "refresh_token")
	if err != nil || texts[0] == nil {
		return none, nil
	}
	strange := func(r rune) bool { return r < 0x20 || r > 0x7e } // RFC 6749, appendix A.17
	if bytes.ContainsFunc(texts[0], strange) {
		safejson.Wipe(texts...)
		return none, nil
	}
	return credential.NewSecret(texts[0]), nil
}
