package registryauth

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
)

// Bounds on what a registry can make us read.
const (
	maxHeader = 64 << 10
	maxBody   = 1 << 20
	maxError  = 64 << 10 // of an answer whose words a person sees
)

var (
	errPlain    = errors.New("credentials do not travel over plain http")
	errSecure   = errors.New("the registry was said to speak plain http")
	errTooLarge = errors.New("the answer is too large")
	errPrivate  = errors.New("the token service is at a private address, the registry is not")
)

// elsewhereError is a request to a host that is neither the registry nor its token
// service.
type elsewhereError struct{ to string }

func (e elsewhereError) Error() string { return "redirected to " + e.to }

// dialFunc opens a connection, as http.Transport has it.
type dialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// proxyFunc chooses a proxy, as http.Transport has it.
type proxyFunc func(*http.Request) (*url.URL, error)

// fromEnvironment obeys HTTPS_PROXY and NO_PROXY, and never sends what is meant for this
// machine to a proxy.
func fromEnvironment(req *http.Request) (*url.URL, error) {
	if isLoopback(req.URL.Host) {
		return nil, nil
	}
	return http.ProxyFromEnvironment(req)
}

// guard is the only way to the network: it lets requests through to the registry and,
// once its realm was found fit, to the token service, over the schemes that are allowed,
// and bounds every answer. It serves one verification.
type guard struct {
	host    string // of the registry, host[:port]
	http    bool   // plain http is allowed
	https   bool
	inner   *http.Transport
	connect dialFunc

	mu       sync.Mutex
	realm    string // origin of the token service, "" while there is none
	internal bool   // the registry was reached at an address that is not public
	failed   map[string]error
	last     answer
}

// answer is what is kept of a response.
type answer struct {
	status      int
	contentType string
	location    string
	rates       rates
	body        []byte // of an error
}

// refused reports whether the answer means that the credential does not do.
func (a answer) refused() bool {
	return a.status == http.StatusUnauthorized || a.status == http.StatusForbidden
}

// isPage reports whether the answer was made for a browser, which no registry does on
// /v2/ but captive portals do.
func (a answer) isPage() bool {
	t, _, _ := mime.ParseMediaType(a.contentType)
	return t == "text/html" && a.status < 300
}

func (c *Checker) newGuard(host string, plain bool) *guard {
	g := &guard{
		host:    host,
		http:    plain || isLoopback(host),
		https:   !plain,
		connect: c.dial,
		failed:  make(map[string]error),
	}
	g.inner = &http.Transport{
		Proxy:       c.proxies,
		DialContext: g.dial,
		TLSClientConfig: &tls.Config{
			RootCAs:    rootsFor(host, c.certDirs),
			MinVersion: tls.VersionTLS12,
		},
		TLSHandshakeTimeout:    c.connect,
		ResponseHeaderTimeout:  c.timeout,
		MaxResponseHeaderBytes: maxHeader,
		ForceAttemptHTTP2:      true,
		IdleConnTimeout:        time.Minute,
	}
	return g
}

// allowRealm lets requests through to the token service of that origin.
func (g *guard) allowRealm(origin string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.realm = origin
}

func (g *guard) close() { g.inner.CloseIdleConnections() }

// RoundTrip sends a request if it may go where it is going.
func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := g.allowed(req.URL); err != nil {
		if req.Response != nil { // what made http.Client come here is a redirect
			err = elsewhereError{to: origin(req.URL)}
		}
		return nil, err
	}
	req = req.Clone(req.Context())
	req.Header.Set("User-Agent", "zen/"+api.Version)
	resp, err := g.inner.RoundTrip(req)
	if err == nil {
		err = g.keep(resp)
	}
	if err != nil {
		g.mu.Lock()
		g.failed[req.URL.Scheme] = err
		g.mu.Unlock()
		return nil, err
	}
	return resp, nil
}

func (g *guard) allowed(u *url.URL) error {
	g.mu.Lock()
	realm := g.realm
	g.mu.Unlock()
	switch {
	case realm != "" && origin(u) == realm:
		return nil
	case hostPort(u) != hostPort(&url.URL{Scheme: u.Scheme, Host: g.host}):
		return elsewhereError{to: origin(u)}
	case u.Scheme == "http" && !g.http:
		return errPlain
	case u.Scheme == "https" && !g.https:
		return errSecure
	}
	return nil
}

// keep remembers the response and bounds its body.
func (g *guard) keep(resp *http.Response) error {
	a := answer{
		status: resp.StatusCode, contentType: resp.Header.Get("Content-Type"),
		location: resp.Header.Get("Location"), rates: ratesOf(resp.Header),
	}
	if resp.StatusCode >= 300 {
		body, err := io.ReadAll(io.LimitReader(resp.Body, maxError))
		resp.Body.Close()
		if err != nil {
			return fmt.Errorf("reading the answer: %w", err)
		}
		a.body = body
		resp.Body = io.NopCloser(bytes.NewReader(body))
	} else {
		resp.Body = &bounded{ReadCloser: resp.Body, left: maxBody}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.last = a
	return nil
}

func (g *guard) lastAnswer() answer {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.last
}

// failure is why a scheme did not work.
func (g *guard) failure(scheme string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.failed[scheme]
}

// bounded fails instead of reading on for ever.
type bounded struct {
	io.ReadCloser
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLarge
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// dial connects, and looks at the address that a name led to before anything is sent.
func (g *guard) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := g.connect(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	at, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err == nil {
		err = g.checkDial(addr, at.Addr())
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// checkDial stops a registry on the internet from pointing at a token service inside: a
// name that leads to a private address, or to the metadata service of a cloud. A proxy
// resolves names itself, and is not the token service.
func (g *guard) checkDial(name string, at netip.Addr) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch name {
	case hostPort(&url.URL{Scheme: "http", Host: g.host}), hostPort(&url.URL{Scheme: "https", Host: g.host}):
		g.internal = isInternal(at)
	case realmHostPort(g.realm):
		if isInternal(at) && !g.internal || isLocal(at) && !isLoopback(g.host) {
			return errPrivate
		}
	}
	return nil
}

func realmHostPort(realm string) string {
	u, err := url.Parse(realm)
	if err != nil || realm == "" {
		return ""
	}
	return hostPort(u)
}

// hostPort is host:port of a URL, with the scheme's port when it names none.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

func origin(u *url.URL) string { return u.Scheme + "://" + hostPort(u) }

// isLoopback reports whether a host[:port] is on this machine, where docker itself speaks
// plain http.
func isLoopback(host string) bool {
	a, err := address.Parse(host)
	return err == nil && a.IsLoopback()
}

// isLocal reports whether an address is this machine or its link, where clouds have their
// metadata services.
func isLocal(ip netip.Addr) bool {
	ip = ip.Unmap()
	return ip.IsLoopback() || ip.IsUnspecified() || ip.IsLinkLocalUnicast() || ip.IsMulticast()
}

// isInternal reports whether an address is not on the internet: local, private (RFC 1918,
// RFC 4193) or shared (RFC 6598).
func isInternal(ip netip.Addr) bool {
	shared := netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64, 0, 0}), 10)
	return isLocal(ip) || ip.Unmap().IsPrivate() || shared.Contains(ip.Unmap())
}
