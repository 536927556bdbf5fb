// Package registrytest runs go-containerregistry's in-process registry on a loopback port
// behind the two kinds of authentication that registries have, Basic and Bearer
// (distribution's token specification). It is for tests only.
package registrytest

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
)

// Registry is a running registry that demands a user name and password.
type Registry struct {
	Host string // "127.0.0.1:port"

	srv     *httptest.Server
	key     []byte
	handler http.Handler

	mu       sync.Mutex
	users    map[string]string
	tokens   map[string]string // identity token -> user
	requests []string
}

// StartBasic runs a registry that demands Basic authentication for everything.
func StartBasic(username, password string) *Registry {
	r := newRegistry(username, password)
	r.srv = httptest.NewServer(r.record(http.HandlerFunc(r.serveBasic)))
	return r.started()
}

// StartBearer runs a registry with a token service of its own, reachable as localhost on
// the same port. Anonymous callers get a token that allows nothing. It grants identity
// tokens (OAuth2 refresh tokens) to whoever asks for one, until the user's password
// changes.
func StartBearer(username, password string) *Registry {
	r := newRegistry(username, password)
	mux := http.NewServeMux()
	mux.HandleFunc("/token", r.serveToken)
	mux.HandleFunc("/", r.serveBearer)
	r.srv = httptest.NewServer(r.record(mux))
	return r.started()
}

func newRegistry(username, password string) *Registry {
	key := make([]byte, 32)
	rand.Read(key)
	quiet := registry.Logger(slog.NewLogLogger(slog.DiscardHandler, slog.LevelError))
	return &Registry{
		key:     key,
		handler: registry.New(quiet),
		users:   map[string]string{username: password},
		tokens:  map[string]string{},
	}
}

func (r *Registry) started() *Registry {
	r.Host = strings.TrimPrefix(r.srv.URL, "http://")
	return r
}

// Close stops the registry.
func (r *Registry) Close() { r.srv.Close() }

// SetPassword adds a user or changes their password.
func (r *Registry) SetPassword(username, password string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.users[username] = password
	maps.DeleteFunc(r.tokens, func(_, user string) bool { return user == username })
}

// Requests returns method and path of every request so far.
func (r *Registry) Requests() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.requests)
}

func (r *Registry) record(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.mu.Lock()
		r.requests = append(r.requests, req.Method+" "+req.URL.Path)
		r.mu.Unlock()
		next.ServeHTTP(w, req)
	})
}

func (r *Registry) knows(username, password string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	want, ok := r.users[username]
	return ok && hmac.Equal([]byte(want), []byte(password))
}

func (r *Registry) serveBasic(w http.ResponseWriter, req *http.Request) {
	if user, pass, ok := req.BasicAuth(); !ok || !r.knows(user, pass) {
		w.Header().Set("WWW-Authenticate", `Basic realm="registrytest"`)
		refuse(w)
		return
	}
	r.handler.ServeHTTP(w, req)
}

// refuse answers as distribution does (spec: errors in the body of a 401).
func refuse(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusUnauthorized)
	fmt.Fprint(w, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`)
}

type access struct {
	Type    string   `json:"type"`
	Name    string   `json:"name"`
	Actions []string `json:"actions"`
}

type claims struct {
	Subject string   `json:"sub"`
	Expires int64    `json:"exp"`
	Access  []access `json:"access"`
}

// serveToken issues a JWT; callers without a known name and password get an empty access
// list, or are refused when the password is wrong.
func (r *Registry) serveToken(w http.ResponseWriter, req *http.Request) {
	user, pass, given := req.BasicAuth()
	known := r.knows(user, pass)
	scopes := req.URL.Query()["scope"]
	if req.PostFormValue("grant_type") == "refresh_token" {
		user, given = r.holder(req.PostFormValue("refresh_token")), true
		known, scopes = user != "", strings.Fields(req.PostFormValue("scope"))
	}
	if given && !known {
		refuse(w)
		return
	}
	answer := map[string]any{"expires_in": 300}
	if given && req.URL.Query().Get("offline_token") == "true" {
		answer["refresh_token"] = r.newToken(user)
	}
	c := claims{Subject: user, Expires: time.Now().Add(5 * time.Minute).Unix(), Access: []access{}}
	for _, scope := range scopes {
		parts := strings.Split(scope, ":")
		if given && len(parts) == 3 {
			c.Access = append(
				c.Access,
				access{Type: parts[0], Name: parts[1], Actions: strings.Split(parts[2], ",")},
			)
		}
	}
	w.Header().Set("Content-Type", "application/json")
	answer["token"] = r.sign(c)
	answer["access_token"] = answer["token"]
	json.NewEncoder(w).Encode(answer)
}

// newToken makes an identity token.
func (r *Registry) newToken(user string) string {
	b := make([]byte, 15)
	rand.Read(b)
	token := "identity-" + base64.RawURLEncoding.EncodeToString(b)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tokens[token] = user
	return token
}

// holder is whose an identity token is, "" when it is nobody's.
func (r *Registry) holder(token string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tokens[token]
}

// IdentityTokens are those that are good.
func (r *Registry) IdentityTokens() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.tokens))
}

func (r *Registry) sign(c claims) string {
	header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`))
	body, _ := json.Marshal(c)
	unsigned := header + "." + base64.RawURLEncoding.EncodeToString(body)
	return unsigned + "." + r.mac(unsigned)
}

func (r *Registry) mac(s string) string {
	m := hmac.New(sha256.New, r.key)
	m.Write([]byte(s))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

func (r *Registry) serveBearer(w http.ResponseWriter, req *http.Request) {
	if r.allowed(req) {
		r.handler.ServeHTTP(w, req)
		return
	}
	_, port, _ := strings.Cut(r.Host, ":")
	challenge := fmt.Sprintf(`Bearer realm="http://localhost:%s/token",service="registrytest"`, port)
	if repo := repository(req.URL.Path); repo != "" {
		challenge += fmt.Sprintf(`,scope="repository:%s:%s"`, repo, action(req))
	}
	w.Header().Set("WWW-Authenticate", challenge)
	refuse(w)
}

// allowed reports whether the request's token grants what it asks for; /v2/ itself needs
// any valid token.
func (r *Registry) allowed(req *http.Request) bool {
	token, ok := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer ")
	i := strings.LastIndexByte(token, '.')
	if !ok || i < 0 || !hmac.Equal([]byte(r.mac(token[:i])), []byte(token[i+1:])) {
		return false
	}
	_, payload, _ := strings.Cut(token[:i], ".")
	raw, err := base64.RawURLEncoding.DecodeString(payload)
	var c claims
	if err != nil || json.Unmarshal(raw, &c) != nil || time.Now().Unix() > c.Expires {
		return false
	}
	repo := repository(req.URL.Path)
	if repo == "" {
		return true
	}
	return slices.ContainsFunc(c.Access, func(a access) bool {
		return a.Name == repo && slices.Contains(a.Actions, action(req))
	})
}

func action(req *http.Request) string {
	if req.Method == http.MethodGet || req.Method == http.MethodHead {
		return "pull"
	}
	return "push"
}

// repository is the repository a registry API path is about (OCI distribution spec,
// section 3), "" for /v2/ itself.
func repository(path string) string {
	rest := strings.TrimPrefix(path, "/v2/")
	for _, sep := range []string{"/manifests/", "/blobs/", "/tags/", "/referrers/"} {
		if i := strings.Index(rest, sep); i > 0 {
			return rest[:i]
		}
	}
	return ""
}
