//go:build e2e && linux

package e2e

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// zenmlServer is a real ZenML server with logins on, whose access tokens live for one minute.
type zenmlServer struct {
	t      *testing.T
	dir    string
	port   string
	url    string
	apiKey string

	*service
}

// zenmlProgram is where install-zenml.sh puts a program.
func zenmlProgram(t *testing.T, name string) string {
	t.Helper()
	found, err := filepath.Glob("../.build/zenml-*/bin/" + name)
	if err != nil || len(found) == 0 {
		t.Fatalf("there is no ZenML: %v; run make e2e, or e2e/install-zenml.sh", err)
	}
	path, err := filepath.Abs(found[len(found)-1])
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func startZenML(t *testing.T) *zenmlServer {
	t.Helper()
	dir, err := os.MkdirTemp(shared.dir, "zenml")
	if err != nil {
		t.Fatal(err)
	}
	s := &zenmlServer{t: t, dir: dir, port: freePort(t)}
	s.url = "http://127.0.0.1:" + s.port
	s.start()
	t.Cleanup(func() { s.stop() })
	var account struct {
		ID string `json:"id"`
	}
	s.admin("/service_accounts", `{"name":"bot","active":true,"description":""}`, &account)
	var key struct {
		Body struct {
			Key string `json:"key"`
		} `json:"body"`
	}
	s.admin("/service_accounts/"+account.ID+"/api_keys", `{"name":"key","description":""}`, &key)
	if s.apiKey = key.Body.Key; s.apiKey == "" {
		t.Fatal("ZenML made no API key")
	}
	return s
}

// start runs the server on what it kept before.
func (s *zenmlServer) start() {
	s.t.Helper()
	env := []string{
		"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + s.dir, "ZENML_CONFIG_PATH=" + s.dir + "/config", "ZENML_LOCAL_STORES_PATH=" + s.dir + "/stores",
		"ZENML_ANALYTICS_OPT_IN=false", "ZENML_SERVER_DEPLOYMENT_TYPE=other", "ZENML_SERVER_AUTO_ACTIVATE=1",
		"ZENML_DEFAULT_USER_NAME=admin", "ZENML_DEFAULT_USER_PASSWORD=password",
		"ZENML_SERVER_JWT_TOKEN_EXPIRE_MINUTES=1", "ZENML_SERVER_JWT_SECRET_KEY=" + strings.Repeat("e2e", 16),
	}
	service, err := startService(s.dir, zenmlProgram(s.t, "python"), env,
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

// admin is one call of the server's administrator.
func (s *zenmlServer) admin(path, body string, out any) {
	s.t.Helper()
	var login struct {
		Token string `json:"access_token"`
	}
	resp, err := http.PostForm(s.url+"/api/v1/login", url.Values{"username": {"admin"}, "password": {"password"}})
	s.decode(resp, err, &login)
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.url+"/api/v1"+path, strings.NewReader(body))
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
	if err == nil {
		defer resp.Body.Close()
		err = json.NewDecoder(resp.Body).Decode(out)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// requests counts the lines of the server's log that hold a text.
func (s *zenmlServer) requests(text string) int {
	s.t.Helper()
	log, err := os.ReadFile(s.log.Name())
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.Count(string(log), text)
}

// zenml runs ZenML's own command line as the service account.
func (s *zenmlServer) zenml(args ...string) result {
	s.t.Helper()
	cmd := command(s.t, zenmlProgram(s.t, "zenml"), args...)
	cmd.Env = []string{
		"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + s.dir, "ZENML_CONFIG_PATH=" + s.dir + "/client", "ZENML_ANALYTICS_OPT_IN=false",
		"ZENML_STORE_URL=" + s.url, "ZENML_STORE_API_KEY=" + s.apiKey, "COLUMNS=200", "NO_COLOR=1",
	}
	r := execute(s.t, cmd, "")
	if r.code != 0 {
		s.t.Fatalf("zenml:\n%s", r)
	}
	return r
}

// What zenml registered on a server, zen logs in with, and nothing of it is in any file; tokens that end are renewed; a server
// that is down is no trouble while a credential is valid.
func TestRealZenMLServer(t *testing.T) {
	s, r := startZenML(t), basicRegistry(t)
	s.zenml("service-connector", "register", "reg", "--type", "docker",
		"--username="+r.username, "--password="+r.password, "--registry="+r.host)
	h := newHome(t)
	h.zenOK("setup", "docker", "--host", r.host)
	h.fails([]string{"refused the login"}, "ZENKEY_wrong", "zen", "server", "connect", s.url, "--api-key-stdin")
	h.ok(s.apiKey+"\n", "zen", "server", "connect", s.url, "--api-key-stdin", "--name", "team")
	if got := h.zenOK("service-connector", "list", "-o", "csv", "--columns", "name,type,resource_name,server"); !strings.Contains(got.stdout, "reg,docker,"+r.host+",team") {
		t.Fatalf("zenml's connector is not listed:\n%s", got)
	}
	h.zenOK("service-connector", "verify", "reg")
	minted := s.requests("/client")
	h.zenOK("service-connector", "login", "reg")
	if n := s.requests("/client") - minted; n != 1 {
		t.Errorf("a login asked the server for %d credentials", n)
	}
	for _, c := range clients() {
		for _, step := range []func(*home, string) result{c.push, c.pull} {
			if did := step(h, r.image(c.name+"/zenml:1")); did.code != 0 {
				t.Fatalf("logged in through the server, but:\n%s", did)
			}
		}
	}

	logins := s.requests("POST /api/v1/login")
	for end := time.Now().Add(75 * time.Second); time.Now().Before(end); time.Sleep(3 * time.Second) {
		h.zenOK("service-connector", "verify", "reg")
	}
	if n := s.requests("POST /api/v1/login") - logins; n < 1 || n > 5 {
		t.Errorf("%d logins in 75 s with tokens of one minute", n)
	}

	s.stop()
	if got := h.helper("get", r.host); got.code != 0 || !strings.Contains(got.stdout, r.password) {
		t.Fatalf("with the server down, while the credential is valid:\n%s", got)
	}
	h.fails([]string{"connection refused"}, "", "zen", "service-connector", "verify", "reg")
	s.start()
	h.zenOK("service-connector", "verify", "reg")
	h.holdsNo(r.password)
	h.holdsNo(s.apiKey)
	h.zenOK("server", "disconnect", "team")
	if got := h.helper("get", r.host); got.code == 0 {
		t.Errorf("after disconnecting:\n%s", got)
	}
}
