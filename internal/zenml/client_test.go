package zenml

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/zenml/zenmltest"
)

func client(t *testing.T, s *zenmltest.Server, change ...func(*Config)) *Client {
	t.Helper()
	cfg := Config{URL: s.URL, Auth: AuthAPIKey, Key: key(s.APIKey), Version: "test"}
	for _, f := range change {
		f(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// key gives a secret of its own to each caller, who wipes it.
func key(s string) Key {
	return func(context.Context) (credential.Secret, error) { return credential.SecretString(s), nil }
}

func start(t *testing.T) *zenmltest.Server {
	t.Helper()
	s := zenmltest.Start()
	t.Cleanup(s.Close)
	s.Connectors = []*zenmltest.Connector{{
		ID: "f2b0f01b-c4b1-4d47-a939-98479421c2f8", Name: "reg", Type: "aws",
		ResourceID: "reg.example.com", Username: "AWS", Password: "minted-canary",
		Registry: "reg.example.com", Life: time.Hour,
	}}
	return s
}

func parse(t *testing.T, s string) address.Address {
	t.Helper()
	a, err := address.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func count(s *zenmltest.Server, request string) (n int) {
	for _, r := range s.Requests() {
		if r == request {
			n++
		}
	}
	return n
}

func TestURL(t *testing.T) {
	tests := []struct {
		url  string
		want string // canonical, or the error's text
	}{
		{"https://zenml.example.com/", "https://zenml.example.com"},
		{"https://example.com/zenml", "https://example.com/zenml"},
		{"https://Example.com/zenml/api/v1/", "https://example.com/zenml"},
		{"http://127.0.0.1:8237", "http://127.0.0.1:8237"},
		{"http://localhost:8237", "http://localhost:8237"},
		{"http://zenml.example.com", "without TLS"},
		{"https://user:pw@zenml.example.com", "holds a user name"},
		{"ftp://zenml.example.com", "scheme must be https"},
		{"zenml.example.com", "it has no scheme -> zen server connect https://zenml.example.com"},
		{"127.0.0.1:8237", "it has no scheme -> zen server connect http://127.0.0.1:8237"},
		{"user:pw@zenml.example.com", "is not a ZenML server's address"},
		{"https://zenml.example.com?x=1", "no query"},
		{"", "needs a scheme"},
	}
	for _, tt := range tests {
		c, err := New(Config{URL: tt.url})
		said := ""
		if e, ok := errors.AsType[*credential.Error](err); ok {
			said = e.Error() + " -> " + e.HintText()
		}
		switch {
		case err != nil && (!strings.Contains(said, tt.want) || strings.Contains(said, "pw")):
			t.Errorf("New(%q): %v, want %q", tt.url, said, tt.want)
		case err == nil && c.URL() != tt.want:
			t.Errorf("New(%q) is %q, want %q", tt.url, c.URL(), tt.want)
		}
	}
}

func TestCredential(t *testing.T) {
	s := start(t)
	c := client(t, s)
	got, err := c.Credential(t.Context(), s.Connectors[0].ID, "", parse(t, "reg.example.com"))
	if err != nil {
		t.Fatal(err)
	}
	if got.Username != "AWS" || string(got.Secret.Reveal()) != "minted-canary" ||
		got.Registry.String() != "reg.example.com" {
		t.Errorf("got %q for %s", got.Username, got.Registry)
	}
	if left := time.Until(got.Expires); left < 59*time.Minute || left > time.Hour {
		t.Errorf("expires in %v", left)
	}
}

func TestCredentialForAnotherHostIsRefused(t *testing.T) {
	s := start(t)
	_, err := client(t, s).Credential(t.Context(), s.Connectors[0].ID, "", parse(t, "ghcr.io"))
	if !credential.Denied.Is(err) {
		t.Errorf("error is %v, want denied", err)
	}
}

func TestTokenIsRenewedOnceAfterRevocation(t *testing.T) {
	s := start(t)
	c := client(t, s)
	for range 3 {
		if _, err := c.Login(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := count(s, "POST /api/v1/login"); n != 1 {
		t.Errorf("%d logins for 3 calls, want 1", n)
	}
	s.Revoke()
	if _, err := c.Login(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := count(s, "POST /api/v1/login"); n != 2 {
		t.Errorf("%d logins after a revocation, want 2", n)
	}
}

func TestRevokedKeyIsNotRetriedInAStorm(t *testing.T) {
	s := start(t)
	c := client(t, s)
	if _, err := c.Login(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Revoke()
	s.Lock()
	s.APIKey = "ZENKEY_other"
	s.Unlock()
	before := len(s.Requests())
	_, err := c.Login(t.Context())
	if !credential.NeedsLogin.Is(err) || !strings.Contains(err.Error(), "refused the login") {
		t.Errorf("error is %v", err)
	}
	if n := len(s.Requests()) - before; n != 2 {
		t.Errorf("%d requests after the key was revoked, want 2", n)
	}
}

func TestTokenIsRenewedBeforeItsEnd(t *testing.T) {
	s := start(t)
	s.TokenLife = 60
	now := time.Now()
	c := client(t, s, func(cfg *Config) { cfg.Now = func() time.Time { return now } })
	for _, step := range []time.Duration{0, 29 * time.Second, 2 * time.Second} {
		now = now.Add(step)
		if _, err := c.Login(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := count(s, "POST /api/v1/login"); n != 2 {
		t.Errorf("%d logins, want 2: one at the start, one 30 s before the end", n)
	}
}

func TestListsReadEveryPage(t *testing.T) {
	s := start(t)
	for i := range 250 {
		s.Connectors = append(
			s.Connectors,
			&zenmltest.Connector{ID: fmt.Sprint(i), Name: fmt.Sprint("c", i), Type: "docker"},
		)
	}
	list, err := client(t, s).Connectors(t.Context())
	if err != nil || len(list) != 251 {
		t.Fatalf("%d connectors, %v", len(list), err)
	}
	if list[0].Name != "reg" || list[0].Type != "aws" || list[0].Owner != "zenbot" {
		t.Errorf("first is %+v", list[0])
	}
	if n := count(s, "GET /api/v1/service_connectors"); n != 3 {
		t.Errorf("%d pages read, want 3", n)
	}
}

func TestFailuresAreSentences(t *testing.T) {
	endless := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for {
			if _, err := io.WriteString(w, strings.Repeat("[", 1<<16)); err != nil {
				return
			}
		}
	}
	tests := []struct {
		name   string
		broken http.HandlerFunc
		want   string
		reason credential.Reason
	}{
		{"a web page", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			io.WriteString(w, "<html>")
		}, "not JSON but text/html", credential.Unreachable},
		{"redirect elsewhere", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://evil.example/", http.StatusFound)
		}, "redirects elsewhere", credential.Unreachable},
		{"endless", endless, "larger than 8 MiB", credential.Unreachable},
		{"garbage", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, "[1,2")
		}, "another form", credential.Unreachable},
		{"wrong types", func(w http.ResponseWriter, r *http.Request) {
			answerJSON(w, `{"id":1,"version":{}}`)
		}, "another form", credential.Unreachable},
		{"not ZenML", func(w http.ResponseWriter, r *http.Request) { answerJSON(w, `{}`) }, "does not " +
			"say who it is", credential.Unreachable},
		{"no such path", http.NotFound, "does not know ZenML's API", credential.Unreachable},
		{"too old", func(w http.ResponseWriter, r *http.Request) {
			answerJSON(w, `{"id":"x","version":"0.58.2","active":true}`)
		}, "needs 0.80 or newer", credential.InvalidInput},
		{"not activated", func(w http.ResponseWriter, r *http.Request) {
			answerJSON(w, `{"id":"x","version":"0.98.0","active":false}`)
		}, "not activated", credential.InvalidInput},
		{"failing", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(500)
			io.WriteString(w, "\x1b[31mboom")
		}, "failed (500)", credential.Unreachable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t)
			s.Broken = tt.broken
			_, err := client(t, s).Info(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.want) ||
				credential.ReasonOf(err) != tt.reason ||
				strings.ContainsRune(err.Error(), '\x1b') {
				t.Errorf("error is %v (%s), want %q (%s)", err, credential.ReasonOf(err), tt.want, tt.reason)
			}
		})
	}
}

func answerJSON(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, body)
}

func TestCancelledAndDown(t *testing.T) {
	s := start(t)
	c := client(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Info(ctx); !credential.Timeout.Is(err) {
		t.Errorf("cancelled: %v", err)
	}
	s.Close()
	if _, err := c.Info(t.Context()); !credential.Unreachable.Is(err) ||
		!strings.Contains(err.Error(), "refused") {
		t.Errorf("down: %v", err)
	}
}

func TestNoErrorHoldsASecret(t *testing.T) {
	s := start(t)
	c := client(t, s, func(cfg *Config) { cfg.Key = key("ZENKEY_canary") })
	_, err := c.Login(t.Context())
	if err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("error is %v", err)
	}
}

// What people paste is often the address of a page of the dashboard, which answers
// everything with HTML.
func TestAddressOfAPage(t *testing.T) {
	s := start(t)
	s.Broken = func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", "text/html") }
	for path, hint := range map[string]string{
		"": "check the address: zen server list", "/stacks": "leave the path out, unless the server is " +
			"below one: zen server connect " + s.URL,
	} {
		_, err := client(t, s, func(c *Config) { c.URL += path }).Info(t.Context())
		if e, ok := errors.AsType[*credential.Error](err); !ok || !strings.Contains(e.Error(), "not JSON "+
			"but text/html") || e.HintText() != hint {
			t.Errorf("at %q: %v, hint %q", path, err, e.HintText())
		}
	}
}

func TestOlderThan(t *testing.T) {
	for version, want := range map[string]bool{
		"0.79.9": true, "0.80.0": false, "0.98.0": false,
		"1.0.0": false, "0.8": true, "junk": true,
	} {
		if got := olderThan(version, 0, 80); got != want {
			t.Errorf("olderThan(%q) = %v", version, got)
		}
	}
}

// What a server refuses to make is mended there: zen must not take the refusal for longer
// than it takes to do that.
func TestRefusalsCountBriefly(t *testing.T) {
	s := start(t)
	c := client(t, s)
	mint := func() error {
		_, err := c.Credential(t.Context(), s.Connectors[0].ID, "", parse(t, "reg.example.com"))
		return err
	}
	tests := []struct {
		name   string
		spoil  func(*zenmltest.Connector)
		reason credential.Reason
	}{
		{
			"expired",
			func(c *zenmltest.Connector) { c.Ends = time.Now().Add(299 * time.Second) },
			credential.Expired,
		},
		{
			"of another host",
			func(c *zenmltest.Connector) { c.Registry = "other.example.com" },
			credential.Denied,
		},
		{"gone", func(c *zenmltest.Connector) { c.ID = "another" }, credential.NoSuchEntity},
	}
	for _, tt := range tests {
		was := *s.Connectors[0]
		id := was.ID
		s.Lock()
		tt.spoil(s.Connectors[0])
		s.Unlock()
		_, err := c.Credential(t.Context(), id, "", parse(t, "reg.example.com"))
		var wait interface{ RetryAfter() time.Duration }
		if !tt.reason.Is(err) || !errors.As(err, &wait) || wait.RetryAfter() != refusalCounts {
			t.Errorf("%s: %v, %#v", tt.name, err, err)
		}
		s.Lock()
		*s.Connectors[0] = was
		s.Unlock()
		if err := mint(); err != nil {
			t.Errorf("%s, mended: %v", tt.name, err)
		}
	}
}
