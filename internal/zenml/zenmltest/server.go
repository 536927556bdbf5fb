// Package zenmltest is a contract fake of a ZenML server: the part of its REST API that
// zen uses, with the answers' shapes taken from recordings of a real 0.98.0 server. It is
// for tests only.
package zenmltest

import (
	"cmp"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
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

	ID         string // of the server
	Version    string
	Scheme     string // auth_scheme; NO_AUTH lets everybody in, as the user "default"
	Inactive   bool   // nobody has set it up yet
	APIKey     string
	Users      map[string]string // user name -> password
	TokenLife  int               // seconds; 0: tokens have no life time
	Connectors []*Connector
	Registries []map[string]any
	Stacks     []map[string]any
	Broken     http.HandlerFunc // when set, answers everything instead
	Allowed    bool             // a person allowed the device
	DeviceHost string           // what the page says of the device that asks
	DeviceOS   string
	Interval   int // seconds between two questions about a device

	srv      *httptest.Server
	tokens   map[string]time.Time // token -> end; zero: none
	names    map[string]string    // token -> user name, of who logged in with a password
	requests []string
	serial   int
}

// Connector is a service connector of the fake.
type Connector struct {
	ID, Name, Type, ResourceID string
	AuthMethod                 string        // "": password
	Instances                  []string      // registries of a connector without a ResourceID
	Username, Password         string        // what /client mints
	Registry                   string        // the registry /client answers for
	Life                       time.Duration // of what /client mints; 0: expires_at is null
	// expires_skew_tolerance in seconds; 0: null, which counts as 300
	Skew int
	// expires_at of the connector, after which it mints nothing; zero: null
	Ends              time.Time
	Mints             int // answers of /client
	Description       string
	Labels            map[string]string
	More              map[string]any // attributes beside user name, password and registry
	ExpirationSeconds any
	InUse             bool // a component of a stack uses it
}

// DeviceToken is what the fake gives a device that was allowed.
const DeviceToken = "jwt-device"

// Start runs a fake that accepts the API key "ZENKEY_test".
func Start() *Server {
	s := newServer()
	s.srv = httptest.NewServer(http.HandlerFunc(s.serve))
	s.URL = s.srv.URL
	return s
}

// StartTLS is Start with a certificate of its own authority; see CA.
func StartTLS() *Server {
	s := newServer()
	s.srv = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	// clients that do not trust it are what it is for
	s.srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.srv.StartTLS()
	s.URL = s.srv.URL
	return s
}

// New is a fake that nobody listens for: it is a handler, for a test that brings its own
// network.
func New() *Server {
	s := newServer()
	s.URL = "http://127.0.0.1:8237"
	return s
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.serve(w, r) }

func newServer() *Server {
	return &Server{
		ID: "d5abb2d2-e398-428b-a6e4-b19c08204186", Version: "0.98.0", Scheme: "OAUTH2_PASSWORD_BEARER",
		APIKey: "ZENKEY_test", Users: map[string]string{"admin": "password", "default": ""},
		Interval: 1, tokens: map[string]time.Time{}, names: map[string]string{},
	}
}

// CA is the certificate, in PEM, that a client of StartTLS's server has to trust.
func (s *Server) CA() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.srv.Certificate().Raw})
}

// Minted is how often /client was answered for a connector.
func (s *Server) Minted(name string) int {
	s.Lock()
	defer s.Unlock()
	for _, c := range s.Connectors {
		if c.Name == name {
			return c.Mints
		}
	}
	return 0
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
			"id": s.ID, "name": "default", "version": s.Version,
			"active": !s.Inactive, "auth_scheme": s.Scheme,
		})
	case path == "/login" && r.PostFormValue("device_code") != "":
		s.device(w, r)
	case path == "/login":
		s.login(w, r)
	case path == "/device_authorization":
		s.DeviceHost, s.DeviceOS = machine(r.UserAgent())
		answer(w, map[string]any{
			"device_code": "0fa43256", "user_code": "d3f0d666", "verification_uri": "/devices/verify",
			"verification_uri_complete": "/devices/verify?device_id=c7ba3f7c&user_code=d3f0d666",
			"expires_in":                300, "interval": s.Interval,
		})
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
		fail(w, http.StatusUnauthorized, "CredentialsNotValid", "Authentication error: invalid username "+
			"or password")
		return
	}
	s.serial++
	token := fmt.Sprintf("jwt-%d", s.serial)
	var end time.Time
	var life any
	if s.TokenLife > 0 {
		end, life = time.Now().Add(time.Duration(s.TokenLife)*time.Second), s.TokenLife
	}
	s.tokens[token], s.names[token] = end, user
	answer(
		w,
		map[string]any{
			"access_token":  token,
			"token_type":    "bearer",
			"expires_in":    life,
			"refresh_token": nil,
		},
	)
}

// machine reads a User-Agent as ZenML does (auth_models.py, OAuthDeviceUserAgentHeader).
func machine(agent string) (host, system string) {
	for property := range strings.SplitSeq(strings.TrimSpace(agent), " ") {
		switch key, value, _ := strings.Cut(property, "/"); key {
		case "Host":
			host = value
		case "OS":
			system = value
		}
	}
	return host, system
}

func (s *Server) device(w http.ResponseWriter, r *http.Request) {
	if r.PostFormValue("device_code") != "0fa43256" || r.PostFormValue("client_id") == "" || !s.Allowed {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		json.NewEncoder(w).
			Encode(map[string]any{"error": "authorization_pending", "error_description": "nobody allowed " +
				"it yet"})
		return
	}
	s.tokens[DeviceToken] = time.Now().Add(time.Hour)
	answer(
		w,
		map[string]any{
			"access_token": DeviceToken,
			"token_type":   "bearer",
			"expires_in":   3600,
			"device_id":    "c7ba3f7c",
		},
	)
}

func (s *Server) authorized(w http.ResponseWriter, r *http.Request, path string) {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	end, ok := s.tokens[token]
	name := cmp.Or(s.names[token], "admin")
	_, hasDefault := s.Users["default"]
	switch {
	case s.Scheme == "NO_AUTH" && !hasDefault: // nothing catches the exception
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusInternalServerError)
		io.WriteString(w, `{"detail":"An unexpected error occurred.","request_id":"1d3f0c7e"}`)
		return
	case s.Scheme == "NO_AUTH":
		name = "default"
	case token == "":
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		io.WriteString(w, `{"detail":"Not authenticated"}`)
		return
	case !ok || !end.IsZero() && time.Now().After(end):
		fail(w, http.StatusUnauthorized, "CredentialsNotValid", "Authentication error: error decoding "+
			"access token: Invalid JWT token: Signature has expired.")
		return
	}
	switch {
	case path == "/current-user":
		answer(
			w,
			map[string]any{
				"id":   "190c74b9-9ef6-4324-939c-32508517a594",
				"name": name,
				"body": map[string]any{"is_admin": true},
			},
		)
	case path == "/service_connectors" && r.Method == http.MethodPost:
		s.register(w, r)
	case path == "/service_connectors":
		s.list(w, r, s.connectors())
	case path == "/service_connectors/verify":
		s.check(w, r)
	case path == "/service_connector_types":
		answer(w, types())
	case path == "/components":
		s.list(w, r, s.Registries)
	case strings.HasPrefix(path, "/components/"):
		id, _ := strings.CutPrefix(path, "/components/")
		s.component(w, r, id)
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
		out = append(out, c.response(c.Type, c.config(false), stamp(c.Ends)))
	}
	return out
}

// config is the configuration, with secrets if they are asked for.
func (c *Connector) config(secrets bool) map[string]any {
	config := map[string]any{"registry": c.Registry}
	if secrets {
		config["username"], config["password"] = c.Username, c.Password
	}
	for name, v := range c.More {
		if secrets || !strings.Contains(name, "json") {
			config[name] = v
		}
	}
	return config
}

// response is a hydrated ServiceConnectorResponse.
func (c *Connector) response(kind string, config map[string]any, expires any) map[string]any {
	var skew any
	if c.Skew > 0 {
		skew = c.Skew
	}
	labels := map[string]any{}
	for k, v := range c.Labels {
		labels[k] = v
	}
	return map[string]any{
		"id": c.ID, "name": c.Name, "permission_denied": false,
		"body": map[string]any{
			"created": "2026-11-23T09:38:52.047088", "updated": c.updated(),
			"description":    c.Description,
			"connector_type": map[string]any{"name": "Service Connector", "connector_type": kind},
			"auth_method":    c.method(), "resource_types": []string{"docker-registry"},
			"resource_id":        orNull(c.ResourceID),
			"supports_instances": c.ResourceID == "", "expires_at": expires, "expires_skew_tolerance": skew,
		},
		"metadata": map[string]any{
			"configuration":      config,
			"expiration_seconds": c.ExpirationSeconds,
			"labels":             labels,
		},
		"resources": map[string]any{"user": map[string]any{"name": "zenbot"}},
	}
}

// updated is another time after every change, of a secret too (ZenML,
// ServiceConnectorSchema.update).
func (c *Connector) updated() string {
	h := fnv.New32a()
	fmt.Fprintf(h, "%q", []string{c.Name, c.Username, c.Password, c.Registry, c.ResourceID, c.Description})
	return fmt.Sprintf("2026-11-23T09:38:52.%06d", h.Sum32()%1e6)
}

func (c *Connector) method() string {
	if c.AuthMethod == "" {
		return "password"
	}
	return c.AuthMethod
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// verify answers what a connector gives access to.
func (s *Server) verify(w http.ResponseWriter, c *Connector) {
	ids := c.Instances
	if c.ResourceID != "" {
		ids = []string{c.ResourceID}
	}
	answer(w, map[string]any{
		"id": c.ID, "name": c.Name, "connector_type": map[string]any{"connector_type": c.Type}, "error": nil,
		"resources": []map[string]any{
			{"resource_type": "docker-registry", "resource_ids": ids, "error": nil},
		},
	})
}

func (s *Server) connector(w http.ResponseWriter, r *http.Request, rest string) {
	id, action, _ := strings.Cut(rest, "/")
	i := slices.IndexFunc(s.Connectors, func(c *Connector) bool { return c.ID == id })
	switch {
	case i < 0:
		fail(w, http.StatusNotFound, "KeyError", "\"Unable to get service connector with ID "+
			"'"+id+"': No service connector with this ID found\"")
	case action == "client":
		s.client(w, r, s.Connectors[i])
	case action == "verify" && r.Method == http.MethodPut:
		s.verify(w, s.Connectors[i])
	case r.Method == http.MethodDelete && s.Connectors[i].InUse:
		fail(w, http.StatusForbidden, "IllegalOperationError", "Service connector with "+
			"ID "+id+" cannot be deleted as it is still referenced by 2 stack components. "+
			"Before deleting this service connector, make sure to remove it from all stack components.")
	case r.Method == http.MethodDelete:
		s.Connectors = slices.Delete(s.Connectors, i, i+1)
		answer(w, nil)
	case r.Method == http.MethodPut:
		s.update(w, r, s.Connectors[i])
	default:
		c := s.Connectors[i]
		answer(w, c.response(c.Type, c.config(r.URL.Query().Get("expand_secrets") == "true"), nil))
	}
}

func (s *Server) client(w http.ResponseWriter, r *http.Request, c *Connector) {
	if want := r.URL.Query().Get("resource_id"); want != "" && want != c.ResourceID &&
		!slices.Contains(c.Instances, want) {
		fail(w, http.StatusUnauthorized, "AuthorizationException", "The connector does not allow access "+
			"to the provided '"+want+
			"' Docker/OCI container registry resource. It only allows access to the following resource: "+
			"'"+c.ResourceID+"'.")
		return
	}
	if !c.Ends.IsZero() && time.Now().After(c.Ends.Add(-c.tolerance())) {
		fail(w, http.StatusUnauthorized, "AuthorizationException", "the connector's authentication "+
			"credentials have expired.")
		return
	}
	c.Mints++
	expires := stamp(c.Ends)
	if c.Life > 0 {
		expires = stamp(time.Now().Add(c.Life))
	}
	answer(
		w,
		c.response(
			"docker",
			map[string]any{"username": c.Username, "password": c.Password, "registry": c.Registry},
			expires,
		),
	)
}

func (c *Connector) tolerance() time.Duration {
	if c.Skew > 0 {
		return time.Duration(c.Skew) * time.Second
	}
	return 300 * time.Second
}

// stamp is a time as ZenML writes it; null when it is zero.
func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05.999999")
}
