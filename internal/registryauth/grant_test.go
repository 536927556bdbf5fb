package registryauth

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/registrytest"
)

const refresh = "refresh-me"

// tokenService answers as told, and takes the refresh token that it grants.
type tokenService struct {
	offline  func(w http.ResponseWriter, r *http.Request) // GET with offline_token
	password func(w http.ResponseWriter, r *http.Request) // POST with grant_type=password
	useless  bool                                         // what it grants, it does not take
}

func (s tokenService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path != "/token" && strings.HasPrefix(r.Header.Get("Authorization"), "Bearer "):
	case r.URL.Path != "/token":
		unauthorized(w, `Bearer realm="http://`+r.Host+`/token",service="test"`, errorBody)
	case r.Method == http.MethodPost && r.PostFormValue("grant_type") == "refresh_token":
		if r.PostFormValue("refresh_token") != refresh || s.useless {
			unauthorized(w, "", `{"details":"no such token"}`)
			return
		}
		json.NewEncoder(w).Encode(map[string]any{"access_token": token(user)})
	case r.Method == http.MethodPost:
		s.password(w, r)
	case r.URL.Query().Get("offline_token") == "true":
		s.offline(w, r)
	default: // the anonymous control of the proof
		serveToken(w, token(""))
	}
}

func grants(w http.ResponseWriter, r *http.Request) {
	u, p := r.PostFormValue("username"), r.PostFormValue("password")
	if r.Method == http.MethodGet {
		u, p, _ = r.BasicAuth()
	}
	if u != user || p != password {
		unauthorized(w, "", `{"details":"incorrect username or password"}`)
		return
	}
	json.NewEncoder(w).Encode(map[string]any{"token": "t", "refresh_token": refresh, "expires_in": 60})
}

// says answers with a status and a body.
func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

func TestGrant(t *testing.T) {
	plain, never := says(
		200,
		`{"token":"t"}`,
	), http.HandlerFunc(
		func(http.ResponseWriter, *http.Request) { panic("asked twice") },
	)
	const none = "invalid_input: HOST does not give identity tokens: its token service grants none"
	tests := []struct {
		name, pass string
		service    tokenService
		want       string // "ok", or reason and message
	}{
		{"as docker login asks", password, tokenService{offline: grants, password: never}, "ok"},
		{"by OAuth2 only", password, tokenService{offline: plain, password: grants}, "ok"},
		{"where GET is not known", password, tokenService{offline: says(405, ""), password: grants}, "ok"},
		{"a wrong password", "wrong", tokenService{offline: grants, password: never}, "rejected: HOST " +
			"rejects the credentials: incorrect username or password"},
		{
			"a wrong password by OAuth2",
			"wrong",
			tokenService{offline: says(404, ""), password: grants},
			"rejected: HOST rejects the credentials",
		},
		{"none", password, tokenService{offline: plain, password: says(404, "")}, none},
		{
			"none, and POST looks like a refusal",
			password,
			tokenService{offline: plain, password: says(401, "")},
			none,
		},
		{
			"an empty one",
			password,
			tokenService{offline: says(200, `{"token":"t","refresh_token":""}`), password: plain},
			none,
		},
		{
			"one that is no text",
			password,
			tokenService{offline: says(200, `{"refresh_token":7}`), password: plain},
			none,
		},
		{
			"one that could steer a terminal",
			password,
			tokenService{offline: says(200, `{"refresh_token":"a\u001b[2J"}`), password: plain},
			none,
		},
		{
			"no JSON",
			password,
			tokenService{offline: says(200, `<html>refresh-me`), password: says(200, "{")},
			none,
		},
		{
			"too much",
			password,
			tokenService{offline: says(200, strings.Repeat(" ", maxGrant)+`{}`), password: never},
			"unreachable: HOST does not answer like a registry: it sends too much",
		},
		{"trouble", password, tokenService{offline: says(503, "down"), password: never}, "unreachable: " +
			"HOST has trouble"},
		{"too many", password, tokenService{offline: says(429, ""), password: never}, "unreachable: HOST " +
			"refuses further requests for now"},
		{
			"one that it does not take",
			password,
			tokenService{offline: grants, password: never, useless: true},
			"rejected: the identity token that was granted is of no use: HOST rejects the credentials: " +
				"no such token",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			reg := newFake(t, tt.service.ServeHTTP)
			got, text := grant(t, quick(), reg.host(), tt.pass)
			if want := strings.ReplaceAll(tt.want, "HOST", reg.host()); !strings.HasPrefix(text, want) {
				t.Errorf("got %s, want %s", text, want)
			}
			if tt.want == "ok" && (got.Username != "<token>" || string(got.Secret.Reveal()) != refresh) {
				t.Errorf("granted %q", got.Username)
			}
		})
	}
}

func grant(t *testing.T, c *Checker, registry, pass string) (credential.Credential, string) {
	t.Helper()
	got, err := c.IdentityToken(t.Context(), target(t, registry), login(user, pass))
	if err == nil {
		return got, "ok"
	}
	if !got.Secret.IsEmpty() || strings.Contains(err.Error(), pass) ||
		strings.Contains(err.Error(), refresh) {
		t.Errorf("a secret beside an error, or in it: %v", err)
	}
	return got, fmt.Sprintf("%s: %v", credential.ReasonOf(err), err)
}

func TestGrantOfOtherRegistries(t *testing.T) {
	basic := registrytest.StartBasic(user, password)
	defer basic.Close()
	if _, text := grant(t, quick(), basic.Host, password); !strings.Contains(text, "does not give "+
		"identity tokens: it has no token service") {
		t.Errorf("basic: %s", text)
	}
	open := newFake(t, func(http.ResponseWriter, *http.Request) {})
	if _, text := grant(t, quick(), open.host(), password); !strings.Contains(text, "it has no token "+
		"service") || open.gotSecret() {
		t.Errorf("open: %s, got the password: %v", text, open.gotSecret())
	}
	if _, text := grant(t, quick(), "127.0.0.1:1", password); !strings.Contains(text, "connection refused") {
		t.Errorf("nobody there: %s", text)
	}
}

// The password goes to no token service that verification would not ask either, and
// follows no redirect.
func TestGrantStaysWithTheRegistry(t *testing.T) {
	thief := newFake(t, grants)
	n := newInternet(t)
	reg := newTLSFake(t, bearerRegistry("http://"+thief.host()+"/token", nil, everyToken))
	n.hosts["registry.example.com:443"] = reg
	n.trust("registry.example.com", reg)
	if _, text := grant(t, n.check, "registry.example.com", password); !strings.Contains(
		text,
		"they were not sent",
	) {
		t.Errorf("%s", text)
	}
	away := newFake(t, tokenService{offline: func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, thief.URL+"/token", http.StatusTemporaryRedirect)
	}, password: func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, thief.URL+"/token", http.StatusTemporaryRedirect)
	}}.ServeHTTP)
	if _, text := grant(t, quick(), away.host(), password); !strings.Contains(text, "grants none") {
		t.Errorf("%s", text)
	}
	if len(thief.requests()) > 0 {
		t.Errorf("the thief was asked: %q", thief.requests())
	}
}
