package zenmlserver

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Password is that of the server's administrator, "admin".
const Password = "e2epassword"

// Server is a ZenML server with logins on, on this machine. Use New.
type Server struct {
	URL string
	Dir string // of all that it keeps

	programs string
	host     string // host:port
}

// New prepares a server. programs is the directory of ZenML's.
func New(t testing.TB, programs, dir string) *Server {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close() // somebody else could take the port before the server does, which then ends
	host := ln.Addr().String()
	return &Server{URL: "http://" + host, Dir: dir, programs: programs, host: host}
}

// Program is the path of one of ZenML's programs.
func (s *Server) Program(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(s.programs, name)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("ZenML is not installed (%v): run make e2e, or bash e2e/install-zenml.sh", err)
	}
	return path
}

// Command is what serves, on what the server kept before. Settings are variables besides
// the usual ones.
func (s *Server) Command(t testing.TB, settings ...string) *exec.Cmd {
	t.Helper()
	host, port, _ := net.SplitHostPort(s.host)
	cmd := exec.CommandContext(
		context.WithoutCancel(t.Context()),
		s.Program(t, "python"),
		"-m",
		"uvicorn",
		"zenml.zen_server.zen_server_api:app",
		"--host",
		host,
		"--port",
		port,
	)
	cmd.Dir = s.Dir
	cmd.Env = append([]string{
		"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + s.Dir, "ZENML_CONFIG_PATH=" + s.Dir + "/config",
		"ZENML_LOCAL_STORES_PATH=" + s.Dir + "/stores",
		"ZENML_ANALYTICS_OPT_IN=false", "ZENML_SERVER_DEPLOYMENT_TYPE=other", "ZENML_SERVER_AUTO_ACTIVATE=1",
		"ZENML_DEFAULT_USER_NAME=admin", "ZENML_DEFAULT_USER_PASSWORD=" + Password,
	}, settings...)
	return cmd
}

// Healthy reports whether the server answers.
func (s *Server) Healthy() bool {
	resp, err := s.send(context.Background(), http.MethodGet, "/health", "", http.Header{})
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// Account is who a program is at the server: a service account with an API key.
type Account struct {
	Path string // of the key, for an administrator
	Key  string
}

// Client is the environment of ZenML's own command line, connected to the server as an
// account.
func (s *Server) Client(as Account) map[string]string {
	return map[string]string{
		"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": s.Dir, "ZENML_CONFIG_PATH": s.Dir + "/client",
		"ZENML_ANALYTICS_OPT_IN": "false",
		"ZENML_STORE_URL":        s.URL, "ZENML_STORE_API_KEY": as.Key, "COLUMNS": "200", "NO_COLOR": "1",
	}
}

// Admin is one call of the server's administrator; out may be nil.
func (s *Server) Admin(t testing.TB, method, path, body string, out any) {
	t.Helper()
	var login struct {
		Token string `json:"access_token"`
	}
	form := url.Values{"username": {"admin"}, "password": {Password}}
	resp, err := s.send(
		t.Context(),
		http.MethodPost,
		"/api/v1/login",
		form.Encode(),
		http.Header{"Content-Type": {"application/x-www-form-urlencoded"}},
	)
	decode(t, resp, err, &login)
	resp, err = s.send(t.Context(), method, "/api/v1"+path, body, http.Header{
		"Content-Type": {"application/json"}, "Authorization": {"Bearer " + login.Token},
	})
	decode(t, resp, err, out)
}

func (s *Server) send(
	ctx context.Context,
	method, path, body string,
	header http.Header,
) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.URL+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header = header
	return http.DefaultClient.Do(req)
}

func decode(t testing.TB, resp *http.Response, err error, out any) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, content)
	}
	if err == nil && out != nil {
		err = json.Unmarshal(content, out)
	}
	if err != nil {
		t.Fatalf("%s: %v", resp.Request.URL, err)
	}
}

// NewAccount makes a service account.
func (s *Server) NewAccount(t testing.TB, name string) Account {
	t.Helper()
	var account, key struct {
		ID   string `json:"id"`
		Body struct {
			Key string `json:"key"`
		} `json:"body"`
	}
	s.Admin(
		t,
		http.MethodPost,
		"/service_accounts",
		`{"name":"`+name+`","active":true,"description":""}`,
		&account,
	)
	path := "/service_accounts/" + account.ID + "/api_keys"
	s.Admin(t, http.MethodPost, path, `{"name":"key","description":""}`, &key)
	if key.Body.Key == "" {
		t.Fatal("ZenML made no API key")
	}
	return Account{Path: path + "/" + key.ID, Key: key.Body.Key}
}

// Register makes a connector with a registry's password, and returns its id; more is JSON
// to add.
func (s *Server) Register(t testing.TB, name, username, password, registry, more string) string {
	t.Helper()
	var made struct {
		ID string `json:"id"`
	}
	s.Admin(
		t,
		http.MethodPost,
		"/service_connectors",
		fmt.Sprintf(`{"name":%q,"connector_type":"docker","auth_method":"password",
		"resource_types":["docker-registry"],"configuration":{"username":%q,"password":%q,"registry":%q}%s}`,
			name, username, password, registry, more),
		&made,
	)
	return made.ID
}
