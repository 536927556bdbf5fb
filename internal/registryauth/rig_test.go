package registryauth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/credential"
)

const (
	user     = "alice"
	password = "correct-horse"
)

// fake is a host that remembers what it was told.
type fake struct {
	*httptest.Server
	mu      sync.Mutex
	secrets []string // requests that carried the password
	seen    []string // method and path of every request
}

func newFake(t *testing.T, handler http.HandlerFunc) *fake {
	t.Helper()
	f := &fake{}
	f.Server = httptest.NewServer(f.record(handler))
	t.Cleanup(f.Close)
	return f
}

func newTLSFake(t *testing.T, handler http.HandlerFunc) *fake {
	t.Helper()
	f := &fake{}
	f.Server = httptest.NewUnstartedServer(f.record(handler))
	f.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	f.StartTLS()
	t.Cleanup(f.Close)
	return f
}

func (f *fake) record(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.seen = append(f.seen, r.Method+" "+r.URL.Path)
		if _, pass, ok := r.BasicAuth(); ok && pass == password ||
			strings.Contains(fmt.Sprint(r.Header, r.URL), password) {
			f.secrets = append(f.secrets, r.Method+" "+r.URL.Path)
		}
		f.mu.Unlock()
		next(w, r)
	})
}

func (f *fake) host() string { return f.Listener.Addr().String() }

// gotSecret reports whether the password ever came here.
func (f *fake) gotSecret() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.secrets) > 0
}

func (f *fake) requests() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.seen)
}

// knows reports whether a request has the right Basic authentication.
func knows(r *http.Request) bool {
	u, p, ok := r.BasicAuth()
	return ok && u == user && p == password
}

func unauthorized(w http.ResponseWriter, challenge, body string) {
	if challenge != "" {
		w.Header().Set("WWW-Authenticate", challenge)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusUnauthorized)
	io.WriteString(w, body)
}

const errorBody = `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`

// token is an unsigned JSON Web Token; nobody here checks signatures.
func token(subject string, access ...string) string {
	c := map[string]any{"sub": subject, "access": []any{}, "jti": time.Now().UnixNano()}
	for _, a := range access {
		parts := strings.Split(a, ":")
		c["access"] = append(
			c["access"].([]any),
			map[string]any{"type": parts[0], "name": parts[1], "actions": strings.Split(parts[2], ",")},
		)
	}
	body, _ := json.Marshal(c)
	return "e30." + base64.RawURLEncoding.EncodeToString(body) + ".c2ln"
}

// bearerRegistry is a registry whose token service lies at /token of the same host, or at
// realm if given. issue returns the token for a request, "" to refuse; accept says
// whether /v2/ takes a token.
func bearerRegistry(
	realm string,
	issue func(*http.Request) string,
	accept func(token string) bool,
) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			serveToken(w, issue(r))
			return
		}
		bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if ok && accept(bearer) {
			return
		}
		at := realm
		if at == "" {
			at = "http://" + r.Host + "/token"
			if r.TLS != nil {
				at = "https://" + r.Host + "/token"
			}
		}
		unauthorized(w, `Bearer realm="`+at+`",service="test"`, errorBody)
	}
}

func serveToken(w http.ResponseWriter, token string) {
	if token == "" {
		unauthorized(w, "", `{"details":"incorrect username or password"}`)
		return
	}
	json.NewEncoder(w).Encode(map[string]any{"token": token})
}

func everyToken(string) bool { return true }

// quick is a checker with short deadlines that trusts no authority of this machine's
// docker.
func quick() *Checker {
	c := New()
	c.timeout, c.connect = 5*time.Second, 2*time.Second
	c.certDirs = nil
	return c
}

// verify asks a registry, given as a person would, about alice's password.
func verify(t *testing.T, c *Checker, registry, pass string) connector.Report {
	t.Helper()
	return verifyAs(t, c, registry, user, pass, "")
}

func verifyAs(t *testing.T, c *Checker, registry, username, pass, push string) connector.Report {
	t.Helper()
	report, err := c.Verify(
		t.Context(),
		target(t, registry),
		login(username, pass),
		connector.VerifyOptions{Push: push},
	)
	if err != nil {
		t.Fatal(err)
	}
	if text := report.Detail + report.Hint; strings.Contains(text, pass) {
		t.Errorf("the report repeats the secret: %s", text)
	}
	if (report.Detail == "") != (report.Verification == "valid") {
		t.Errorf("%s with detail %q", report.Verification, report.Detail)
	}
	return report
}

func target(t *testing.T, registry string) connector.Target {
	t.Helper()
	a, scheme, err := address.ParseScheme(registry)
	if err != nil {
		t.Fatal(err)
	}
	return connector.Target{Registry: a, PlainHTTP: scheme == address.HTTP}
}

func login(username, pass string) credential.Credential {
	return credential.Credential{Username: username, Secret: credential.SecretString(pass)}
}

func want(t *testing.T, got connector.Report, verification, detail string) {
	t.Helper()
	if got.Verification != verification || !strings.Contains(got.Detail, detail) {
		t.Errorf(
			"got %s: %q (%s); want %s: ...%s...",
			got.Verification,
			got.Detail,
			got.Hint,
			verification,
			detail,
		)
	}
}

// internet makes a checker see hosts by name at addresses of the internet: each name
// leads to a fake.
type internet struct {
	t     *testing.T
	check *Checker
	hosts map[string]*fake      // host:port -> server
	at    map[string]netip.Addr // host:port -> address it seems to have; default 203.0.113.1
}

func newInternet(t *testing.T) *internet {
	t.Helper()
	n := &internet{t: t, check: quick(), hosts: map[string]*fake{}, at: map[string]netip.Addr{}}
	n.check.proxies = nil
	n.check.dial = n.dial
	n.check.certDirs = []string{t.TempDir()}
	return n
}

func (n *internet) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	f, ok := n.hosts[addr]
	if !ok {
		host, _, _ := net.SplitHostPort(addr)
		return nil, &net.OpError{Op: "dial", Net: network, Err: &net.DNSError{Err: "no such " +
			"host", Name: host, IsNotFound: true}}
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, f.host())
	at, ok := n.at[addr]
	if !ok {
		at = netip.MustParseAddr("203.0.113.1")
	}
	return &farConn{Conn: conn, at: net.TCPAddrFromAddrPort(netip.AddrPortFrom(at, 443))}, err
}

type farConn struct {
	net.Conn
	at net.Addr
}

func (c *farConn) RemoteAddr() net.Addr { return c.at }

// trust puts a server's certificate where docker looks for a registry's authority.
func (n *internet) trust(host string, f *fake) {
	n.t.Helper()
	dir := filepath.Join(n.check.certDirs[0], host)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		n.t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Certificate().Raw})
	if err := os.WriteFile(filepath.Join(dir, "ca.crt"), text, 0o600); err != nil {
		n.t.Fatal(err)
	}
}
