package daemon

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/registrytest"
)

// dockerFile is docker's configuration in the world; logins are in plain text.
func (w *world) dockerFile() string { return filepath.Join(w.home, ".docker", "config.json") }

func (w *world) writeLogins(hosts ...string) {
	w.t.Helper()
	auth := base64.StdEncoding.EncodeToString([]byte("alice:" + canary))
	var entries []string
	for _, host := range hosts {
		entries = append(entries, `"`+host+`":{"auth":"`+auth+`"}`)
	}
	w.write(w.dockerFile(), `{"credsStore":"zen","auths":{`+strings.Join(entries, ",")+`}}`)
}

func (w *world) dockerFileIs(want string) func() bool {
	return func() bool {
		text, err := os.ReadFile(w.dockerFile())
		return err == nil && string(text) == want
	}
}

// tells reports whether a notice has the text, and whether that is of something that zend
// did.
func (w *world) tells(text string, done bool) func() bool {
	return func() bool {
		return slices.ContainsFunc(
			w.status().Notices,
			func(n api.Notice) bool { return n.Done == done && strings.Contains(n.Text, text) },
		)
	}
}

// installHelper puts a docker-credential-zen into PATH: without one the guard takes no
// login from docker.
func (w *world) installHelper() {
	w.t.Helper()
	helper := filepath.Join(w.home, "bin", "docker-credential-zen")
	w.write(helper, "#!/bin/sh\n")
	if err := os.Chmod(helper, 0o700); err != nil {
		w.t.Fatal(err)
	}
	w.t.Setenv("PATH", filepath.Dir(helper)+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// A login in plain text is told of, moved into the vault when config.toml says so, and
// left alone when it says that.
func TestGuard(t *testing.T) {
	w := newWorld(t)
	w.installHelper()
	registry := registrytest.StartBasic("alice", canary)
	t.Cleanup(registry.Close)
	host := registry.Host

	w.writeLogins(host)
	p := w.start()
	inClear := w.dockerFile() + " stores credentials in plain text: " + host
	eventually(t, "it is told", w.tells(inClear, false))
	if s := w.status(); s.Guard != "report" || s.Vault.State != "absent" {
		t.Errorf("guard is %q, the vault %s", s.Guard, s.Vault.State)
	}

	w.write(w.dirs.ConfigFile(), "guard = \"import\"\n")
	eventually(t, "it is imported", w.dockerFileIs(`{"credsStore":"zen","auths":{"`+host+`":{}}}`))
	w.wantGet(host, canary)
	eventually(
		t,
		"that is told",
		w.tells("the login for "+host+" was in plain text in "+w.dockerFile(), true),
	)
	var audit api.AuditList
	if err := json.Unmarshal([]byte(w.mustCall(api.MethodAudit, api.AuditQuery{})), &audit); err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(audit.Items, func(e api.AuditEntry) bool {
		return e.Action == "store" && e.PID == p.cmd.Process.Pid && e.Exe == os.Args[0]
	}) {
		t.Errorf("the audit log does not say that zend stored it: %+v", audit.Items)
	}

	w.mustCall(api.MethodVaultLock, api.Empty{})
	w.writeLogins(host + "/team")
	eventually(t, "the vault is locked", w.tells(inClear+"; the vault was locked", false))
	w.mustCall(api.MethodVaultUnlock, api.Empty{})
	eventually(
		t,
		"it is imported after all",
		w.dockerFileIs(`{"credsStore":"zen","auths":{"`+host+`/team":{}}}`),
	)

	w.write(w.dirs.ConfigFile(), "guard = \"off\"\n")
	p.awaitLogs("Took over the edited config.toml", 2)
	w.writeLogins(host)
	w.mustCall(api.MethodVaultUnlock, api.Empty{})
	if w.tells(inClear, false)() || w.dockerFileIs(`{"credsStore":"zen","auths":{"`+host+`":{}}}`)() {
		t.Error("the guard is off, and at work")
	}
}

// The guard shows what it finds to registries by TLS, whatever the keys say. A proxy
// stands for other machines: it is what zend connects to for all but this one.
func TestGuardAsksByTLS(t *testing.T) {
	w := newWorld(t)
	var mu sync.Mutex
	var plain, tls []string
	proxy := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.Method == http.MethodConnect {
			tls = append(tls, r.Host)
		} else {
			plain = append(plain, r.Method+" "+r.URL.String()+" "+r.Header.Get("Authorization"))
		}
		rw.WriteHeader(http.StatusBadGateway)
	}))
	t.Cleanup(proxy.Close)
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"} {
		t.Setenv(name, proxy.URL)
	}
	t.Setenv("NO_PROXY", "")
	t.Setenv("no_proxy", "")
	w.installHelper()
	keys := []string{
		"http://a.example", "http://b.example/", "http://c.example/v2/", "http://d.example/v1/",
		"http://e.example:80", "http://f.example:443", "HTTP://g.example", "h.example:80",
		"http://192.0.2.2:5000",
	}
	w.write(w.dirs.ConfigFile(), "guard = \"import\"\n")
	w.writeLogins(keys...)
	w.start()
	eventually(t, "all are imported", func() bool {
		text, err := os.ReadFile(w.dockerFile())
		return err == nil && !strings.Contains(string(text), `"auth":`)
	})
	for _, host := range []string{
		"a.example", "b.example", "c.example", "d.example", "e.example:80", "f.example", "g.example",
		"h.example:80", "192.0.2.2:5000",
	} {
		w.wantGet(host, canary)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(plain) > 0 {
		t.Errorf("without TLS was asked %q", plain)
	}
	for _, host := range []string{
		"a.example:443", "c.example:443", "e.example:80", "f.example:443", "h.example:80", "192.0.2.2:5000",
	} {
		if !slices.Contains(tls, host) {
			t.Errorf("TLS began with %q, not with %s", tls, host)
		}
	}
}
