package registryauth

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/credential"
)

// hubScope is asked of Docker Hub's token service. The repository is there for such
// questions; a token for it is free of charge
// (https://docs.docker.com/docker-hub/usage/pulls, "ratelimitpreview/test").
const hubScope = "repository:ratelimitpreview/test:pull"

// verdict ends a verification; it travels as an error through the steps.
type verdict struct{ connector.Report }

func (v verdict) Error() string { return v.Verification + ": " + v.Detail }

// handshake is one verification under way.
type handshake struct {
	own       address.Address
	host      string // as a person reads it
	registry  name.Registry
	login     authn.AuthConfig
	guard     *guard
	challenge *transport.Challenge
}

// Checker asks registries. Use New. It is safe for concurrent use and keeps nothing
// between calls.
type Checker struct {
	timeout  time.Duration // of a whole verification
	connect  time.Duration // until a connection stands, and again until TLS does
	dial     dialFunc
	certDirs []string // where docker and podman look for a registry's certificate authority
	proxies  proxyFunc
}

// New returns a Checker that takes ten seconds at most.
func New() *Checker {
	const connect = 4 * time.Second
	return &Checker{
		timeout:  10 * time.Second,
		connect:  connect,
		dial:     (&net.Dialer{Timeout: connect}).DialContext,
		certDirs: []string{"/etc/docker/certs.d", "/etc/containers/certs.d"},
		proxies:  fromEnvironment,
	}
}

// Through returns a Checker that opens its connections with dial and uses no proxy.
func Through(dial func(ctx context.Context, network, addr string) (net.Conn, error)) *Checker {
	c := New()
	c.dial, c.proxies = dial, nil
	return c
}

// Verify shows the credential to the registry, asks the same anonymously as a control,
// and reports what the difference proves. A wrong password is never tried on purpose:
// some registries lock the account. The secret stays the caller's to wipe;
// go-containerregistry makes a string of it, which cannot be wiped. The only errors are
// that the target or the options make no sense, and that the caller gave up.
func (c *Checker) Verify(
	ctx context.Context, to connector.Target, cred credential.Credential, opt connector.VerifyOptions,
) (connector.Report, error) {
	repository, err := pushRepository(to.Registry, opt.Push)
	if err != nil {
		return connector.Report{}, err
	}
	h, err := c.newHandshake(to, cred)
	if err != nil {
		return connector.Report{}, err
	}
	defer h.guard.close()
	limited, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	report := h.report(h.run(limited, repository))
	if errors.Is(ctx.Err(), context.Canceled) {
		return connector.Report{}, &credential.Error{
			Reason: credential.Timeout, Message: "asking " + h.host + " was given up", Cause: ctx.Err(),
		}
	}
	return report, nil
}

// newHandshake prepares what needs no network.
func (c *Checker) newHandshake(to connector.Target, cred credential.Credential) (*handshake, error) {
	host := to.Registry.Host()
	var options []name.Option
	if to.PlainHTTP || isLoopback(host) {
		options = append(options, name.Insecure)
	}
	registry, err := name.NewRegistry(host, options...)
	if err != nil || host == "" {
		return nil, connector.Invalid("'"+host+"' is not a registry address", "")
	}
	h := &handshake{
		own:      to.Registry,
		host:     host,
		registry: registry,
		guard:    c.newGuard(registry.RegistryStr(), to.PlainHTTP),
	}
	secret := string(cred.Secret.Reveal())
	if cred.IsIdentityToken() {
		h.login.IdentityToken = secret
	} else {
		h.login.Username, h.login.Password = cred.Username, secret
	}
	return h, nil
}

// pushRepository is the path of the repository to check push permission on, "" for none.
func pushRepository(own address.Address, given string) (string, error) {
	if given == "" {
		return "", nil
	}
	if a, err := address.Parse(given); err == nil && a.Path() != "" && own.Covers(a) {
		return a.Path(), nil
	}
	a, err := address.Parse(own.Host() + "/" + given)
	if err != nil {
		return "", err
	}
	if a.Path() == "" {
		return "", credential.NewError(credential.InvalidInput, "'"+given+"' is not a "+
			"repository", "give its path: team/app")
	}
	return a.Path(), nil
}

// report turns the end of a run into what the caller sees.
func (h *handshake) report(err error) connector.Report {
	if err == nil {
		return connector.Report{Verification: api.VerificationValid}
	}
	if v, ok := errors.AsType[verdict](err); ok {
		return v.Report
	}
	return h.unreachable(err).Report
}

// run returns nil when the credential is proved valid.
func (h *handshake) run(ctx context.Context, repository string) error {
	if err := h.ping(ctx); err != nil {
		return err
	}
	err := h.authenticate(ctx)
	v, isVerdict := errors.AsType[verdict](err)
	if repository == "" || err != nil && !(isVerdict && v.Verification == api.VerificationAnonymous) {
		return err
	}
	return h.checkPush(ctx, repository, err)
}

// ping asks anonymously how the registry wants to be asked.
func (h *handshake) ping(ctx context.Context) error {
	challenge, err := transport.Ping(ctx, h.registry, h.guard)
	if err != nil {
		return h.pingFailed(err)
	}
	if h.guard.lastAnswer().isPage() {
		return h.noRegistry("it sends a web page")
	}
	h.challenge = challenge
	return nil
}

func (h *handshake) authenticate(ctx context.Context) error {
	switch scheme, _, _ := strings.Cut(strings.ToLower(h.challenge.Scheme), " "); scheme {
	case "bearer":
		return h.bearer(ctx)
	case "basic":
		return h.basic(ctx)
	case "":
		if h.guard.lastAnswer().status == http.StatusUnauthorized {
			return h.noRegistry("it asks for credentials and does not say which")
		}
		return h.open(ctx)
	default:
		return h.noRegistry("it asks for " + line(scheme) + " authentication, which no docker client knows")
	}
}

// open is for a registry that lets everybody in at its door. It may still refuse
// credentials that it does not know.
func (h *handshake) open(ctx context.Context) error {
	if h.login.IdentityToken == "" {
		a, err := h.send(ctx, http.MethodGet, h.base(), h.basicHeader())
		if err != nil {
			return err
		}
		if a.refused() {
			return h.rejected(a)
		}
	}
	return h.unverified("it does not ask for any")
}

// basic asks with Basic authentication; ping was the control, and was refused.
func (h *handshake) basic(ctx context.Context) error {
	if h.login.IdentityToken != "" {
		return verdict{connector.Report{
			Verification: api.VerificationRejected,
			Detail:       h.host + " asks for a username and password; the connector has an identity token",
		}}
	}
	a, err := h.send(ctx, http.MethodGet, h.base(), h.basicHeader())
	switch {
	case err != nil:
		return err
	case a.refused():
		return h.rejected(a)
	case a.status != http.StatusOK:
		return h.trouble(a)
	}
	return nil
}

// bearer exchanges the credential for a token, and asks with it.
func (h *handshake) bearer(ctx context.Context) error {
	if err := h.allowRealm(); err != nil {
		return err
	}
	mine, err := h.exchange(ctx, h.login, h.scopes())
	if err != nil {
		return err
	}
	a, err := h.send(ctx, http.MethodGet, h.base(), "Bearer "+mine)
	switch {
	case err != nil:
		return err
	case a.refused():
		return h.rejected(a)
	case a.status != http.StatusOK:
		return h.trouble(a)
	}
	return h.control(ctx, mine)
}

// control asks the same without credentials. Only a difference proves something: there
// are token services that answer a wrong password with a token that allows nothing
// (goharbor/harbor#11632).
func (h *handshake) control(ctx context.Context, mine string) error {
	anonymous, err := h.exchange(ctx, authn.AuthConfig{}, h.scopes())
	if v, ok := errors.AsType[verdict](err); ok && v.Verification == api.VerificationRejected {
		return nil
	}
	if err != nil {
		return h.unverified("it did not answer the same question without them")
	}
	if grantsMore(mine, anonymous) {
		return nil
	}
	a, err := h.send(ctx, http.MethodGet, h.base(), "Bearer "+anonymous)
	if err == nil && a.refused() {
		return nil
	}
	return h.unverified("it gives an anonymous client just as much")
}

// scopes are what a token is asked for: nothing, as docker login does, where that says
// enough.
func (h *handshake) scopes() []string {
	if h.own.IsHub() {
		return []string{hubScope}
	}
	return nil
}

// exchange asks the token service. A refusal is a verdict.
func (h *handshake) exchange(
	ctx context.Context,
	login authn.AuthConfig,
	scopes []string,
) (token string, err error) {
	t, err := transport.Exchange(ctx, h.registry, authn.FromConfig(login), h.guard, scopes, h.challenge)
	if err == nil {
		if t.Token != "" {
			return t.Token, nil
		}
		return t.AccessToken, nil
	}
	refusal, ok := errors.AsType[*transport.Error](err)
	if !ok {
		return "", h.exchangeFailed(err)
	}
	a := h.guard.lastAnswer()
	// RFC 6749, section 5.2: a refresh token that is not valid is a bad request.
	if a.refused() || refusal.StatusCode == http.StatusBadRequest && login.IdentityToken != "" {
		return "", h.rejected(a)
	}
	return "", h.trouble(a)
}

// base is the registry's API.
func (h *handshake) base() string {
	scheme := "https"
	if h.challenge.Insecure {
		scheme = "http"
	}
	return scheme + "://" + h.registry.RegistryStr() + "/v2/"
}

func (h *handshake) basicHeader() string {
	req := http.Request{Header: http.Header{}}
	req.SetBasicAuth(h.login.Username, h.login.Password)
	return req.Header.Get("Authorization")
}

// send makes one request and follows no redirect. Its answer is what the guard kept of
// it.
func (h *handshake) send(ctx context.Context, method, url, authorization string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return answer{}, err
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	resp, err := h.guard.RoundTrip(req)
	if err != nil {
		return answer{}, err
	}
	resp.Body.Close()
	return h.guard.lastAnswer(), nil
}

// checkPush starts an upload to the repository and cancels it. earlier is nil, or what
// could not be proved before: a push that is only granted with the credential proves it.
func (h *handshake) checkPush(ctx context.Context, repository string, earlier error) error {
	a, err := h.startUpload(ctx, repository, h.login)
	if v, ok := errors.AsType[verdict](err); ok && v.Verification == api.VerificationRejected {
		v.Detail = fmt.Sprintf(
			"%s accepts the credentials, but no push to %s: %s",
			h.host,
			repository,
			h.words(h.guard.lastAnswer()),
		)
		v.Hint = "ask for write permission, or use a token that has it"
		return v
	}
	if err != nil || a.status == http.StatusAccepted && earlier == nil {
		return err
	}
	if a.status != http.StatusAccepted {
		return h.trouble(a)
	}
	_, err = h.startUpload(ctx, repository, authn.AuthConfig{})
	if v, ok := errors.AsType[verdict](err); ok && v.Verification == api.VerificationRejected {
		return nil
	}
	return h.unverified("everybody may push to " + repository)
}

// startUpload asks for an upload (OCI distribution specification, "pushing a blob in
// chunks") and cancels what it got.
func (h *handshake) startUpload(
	ctx context.Context,
	repository string,
	login authn.AuthConfig,
) (answer, error) {
	header, err := h.pushHeader(ctx, repository, login)
	if err != nil {
		return answer{}, err
	}
	a, err := h.send(ctx, http.MethodPost, h.base()+repository+"/blobs/uploads/", header)
	switch {
	case err != nil:
		return a, err
	case a.refused() || a.status == http.StatusNotFound || a.status == http.StatusMethodNotAllowed:
		return a, h.rejected(a)
	case a.status == http.StatusAccepted:
		h.cancelUpload(ctx, a, header)
	}
	return a, nil
}

func (h *handshake) pushHeader(
	ctx context.Context,
	repository string,
	login authn.AuthConfig,
) (string, error) {
	anonymous := login == authn.AuthConfig{}
	switch {
	case strings.EqualFold(h.challenge.Scheme, "bearer"):
		token, err := h.exchange(ctx, login, []string{"repository:" + repository + ":pull,push"})
		return "Bearer " + token, err
	case anonymous || h.login.IdentityToken != "":
		return "", nil
	}
	return h.basicHeader(), nil
}

// cancelUpload tidies up; what is left behind when it fails, the registry forgets by
// itself. The guard stops a location on another host.
func (h *handshake) cancelUpload(ctx context.Context, a answer, header string) {
	base, err := url.Parse(h.base())
	if err != nil {
		return
	}
	if location, err := base.Parse(a.location); err == nil && a.location != "" {
		_, _ = h.send(ctx, http.MethodDelete, location.String(), header)
	}
}
