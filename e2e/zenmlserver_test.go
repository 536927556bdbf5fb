//go:build e2e && linux

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// zenmlServer is a real ZenML server with logins on, whose access tokens live for one minute.
type zenmlServer struct {
	t       *testing.T // of the story that is told now
	version string
	dir     string
	port    string
	url     string
	account serviceAccount // of zenml

	*service
}

// zenmlVersions are the versions that install-zenml.sh installs.
func zenmlVersions(t *testing.T) []string {
	t.Helper()
	lists, err := filepath.Glob("zenml/*.txt")
	if err != nil || len(lists) < 2 {
		t.Fatalf("no versions of ZenML to try: %q, %v", lists, err)
	}
	for i, list := range lists {
		lists[i] = strings.TrimSuffix(filepath.Base(list), ".txt")
	}
	return lists
}

// program is one of those that install-zenml.sh installed.
func (s *zenmlServer) program(name string) string {
	s.t.Helper()
	path, err := filepath.Abs(filepath.Join("../.build/zenml-"+s.version, "bin", name))
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		s.t.Fatalf("ZenML %s is not installed (%v): run make e2e, or bash e2e/install-zenml.sh", s.version, err)
	}
	return path
}

// startZenML starts a server that runs until the test ends.
func startZenML(t *testing.T, version string) *zenmlServer {
	t.Helper()
	dir, err := os.MkdirTemp(shared.dir, "zenml")
	if err != nil {
		t.Fatal(err)
	}
	s := &zenmlServer{t: t, version: version, dir: dir, port: freePort(t)}
	s.url = "http://127.0.0.1:" + s.port
	s.start()
	t.Cleanup(func() { s.stop() })
	s.account = s.newAccount("zenml")
	return s
}

// start runs the server on what it kept before, with more settings than the usual ones.
func (s *zenmlServer) start(settings ...string) {
	s.t.Helper()
	env := append([]string{
		"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + s.dir, "ZENML_CONFIG_PATH=" + s.dir + "/config", "ZENML_LOCAL_STORES_PATH=" + s.dir + "/stores",
		"ZENML_ANALYTICS_OPT_IN=false", "ZENML_SERVER_DEPLOYMENT_TYPE=other", "ZENML_SERVER_AUTO_ACTIVATE=1",
		"ZENML_DEFAULT_USER_NAME=admin", "ZENML_DEFAULT_USER_PASSWORD=" + zenmlPassword,
		"ZENML_SERVER_JWT_TOKEN_EXPIRE_MINUTES=1", "ZENML_SERVER_JWT_SECRET_KEY=" + strings.Repeat("e2e", 16),
	}, settings...)
	service, err := startService(s.dir, s.program("python"), env,
		"-m", "uvicorn", "zenml.zen_server.zen_server_api:app", "--host", "127.0.0.1", "--port", s.port)
	if err != nil {
		s.t.Fatal(err)
	}
	s.service = service
	healthy := func() bool {
		resp, err := http.Get(s.url + "/health")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	}
	for range 3 { // the first start makes the database
		if err = service.until("answer", healthy); err == nil {
			return
		}
	}
	s.t.Fatal(err)
}

// zenmlPassword is that of the server's administrator.
const zenmlPassword = "e2epassword"

// admin is one call of the server's administrator; out may be nil.
func (s *zenmlServer) admin(method, path, body string, out any) {
	s.t.Helper()
	var login struct {
		Token string `json:"access_token"`
	}
	resp, err := http.PostForm(s.url+"/api/v1/login", url.Values{"username": {"admin"}, "password": {zenmlPassword}})
	s.decode(resp, err, &login)
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+login.Token)
	req.Header.Set("Content-Type", "application/json")
	resp, err = http.DefaultClient.Do(req)
	s.decode(resp, err, out)
}

func (s *zenmlServer) decode(resp *http.Response, err error, out any) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
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
		s.t.Fatalf("%s: %v", resp.Request.URL, err)
	}
}

// serviceAccount is who a program is at the server.
type serviceAccount struct {
	path string // of the key, for an administrator
	key  string
}

func (s *zenmlServer) newAccount(name string) serviceAccount {
	s.t.Helper()
	var account struct {
		ID string `json:"id"`
	}
	s.admin("POST", "/service_accounts", `{"name":"`+name+`","active":true,"description":""}`, &account)
	var key struct {
		ID   string `json:"id"`
		Body struct {
			Key string `json:"key"`
		} `json:"body"`
	}
	path := "/service_accounts/" + account.ID + "/api_keys"
	s.admin("POST", path, `{"name":"key","description":""}`, &key)
	if key.Body.Key == "" {
		s.t.Fatal("ZenML made no API key")
	}
	return serviceAccount{path: path + "/" + key.ID, key: key.Body.Key}
}

// connectorIDs asks the server for the ids of the connectors with a name: one, or none.
func (s *zenmlServer) connectorIDs(name string) (ids []string) {
	s.t.Helper()
	var page struct {
		Items []struct {
			ID string `json:"id"`
		} `json:"items"`
	}
	s.admin("GET", "/service_connectors?name="+name, "", &page)
	for _, item := range page.Items {
		ids = append(ids, item.ID)
	}
	return ids
}

// minted counts, by the server's log, how often it was asked for a connector's credential.
func (s *zenmlServer) minted(connectorID string) int {
	s.t.Helper()
	log, err := os.ReadFile(s.log.Name())
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.Count(string(log), "/service_connectors/"+connectorID+"/client")
}

// zenml runs ZenML's own command line as its service account. Variables take the place of those that it has anyway.
func (s *zenmlServer) zenml(variables map[string]string, args ...string) result {
	s.t.Helper()
	env := map[string]string{
		"PATH": programs + ":/usr/local/bin:/usr/bin:/bin", "HOME": s.dir, "ZENML_CONFIG_PATH": s.dir + "/client", "ZENML_ANALYTICS_OPT_IN": "false",
		"ZENML_STORE_URL": s.url, "ZENML_STORE_API_KEY": s.account.key, "COLUMNS": "200", "NO_COLOR": "1",
	}
	maps.Copy(env, variables)
	cmd := command(s.t, s.program("zenml"), args...)
	cmd.Env = nil
	for k, v := range env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	r := execute(s.t, cmd, "")
	if r.code != 0 {
		s.t.Fatalf("zenml:\n%s", r)
	}
	return r
}

// zenmlRegisters has zenml register a connector for a registry, and returns its id.
func (s *zenmlServer) zenmlRegisters(name string, r *registry) string {
	s.t.Helper()
	s.zenml(nil, "service-connector", "register", name, "--type", "docker",
		"--username="+r.username, "--password="+r.password, "--registry="+r.host)
	ids := s.connectorIDs(name)
	if len(ids) != 1 {
		s.t.Fatalf("zenml registered %s, and the server has %q", name, ids)
	}
	return ids[0]
}

// registers has the administrator register a connector, which is quicker, and returns its id; more is JSON to add.
func (s *zenmlServer) registers(name string, r *registry, more string) string {
	s.t.Helper()
	var made struct {
		ID string `json:"id"`
	}
	s.admin("POST", "/service_connectors", fmt.Sprintf(`{"name":%q,"connector_type":"docker","auth_method":"password","resource_types":["docker-registry"],
		"configuration":{"username":%q,"password":%q,"registry":%q}%s}`, name, r.username, r.password, r.host, more), &made)
	return made.ID
}

// door is another address of a server, behind which one sees who came in and what the server handed out.
type door struct {
	url string

	mu       sync.Mutex
	requests []string // method and path
	tokens   []string
}

func (s *zenmlServer) door() *door {
	target, err := url.Parse(s.url)
	if err != nil {
		s.t.Fatal(err)
	}
	d := &door{}
	proxy := &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Header.Del("Accept-Encoding"); d.saw(r.In) },
		ModifyResponse: d.leaves,
	}
	server := httptest.NewServer(proxy)
	s.t.Cleanup(server.Close)
	d.url = server.URL
	return d
}

func (d *door) saw(r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.requests = append(d.requests, r.Method+" "+r.URL.Path)
}

// leaves remembers the access token in an answer.
func (d *door) leaves(resp *http.Response) error {
	if !strings.HasSuffix(resp.Request.URL.Path, "/login") {
		return nil
	}
	content, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(content))
	var login struct {
		Token string `json:"access_token"`
	}
	if err == nil && json.Unmarshal(content, &login) == nil && login.Token != "" {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.tokens = append(d.tokens, login.Token)
	}
	return err
}

// logins counts how often somebody tried to log in.
func (d *door) logins() int { return d.count(func(r string) bool { return r == "POST /api/v1/login" }) }

// minted counts how often somebody asked for a credential.
func (d *door) minted() int {
	return d.count(func(r string) bool { return strings.HasSuffix(r, "/client") })
}

func (d *door) count(f func(string) bool) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range d.requests {
		if f(r) {
			n++
		}
	}
	return n
}

// handedOut are the access tokens that left through the door.
func (d *door) handedOut() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.tokens)
}

// connect connects a home to a server through one of its addresses.
func (h *home) connect(url string, who serviceAccount) result {
	h.t.Helper()
	return h.ok(who.key+"\n", "zen", "server", "connect", url, "--api-key-stdin", "--name", "team")
}

// waitFor repeats an attempt until it succeeds, and tells how long that took.
func waitFor(t *testing.T, what string, most time.Duration, attempt func() bool) time.Duration {
	t.Helper()
	begin := time.Now()
	for !attempt() {
		if time.Since(begin) > most {
			t.Fatalf("not within %s: %s", most, what)
		}
		time.Sleep(100 * time.Millisecond)
	}
	return time.Since(begin)
}
