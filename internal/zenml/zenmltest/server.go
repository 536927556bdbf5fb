// Package zenmltest is a contract fake of a ZenML server: the part of its REST API that zen uses, with the answers' shapes
// taken from recordings of a real 0.98.0 server. It is for tests only.
package zenmltest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"
)

// Server is a running fake. Fields may be changed under Lock while it runs.
type Server struct {
	sync.Mutex
	URL string

	Version    string
	APIKey     string
	Users      map[string]string // user name -> password
	TokenLife  int               // seconds; 0: tokens have no life time
	Connectors []*Connector
	Registries []map[string]any
	Stacks     []map[string]any
	Broken     http.HandlerFunc // when set, answers everything instead

	srv      *httptest.Server
	tokens   map[string]time.Time // token -> end; zero: none
	requests []string
	serial   int
}

// Connector is a service connector of the fake.
type Connector struct {
	ID, Name, Type, ResourceID string
	Username, Password         string // what /client mints
	Registry                   string // the registry /client answers for
	Life                       time.Duration
	Mints                      int
}

// Start runs a fake that accepts the API key "ZENKEY_test".
func Start() *Server {
	s := &Server{Version: "0.98.0", APIKey: "ZENKEY_test", Users: map[string]string{"admin": "password"}, tokens: map[string]time.Time{}}
	s.srv = httptest.NewServer(http.HandlerFunc(s.serve))
	s.URL = s.srv.URL
	return s
}

// Close stops the fake.
func (s *Server) Close() { s.srv.Close() }

// Requests returns method and path of every request so far.
func (s *Server) Requests() []string {
	s.Lock()
	defer s.Unlock()
	return slices.Clone(s.requests)
}

// Revoke makes every token given out so far invalid.
func (s *Server) Revoke() {
	s.Lock()
	defer s.Unlock()
	clear(s.tokens)
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.Lock()
	defer s.Unlock()
	s.requests = append(s.requests, r.Method+" "+r.URL.Path)
	if s.Broken != nil {
		s.Broken(w, r)
		return
	}
	path, ok := strings.CutPrefix(r.URL.Path, "/api/v1")
	switch {
	case !ok:
		w.WriteHeader(http.StatusNotFound)
	case path == "/info":
		answer(w, map[string]any{
			"id": "d5abb2d2-e398-428b-a6e4-b19c08204186", "name": "default", "version": s.Version,
			"active": true, "auth_scheme": "OAUTH2_PASSWORD_BEARER",
		})
	case path == "/login":
		s.login(w, r)
	default:
		s.authorized(w, r, path)
	}
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}

func fail(w http.ResponseWriter, status int, class, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"detail": []string{class, message}})
}

func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	user, secret := r.PostFormValue("username"), r.PostFormValue("password")
	if user == "" && secret != s.APIKey || user != "" && (secret == "" || s.Users[user] != secret) {
		fail(w, http.StatusUnauthorized, "CredentialsNotValid", "Authentication error: invalid username or password")
		return
	}
	s.serial++
	token := fmt.Sprintf("jwt-%d", s.serial)
	var end time.Time
	var life any
	if s.TokenLife > 0 {
		end, life = time.Now().Add(time.Duration(s.TokenLife)*time.Second), s.TokenLife
	}
	s.tokens[token] = end
	answer(w, map[string]any{"access_token": token, "token_type": "bearer", "expires_in": life, "refresh_token": nil})
}

func (s *Server) authorized(w http.ResponseWriter, r *http.Request, path string) {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	end, ok := s.tokens[token]
	if !ok || !end.IsZero() && time.Now().After(end) {
		fail(w, http.StatusUnauthorized, "CredentialsNotValid", "Authentication error: error decoding access token: Invalid JWT token: Signature has expired.")
		return
	}
	switch {
	case path == "/current-user":
		answer(w, map[string]any{"id": "190c74b9-9ef6-4324-939c-32508517a594", "name": "admin", "body": map[string]any{"is_admin": true}})
	case path == "/service_connectors":
		s.list(w, r, s.connectors())
	case path == "/components":
		s.list(w, r, s.Registries)
	case path == "/stacks":
		s.list(w, r, s.Stacks)
	case strings.HasPrefix(path, "/service_connectors/"):
		s.connector(w, r, strings.TrimPrefix(path, "/service_connectors/"))
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (s *Server) list(w http.ResponseWriter, r *http.Request, items []map[string]any) {
	var page, size int
	fmt.Sscan(r.URL.Query().Get("page"), &page)
	fmt.Sscan(r.URL.Query().Get("size"), &size)
	from := min((page-1)*size, len(items))
	to := min(from+size, len(items))
	answer(w, map[string]any{
		"index": page, "max_size": size, "total": len(items),
		"total_pages": max(1, (len(items)+size-1)/size), "items": items[from:to],
	})
}

func (s *Server) connectors() []map[string]any {
	var out []map[string]any
	for _, c := range s.Connectors {
		out = append(out, c.response(c.Type, map[string]any{"registry": c.Registry}, nil))
	}
	return out
}

// response is a hydrated ServiceConnectorResponse.
func (c *Connector) response(kind string, config map[string]any, expires any) map[string]any {
	return map[string]any{
		"id": c.ID, "name": c.Name, "permission_denied": false,
		"body": map[string]any{
			"created": "2026-11-23T09:38:52.047088", "updated": "2026-11-23T09:38:52.047102", "description": "",
			"connector_type": map[string]any{"name": "Service Connector", "connector_type": kind},
			"auth_method":    "password", "resource_types": []string{"docker-registry"}, "resource_id": c.ResourceID,
			"supports_instances": false, "expires_at": expires, "expires_skew_tolerance": nil,
		},
		"metadata":  map[string]any{"configuration": config, "expiration_seconds": nil, "labels": map[string]any{}},
		"resources": map[string]any{"user": map[string]any{"name": "zenbot"}},
	}
}

func (s *Server) connector(w http.ResponseWriter, r *http.Request, rest string) {
	id, action, _ := strings.Cut(rest, "/")
	i := slices.IndexFunc(s.Connectors, func(c *Connector) bool { return c.ID == id })
	switch {
	case i < 0:
		fail(w, http.StatusNotFound, "KeyError", "\"Unable to get service connector with ID '"+id+"': No service connector with this ID found\"")
	case action == "client":
		s.client(w, r, s.Connectors[i])
	case r.Method == http.MethodDelete:
		s.Connectors = slices.Delete(s.Connectors, i, i+1)
		answer(w, nil)
	default:
		c := s.Connectors[i]
		answer(w, c.response(c.Type, map[string]any{"registry": c.Registry}, nil))
	}
}

func (s *Server) client(w http.ResponseWriter, r *http.Request, c *Connector) {
	if want := r.URL.Query().Get("resource_id"); want != "" && want != c.ResourceID {
		fail(w, http.StatusUnauthorized, "AuthorizationException", "The connector does not allow access to the provided '"+want+
			"' Docker/OCI container registry resource. It only allows access to the following resource: '"+c.ResourceID+"'.")
		return
	}
	c.Mints++
	var expires any
	if c.Life > 0 {
		expires = time.Now().UTC().Add(c.Life).Format("2006-01-02T15:04:05.999999")
	}
	answer(w, c.response("docker", map[string]any{"username": c.Username, "password": c.Password, "registry": c.Registry}, expires))
}
