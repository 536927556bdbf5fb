package zenml

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/zenml/zenmltest"
)

func TestPasswordLogin(t *testing.T) {
	s := start(t)
	as := func(user, password string) error {
		_, err := client(
			t,
			s,
			func(c *Config) { c.Auth, c.Username, c.Key = AuthPassword, user, key(password) },
		).Login(t.Context())
		return err
	}
	if err := as("admin", "password"); err != nil {
		t.Error(err)
	}
	if err := as("admin", "wrong"); !credential.NeedsLogin.Is(err) ||
		!strings.Contains(err.Error(), "invalid username or password") {
		t.Errorf("wrong password: %v", err)
	}
}

func TestNoAuthIsForThisMachine(t *testing.T) {
	s := start(t)
	s.Scheme = "NO_AUTH"
	c := client(t, s, func(c *Config) { c.Auth, c.Key = AuthNone, nil })
	if u, err := c.Login(t.Context()); err != nil || u.Name != "default" ||
		count(s, "POST /api/v1/login") != 0 {
		t.Errorf("user %+v, %v, %d logins", u, err, count(s, "POST /api/v1/login"))
	}
	says := func(err error, reason credential.Reason, message, hint string) {
		t.Helper()
		e, ok := errors.AsType[*credential.Error](err)
		if message = strings.ReplaceAll(message, "HOST", c.base.Host); !ok || e.Reason != reason ||
			e.Error() != message ||
			e.HintText() != hint {
			t.Errorf("%v, want %s\n%+v", err, message, e)
		}
	}
	delete(s.Users, "default") // it was switched to NO_AUTH after somebody else had set it up
	_, err := c.Login(t.Context())
	says(err, credential.Unreachable, "ZenML server HOST failed (500): An unexpected error occurred.",
		"see the server's log; without authentication ZenML needs a user of the name 'default'")
	s.Scheme = "OAUTH2_PASSWORD_BEARER"
	_, err = c.Login(t.Context())
	says(err, credential.NeedsLogin, "ZenML server HOST does not let everybody in any more: Not "+
		"authenticated", "zen server connect "+s.URL)
	if _, err := New(Config{URL: "https://zenml.example.com", Auth: AuthNone}); !credential.InvalidInput.Is(
		err,
	) ||
		!strings.Contains(err.Error(), "lets everybody in") {
		t.Errorf("elsewhere: %v", err)
	}
	if _, err := New(Config{URL: "https://zenml.example.com", Auth: AuthNone, Insecure: true}); err != nil {
		t.Errorf("elsewhere with --insecure: %v", err)
	}
}

// The dashboard makes a server's first user; until then nobody can log in.
func TestServerThatIsNotSetUp(t *testing.T) {
	s := start(t)
	s.Inactive = true
	_, err := client(t, s).Info(t.Context())
	e, ok := errors.AsType[*credential.Error](err)
	if !ok || e.Reason != credential.InvalidInput || e.Error() != "the server is not activated "+
		"yet" || e.HintText() != "open "+s.URL+" in a browser and set it up" {
		t.Errorf("%v", err)
	}
}

func TestTLS(t *testing.T) {
	s := zenmltest.StartTLS()
	t.Cleanup(s.Close)
	if _, err := client(t, s).Info(t.Context()); !credential.Unreachable.Is(err) ||
		!strings.Contains(err.Error(), "certificate is not trusted") {
		t.Errorf("unknown authority: %v", err)
	}
	if _, err := client(t, s, func(c *Config) { c.CACert = s.CA() }).Login(t.Context()); err != nil {
		t.Errorf("with its authority: %v", err)
	}
	if _, err := New(Config{URL: s.URL, CACert: []byte("no PEM")}); !credential.InvalidInput.Is(err) {
		t.Errorf("no PEM: %v", err)
	}
	plain := start(t)
	_, err := client(
		t,
		plain,
		func(c *Config) { c.URL = strings.Replace(plain.URL, "http:", "https:", 1) },
	).Info(t.Context())
	if err == nil || !strings.Contains(err.Error(), "does not speak TLS") {
		t.Errorf("https to a server of http: %v", err)
	}
}

func TestDeviceFlow(t *testing.T) {
	s := start(t)
	c := client(t, s, func(c *Config) { c.Auth, c.Key = AuthDevice, key(zenmltest.DeviceToken) },
		func(c *Config) { c.Host = "ann's lap\r\ntop.example.com" })
	d, err := c.StartDevice(t.Context(), "11111111-1111-1111-1111-111111111111")
	if err != nil {
		t.Fatal(err)
	}
	if d.URL != s.URL+"/devices/verify?device_id=c7ba3f7c&user_code=d3f0d666" || d.UserCode != "d3f0d666" ||
		time.Until(d.Until) < 4*time.Minute {
		t.Errorf("device is %+v", d)
	}
	if s.DeviceHost != "annslaptop.example.com" || s.DeviceOS != runtime.GOOS {
		t.Errorf("whoever is to allow it sees the machine %q with %q", s.DeviceHost, s.DeviceOS)
	}
	d.interval = time.Millisecond
	if _, _, err := c.pollDevice(t.Context(), d); !errors.Is(err, ErrPending) {
		t.Fatalf("before it is allowed: %v", err)
	}
	s.Lock()
	s.Allowed = true
	s.Unlock()
	token, end, err := c.WaitDevice(t.Context(), d)
	if err != nil || string(token.Reveal()) != zenmltest.DeviceToken || time.Until(end) < 59*time.Minute {
		t.Fatalf("token until %v, %v", end, err)
	}
	if _, err := c.Login(t.Context()); err != nil {
		t.Error(err)
	}
	s.Revoke()
	before := len(s.Requests())
	if _, err := c.Login(t.Context()); !credential.NeedsLogin.Is(err) || len(s.Requests())-before != 1 {
		t.Errorf("after it was revoked: %v, %d requests", err, len(s.Requests())-before)
	}
}

func TestDeviceFlowEnds(t *testing.T) {
	for code, want := range map[string]credential.Reason{
		"access_denied": credential.Denied, "expired_token": credential.Timeout,
		"invalid_client": credential.InvalidInput,
	} {
		s := start(t)
		s.Broken = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(400)
			fmt.Fprintf(w, `{"error": %q, "error_description": "because"}`, code)
		}
		c := client(t, s)
		d := &Device{Until: time.Now().Add(time.Minute), interval: time.Millisecond}
		if _, _, err := c.WaitDevice(t.Context(), d); credential.ReasonOf(err) != want {
			t.Errorf("%s: %v", code, err)
		}
	}
	s := start(t)
	c := client(t, s)
	d, err := c.StartDevice(t.Context(), "id")
	if err != nil {
		t.Fatal(err)
	}
	d.Until, d.interval = time.Now().Add(20*time.Millisecond), time.Millisecond
	if _, _, err := c.WaitDevice(t.Context(), d); !credential.Timeout.Is(err) {
		t.Errorf("nobody came: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := c.WaitDevice(ctx, d); !errors.Is(err, ErrPending) {
		t.Errorf("not waited for: %v", err)
	}
}

func TestDevicePageOfAnotherHostIsRefused(t *testing.T) {
	for _, page := range []string{
		"https://evil.example/login", "//evil.example/x", "javascript:alert(1)", "",
		"http://u@HOST/x",
	} {
		s := start(t)
		s.Broken = func(w http.ResponseWriter, r *http.Request) {
			answerJSON(
				w,
				fmt.Sprintf(
					`{"device_code":"x","user_code":"y","verification_uri_complete":%q,"expires_in":300}`,
					strings.ReplaceAll(page, "HOST", r.Host),
				),
			)
		}
		if d, err := client(t, s).StartDevice(t.Context(), "id"); err == nil {
			t.Errorf("%q is opened: %+v", page, d)
		}
	}
}

func TestPoolSharesOneToken(t *testing.T) {
	s := start(t)
	p := NewPool()
	login := func(revision string) {
		t.Helper()
		c, err := p.Client(
			Config{ID: "x", Revision: revision, URL: s.URL, Auth: AuthAPIKey, Key: key(s.APIKey)},
		)
		if err == nil {
			_, err = c.Login(t.Context())
		}
		if err != nil {
			t.Error(err)
		}
	}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { login("1") })
	}
	all.Wait()
	if n := count(s, "POST /api/v1/login"); n != 1 {
		t.Errorf("%d logins of 20 clients, want 1", n)
	}
	login("2")
	p.Forget()
	login("2")
	if n := count(s, "POST /api/v1/login"); n != 3 {
		t.Errorf("%d logins, want one more for another revision and one after forgetting", n)
	}
}

func TestWaitingForALoginCanBeGivenUp(t *testing.T) {
	s := start(t)
	c := client(t, s)
	done, err := c.turn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Login(ctx); !credential.Timeout.Is(err) {
		t.Errorf("error is %v", err)
	}
}

func TestRetryAfter(t *testing.T) {
	s := start(t)
	s.Broken = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "90")
		w.WriteHeader(http.StatusTooManyRequests)
		io.WriteString(w, `{"detail":"slow down"}`)
	}
	_, err := client(t, s).Info(t.Context())
	var wait interface{ RetryAfter() time.Duration }
	if !errors.As(err, &wait) || wait.RetryAfter() != 90*time.Second || !credential.RateLimited.Is(err) {
		t.Errorf("error is %#v", err)
	}
}

func TestExpiry(t *testing.T) {
	asked := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	skew := func(n int) *int { return &n }
	ecr := base64.StdEncoding.EncodeToString(
		fmt.Appendf(nil, `{"payload":"x","expiration":%d}`, asked.Add(12*time.Hour).Unix()),
	)
	jwt := "e30." + base64.RawURLEncoding.EncodeToString(
		fmt.Appendf(nil, `{"exp":%d}`, asked.Add(3*time.Hour).Unix()),
	) + ".sig"
	tests := []struct {
		name, user, password string
		expires              time.Time
		skew                 *int
		want                 time.Duration
	}{
		{"the server's", "u", "p", asked.Add(time.Hour), nil, time.Hour},
		{"less the tolerance", "u", "p", asked.Add(time.Hour), skew(300), 55 * time.Minute},
		{"a tolerance longer than the life", "u", "p", asked.Add(time.Minute), skew(300), 30 * time.Second},
		{"already over", "u", "p", asked.Add(-time.Minute), skew(300), -time.Minute},
		{"a password of a connector that ends much later", "u", "p", asked.AddDate(1, 0, 0), nil, lifeStatic},
		{"the same, less a tolerance", "u", "p", asked.AddDate(1, 0, 0), skew(300), lifeStatic},
		{"one that ends a bit later", "u", "p", asked.Add(62 * time.Minute), skew(300), 57 * time.Minute},
		{"a JWT as a password", "u", jwt, asked.Add(3 * time.Hour), nil, lifeStatic},
		{"ECR by the server", userECR, "opaque", asked.Add(12 * time.Hour), nil, 12 * time.Hour},
		{"Google by the server", userGAR, "ya29.x", asked.Add(2 * time.Hour), skew(300), 115 * time.Minute},
		{"ACR by the server", userACR, "a.b.c", asked.Add(3 * time.Hour), nil, 3 * time.Hour},
		{"ECR says it itself", userECR, ecr, time.Time{}, nil, 12 * time.Hour},
		{"ECR does not say", userECR, "opaque", time.Time{}, nil, lifeECR},
		{
			"ECR in the past",
			userECR,
			base64.StdEncoding.EncodeToString([]byte(`{"expiration":1}`)),
			time.Time{},
			nil,
			lifeECR,
		},
		{"Google", userGAR, "ya29.x", time.Time{}, nil, lifeGAR},
		{"ACR says it itself", userACR, jwt, time.Time{}, nil, 3 * time.Hour},
		{"ACR does not say", userACR, "a.b.c", time.Time{}, nil, lifeACR},
		{"a password", "alice", jwt, time.Time{}, nil, lifeStatic},
	}
	for _, tt := range tests {
		cred := credential.Credential{Username: tt.user, Secret: credential.SecretString(tt.password)}
		if got := expiry(cred, tt.expires, tt.skew, asked).Sub(asked); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}
