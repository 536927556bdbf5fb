//go:build e2e && linux

package e2e

import (
	"bytes"
	"encoding/json"
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

	"github.com/zen-agent/zen/e2e/zenmlserver"
)

// zenmlServer is a real ZenML server that runs, whose access tokens live for one minute.
type zenmlServer struct {
	*zenmlserver.Server

	t       *testing.T // of the story that is told now
	version string
	account zenmlserver.Account // of zenml

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

// prepareZenML prepares a server, which does not run yet.
func prepareZenML(t *testing.T, version string) *zenmlServer {
	t.Helper()
	programs, err := filepath.Abs(filepath.Join("../.build/zenml-"+version, "bin"))
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(shared.dir, "zenml")
	if err != nil {
		t.Fatal(err)
	}
	return &zenmlServer{Server: zenmlserver.New(t, programs, dir), t: t, version: version}
}

// startZenML starts a server that runs until the test ends.
func startZenML(t *testing.T, version string) *zenmlServer {
	t.Helper()
	s := prepareZenML(t, version)
	s.start()
	t.Cleanup(func() { s.stop() })
	s.account = s.NewAccount(t, "zenml")
	return s
}

// start runs the server on what it kept before, with more settings than the usual ones.
func (s *zenmlServer) start(settings ...string) {
	s.t.Helper()
	cmd := s.Command(s.t, append([]string{
		"ZENML_SERVER_JWT_TOKEN_EXPIRE_MINUTES=1", "ZENML_SERVER_JWT_SECRET_KEY=" + strings.Repeat("e2e", 16),
	}, settings...)...)
	service, err := startService(s.Dir, cmd.Path, cmd.Env, cmd.Args[1:]...)
	if err != nil {
		s.t.Fatal(err)
	}
	s.service = service
	for range 3 { // the first start makes the database
		if err = service.until("answer", s.Healthy); err == nil {
			return
		}
	}
	s.t.Fatal(err)
}

// connectorIDs asks the server for the ids of the connectors with a name: one, or none.
func (s *zenmlServer) connectorIDs(name string) (ids []string) {
	s.t.Helper()
	var page struct {
		Items []struct {
			ID string `json:"id"`
		} `json:"items"`
	}
	s.Admin(s.t, "GET", "/service_connectors?name="+name, "", &page)
	for _, item := range page.Items {
		ids = append(ids, item.ID)
	}
	return ids
}

// minted counts, by the server's log, how often it was asked for a connector's
// credential.
func (s *zenmlServer) minted(connectorID string) int {
	s.t.Helper()
	log, err := os.ReadFile(s.log.Name())
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.Count(string(log), "/service_connectors/"+connectorID+"/client")
}

// zenml runs ZenML's own command line as its service account. Variables take the place of
// those that it has anyway.
func (s *zenmlServer) zenml(variables map[string]string, args ...string) result {
	s.t.Helper()
	env := s.Client(s.account)
	env["PATH"] = programs + ":" + env["PATH"]
	maps.Copy(env, variables)
	cmd := command(s.t, s.Program(s.t, "zenml"), args...)
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

// registers has the administrator register a connector, which is quicker, and returns its
// id; more is JSON to add.
func (s *zenmlServer) registers(name string, r *registry, more string) string {
	s.t.Helper()
	return s.Register(s.t, name, r.username, r.password, r.host, more)
}

// door is another address of a server, behind which one sees who came in and what the
// server handed out.
type door struct {
	url string

	mu       sync.Mutex
	requests []string // method and path
	tokens   []string
}

func (s *zenmlServer) door() *door {
	target, err := url.Parse(s.URL)
	if err != nil {
		s.t.Fatal(err)
	}
	d := &door{}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Header.
				Del("Accept-Encoding")
			d.saw(r.In)
		},
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
func (h *home) connect(url string, who zenmlserver.Account) result {
	h.t.Helper()
	return h.ok(who.Key+"\n", "zen", "server", "connect", url, "--api-key-stdin", "--name", "team")
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
