package zenml

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/zen-agent/zen/internal/credential"
)

// session is what lasts between the calls to one server: its connections and the access
// token.
type session struct {
	base *url.URL
	http *http.Client

	login chan struct{} // holds one value while nobody logs in
	mu    sync.Mutex
	token accessToken
}

// accessToken is the server's token; a zero renewAt means the server set no life time.
type accessToken struct {
	value   credential.Secret
	renewAt time.Time
}

func newSession(cfg Config) (*session, error) {
	base, err := parseURL(cfg.URL, cfg.Insecure)
	if err != nil {
		return nil, err
	}
	if cfg.Auth == AuthNone && !cfg.Insecure && !isLoopback(base.Host) {
		return nil, credential.NewError(credential.InvalidInput, base.Host+" lets everybody in: whoever "+
			"reaches it can take its credentials",
			"switch authentication on there, or add --insecure")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	transport.ResponseHeaderTimeout = longTimeout
	transport.MaxResponseHeaderBytes = 64 << 10
	if len(cfg.CACert) > 0 {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(cfg.CACert) {
			return nil, credential.NewError(credential.InvalidInput, "the CA certificate is not "+
				"PEM", "give a PEM file: --ssl-ca-cert FILE")
		}
		transport.TLSClientConfig.RootCAs = pool
	}
	s := &session{base: base, login: make(chan struct{}, 1)}
	s.http = &http.Client{Transport: transport, CheckRedirect: s.sameHost}
	s.login <- struct{}{}
	return s, nil
}

func (s *session) close() {
	s.http.CloseIdleConnections()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token.value.Wipe()
	s.token = accessToken{}
}

// present is the token that may still be used; "" is none.
func (s *session) present(now time.Time) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token.value.IsEmpty() || !s.token.renewAt.IsZero() && !now.Before(s.token.renewAt) {
		return ""
	}
	return string(s.token.value.Reveal())
}

func (s *session) keep(t accessToken) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token.value.Wipe()
	s.token = t
}

// dropToken forgets the token that the server does not accept any more, unless another
// one took its place meanwhile.
func (s *session) dropToken(refused string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if string(s.token.value.Reveal()) == refused {
		s.token.value.Wipe()
		s.token = accessToken{}
	}
}

// turn waits until nobody else logs in; call the result when done.
func (s *session) turn(ctx context.Context) (func(), error) {
	select {
	case <-s.login:
		return func() { s.login <- struct{}{} }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

var errElsewhere = errors.New("redirected elsewhere")

// sameHost follows a redirect only on the same scheme and host: headers hold the access
// token.
func (s *session) sameHost(req *http.Request, via []*http.Request) error {
	if req.URL.Scheme != s.base.Scheme || req.URL.Host != s.base.Host || len(via) > 5 {
		return errElsewhere
	}
	return nil
}

// Pool keeps the sessions of servers, so that all clients of one server share its
// connections and its access token. It is safe for concurrent use.
type Pool struct {
	mu       sync.Mutex
	sessions map[string]pooled
}

type pooled struct {
	revision string
	session  *session
}

// NewPool returns an empty pool.
func NewPool() *Pool { return &Pool{sessions: make(map[string]pooled)} }

// Client returns a client with the session of the server that cfg.ID names; it sends
// nothing.
func (p *Pool) Client(cfg Config) (*Client, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	have, ok := p.sessions[cfg.ID]
	if !ok || have.revision != cfg.Revision {
		s, err := newSession(cfg)
		if err != nil {
			return nil, err
		}
		if ok {
			have.session.close()
		}
		have = pooled{cfg.Revision, s}
		p.sessions[cfg.ID] = have
	}
	return &Client{cfg: withDefaults(cfg), session: have.session}, nil
}

// Forget drops every session: access tokens are wiped. Calls under way are not disturbed.
func (p *Pool) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, s := range p.sessions {
		s.session.close()
		delete(p.sessions, id)
	}
}
