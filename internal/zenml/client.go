package zenml

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/credential"
)

const (
	// maxAnswer bounds an answer's body in bytes; a page of hydrated connectors is some
	// 100 KiB.
	maxAnswer = 8 << 20
	// shortTimeout and longTimeout bound one exchange; those that make the server ask a
	// cloud take long (ZenML constants, SERVICE_CONNECTOR_VERIFY_REQUEST_TIMEOUT).
	shortTimeout = 30 * time.Second
	longTimeout  = 120 * time.Second
)

// Ways to say to a server who we are.
const (
	AuthAPIKey   = "api-key"  // the key of a service account
	AuthPassword = "password" // a user's name and password
	AuthDevice   = "device"   // the access token that a person allowed in a browser
	AuthNone     = "none"     // the server has authentication switched off
)

// Key gives the secret of a server: API key, password, or access token of a device. It is
// called when an access token is needed, and what it returns is wiped afterwards.
type Key func(ctx context.Context) (credential.Secret, error)

// Config says which server and who we are.
type Config struct {
	ID       string // names the server in a Pool
	Revision string // another one makes what a Pool knows of the server worthless
	URL      string // "https://zenml.example.com", without /api
	Auth     string
	Username string // of AuthPassword
	Key      Key    // nil for AuthNone
	CACert   []byte // PEM; empty: the system's roots
	Insecure bool   // allow http to another host than loopback, and AuthNone there
	Version  string // zen's version, for the User-Agent
	Host     string // what this machine is called; a person who allows a device sees it
	Now      func() time.Time
}

// Client talks to one server. It is safe for concurrent use.
type Client struct {
	cfg Config
	*session
}

// New checks the address and prepares a client with a session of its own; it sends
// nothing.
func New(cfg Config) (*Client, error) {
	s, err := newSession(cfg)
	if err != nil {
		return nil, err
	}
	return &Client{cfg: withDefaults(cfg), session: s}, nil
}

func withDefaults(cfg Config) Config {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return cfg
}

// Close drops idle connections and forgets the access token.
func (c *Client) Close() { c.close() }

// URL is the server's canonical address.
func (c *Client) URL() string { return c.base.String() }

func parseURL(raw string, insecure bool) (*url.URL, error) {
	if err := noScheme(raw); err != nil {
		return nil, err
	}
	u, err := url.Parse(strings.TrimRight(raw, "/"))
	shown := raw
	if err != nil || u.User != nil || strings.Contains(raw, "@") { // what is before it could be a password
		shown = "the address"
	} else {
		shown = "'" + line(shown) + "'"
	}
	bad := func(why string) error {
		return credential.NewError(credential.InvalidInput, shown+" is not a ZenML server's address: "+why,
			"zen server connect https://zenml.example.com")
	}
	switch {
	case err != nil:
		return nil, bad("it cannot be parsed")
	case u.User != nil:
		return nil, bad("it holds a user name")
	case u.Host == "" || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "":
		return nil, bad("it needs a scheme and a host, and no query")
	case u.Scheme == "https":
	case u.Scheme == "http" && (insecure || isLoopback(u.Host)):
	case u.Scheme == "http":
		return nil, credential.NewError(credential.InvalidInput, u.Host+" would be asked without TLS: "+
			"keys and credentials could be read on the way",
			"use https://, or add --insecure")
	default:
		return nil, bad("the scheme must be https")
	}
	u.Host = strings.ToLower(u.Host)
	u.Path = strings.TrimSuffix(strings.TrimRight(u.Path, "/"), "/api/v1")
	u.RawPath = ""
	return u, nil
}

// noScheme is the error for an address as people say it, "zenml.example.com".
func noScheme(raw string) error {
	a, err := address.Parse(raw)
	if err != nil || strings.Contains(raw, "://") || strings.ContainsAny(raw, "@?#") {
		return nil // something else is wrong, or nothing
	}
	scheme := "https://"
	if a.IsLoopback() {
		scheme = "http://"
	}
	return credential.NewError(credential.InvalidInput, "'"+line(raw)+"' is not a ZenML server's "+
		"address: it has no scheme",
		"zen server connect "+scheme+a.String())
}

// isLoopback reports whether a URL's host is this machine.
func isLoopback(host string) bool {
	a, err := address.Parse(host)
	return err == nil && a.IsLoopback()
}

// call is one exchange.
type call struct {
	method string
	path   string // below /api/v1
	query  url.Values
	form   url.Values // POST form
	json   []byte     // or a JSON body; it may hold secrets, and stays the caller's to wipe
	hide   [][]byte   // what of the body no error may repeat, though the server does
	out    any
	rawOut *[]byte // the answer's bytes, when it holds a secret; the caller wipes them
	long   bool
	anon   bool // send no token
	named  bool // say what machine asks
}

// do sends a call with a token and, when the server says that the token is not valid,
// once more with a new one.
func (c *Client) do(ctx context.Context, k call) error {
	if k.anon || c.cfg.Auth == AuthNone {
		return c.send(ctx, k, "")
	}
	token, err := c.accessToken(ctx)
	if err != nil {
		return err
	}
	err = c.send(ctx, k, token)
	if !errors.Is(err, errToken) || c.cfg.Auth == AuthDevice {
		return err
	}
	c.dropToken(token)
	if token, err = c.accessToken(ctx); err != nil {
		return err
	}
	return c.send(ctx, k, token)
}

func (c *Client) send(ctx context.Context, k call, token string) error {
	timeout := shortTimeout
	if k.long {
		timeout = longTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := c.request(ctx, k, token)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return c.explainTransport(err)
	}
	defer resp.Body.Close()
	return c.receive(resp, k)
}

func (c *Client) request(ctx context.Context, k call, token string) (*http.Request, error) {
	u := *c.base
	u.Path += "/api/v1" + k.path
	u.RawQuery = k.query.Encode()
	var body io.Reader
	switch {
	case k.form != nil:
		body = strings.NewReader(k.form.Encode())
	case k.json != nil:
		body = bytes.NewReader(k.json)
	}
	req, err := http.NewRequestWithContext(ctx, k.method, u.String(), body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	agent := "zen/" + c.cfg.Version
	if k.named {
		agent += machine(c.cfg.Host)
	}
	req.Header.Set("User-Agent", agent)
	switch {
	case k.form != nil:
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	case k.json != nil:
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return req, nil
}

func (c *Client) receive(resp *http.Response, k call) error {
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	keep := false
	defer func() {
		if !keep {
			clear(raw)
		}
	}()
	switch {
	case err != nil:
		return c.explainTransport(err)
	case len(raw) > maxAnswer:
		return c.strange("its answer is larger than 8 MiB")
	case resp.StatusCode >= 400:
		return c.explainStatus(resp, withoutEcho(raw, k))
	case resp.StatusCode != http.StatusOK:
		return c.strange(fmt.Sprintf("it answered %s", line(resp.Status)))
	case !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json"):
		return c.strange("its answer is not JSON but " + mediaType(resp))
	}
	if k.rawOut != nil {
		keep = true
		*k.rawOut = raw
		return nil
	}
	if k.out == nil {
		return nil
	}
	if err := json.Unmarshal(raw, k.out); err != nil {
		return c.strange("its answer has another form than a ZenML server's")
	}
	return nil
}

func mediaType(resp *http.Response) string {
	t, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	if t == "" {
		return "nothing known"
	}
	return line(t)
}
