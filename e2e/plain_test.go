//go:build e2e && linux

package e2e

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// wire is a proxy, by which zend reaches every machine but this one. It answers nobody
// and keeps what came unencrypted.
type wire struct {
	mu         sync.Mutex
	plain, tls []string
}

func (w *wire) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.Method == http.MethodConnect {
		w.tls = append(w.tls, r.Host)
		rw.WriteHeader(http.StatusBadGateway)
		return
	}
	user, password, ok := r.BasicAuth()
	w.plain = append(w.plain, r.URL.String()+" "+user+":"+password)
	if !ok {
		rw.Header().Set("WWW-Authenticate", `Basic realm="wire"`)
		rw.WriteHeader(http.StatusUnauthorized)
	}
}

func (w *wire) seen() (plain, tls []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.plain), slices.Clone(w.tls)
}

// Nothing that zen is given for a registry on another machine goes there without TLS
// before a person agrees to that.
func TestNothingGoesUnencrypted(t *testing.T) {
	h, w := newHome(t), &wire{}
	proxy := httptest.NewServer(w)
	t.Cleanup(proxy.Close)
	h.env["HTTP_PROXY"], h.env["HTTPS_PROXY"] = proxy.URL, proxy.URL
	const password = "e2e-unencrypted-3f"
	auth := base64.StdEncoding.EncodeToString([]byte("alice:" + password))
	keys := []string{
		"http://a.example", "http://b.example/", "http://c.example/v2/", "http://d.example/v1/",
		"http://e.example:80", "http://f.example:443", "HTTP://g.example", "h.example:80",
		"http://192.0.2.2:5000",
	}
	var entries []string
	for _, key := range keys {
		entries = append(entries, `"`+key+`": {"auth": "`+auth+`"}`)
	}
	h.write(".docker/config.json", `{"auths": {`+strings.Join(entries, ", ")+`}}`)
	h.zenOK("import", "--yes")
	for _, host := range []string{
		"a.example", "b.example", "c.example", "d.example", "e.example:80", "f.example", "g.example",
		"h.example:80", "192.0.2.2:5000",
	} {
		if got := h.secretOf(host); got != password {
			t.Errorf("%s: zen answers with %q", host, got)
		}
	}

	login := `{"ServerURL":"http://s.example","Username":"alice","Secret":"` + password + `"}`
	if r := h.helper("store", login); r.code != 0 {
		t.Errorf("store: %s", r)
	}
	costs := []string{"unencrypted", "--insecure"}
	register := []string{
		"service-connector", "register", "lab", "--type", "docker", "--username=alice", "--password-stdin",
	}
	h.fails(costs, password, "zen", append(register, "--registry=http://lab.example:443")...)
	h.fails(costs, password, "zen", append(register, "--registry=http://lab.example", "--no-verify")...)
	h.ok(password, "zen", append(register, "--registry=lab.example")...)
	update := []string{"service-connector", "update", "lab", "--registry=http://lab.example:443"}
	stays := []string{"is not sent to registry http://lab.example:443", "type the password again"}
	h.fails(stays, "", "zen", update...)
	update = append(update, "--password-stdin")
	h.fails(costs, password, "zen", update...)
	h.zen("service-connector", "verify", "lab")
	h.zen("login", "lab")
	plain, tls := w.seen()
	if len(plain) > 0 || !slices.Contains(tls, "a.example:443") || !slices.Contains(tls, "e.example:80") {
		t.Fatalf("without TLS was asked %q, with it %q", plain, tls)
	}

	h.ok(password, "zen", append(update, "--insecure")...)
	h.zenOK("login", "lab")
	if r := h.zenOK("status"); strings.Contains(r.String(), "unencrypted") {
		t.Errorf("what was agreed to is told of: %s", r)
	}
	plain, _ = w.seen()
	if !slices.Contains(plain, "http://lab.example:443/v2/ alice:"+password) {
		t.Errorf("was asked %q", plain)
	}
}
