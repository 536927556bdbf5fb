//go:build e2e && linux

package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/zen-agent/zen/e2e/zenmlserver"
)

// Real servers in states that zen meets before, and without, logins.
func TestRealZenMLWithoutLogins(t *testing.T) {
	for _, version := range zenmlVersions(t) {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			prepareZenML(t, version).tellWithoutLogins()
		})
	}
}

// A server that nobody has set up yet is refused, with what to do. One without logins
// wants no key, and keeps none. When logins are switched on under a connection, that is
// said, and connecting again is enough.
func (s *zenmlServer) tellWithoutLogins() {
	t, r, h := s.t, basicRegistry(s.t), newHome(s.t)
	const open = "ZENML_SERVER_AUTH_SCHEME=NO_AUTH"
	s.start("ZENML_SERVER_AUTO_ACTIVATE=0", open)
	t.Cleanup(func() { s.stop() })
	for _, with := range [][]string{
		{"--no-browser"},
		{"--api-key-stdin"},
		{"--username", "default", "--password-stdin"},
	} {
		got := h.fails(
			[]string{"the server is not activated yet"},
			"ZENKEY_some",
			"zen",
			append([]string{"server", "connect", s.URL}, with...)...)
		if !strings.Contains(got.stderr, "Hint: open "+s.URL+" in a browser and set it up") {
			t.Errorf("there is no hint what to do:\n%s", got)
		}
	}
	if got := h.zenOK("server", "list"); !strings.Contains(got.stdout+got.stderr, "not connected to any") {
		t.Errorf("a server that is not set up is listed:\n%s", got)
	}
	s.setUp("default")

	h.zenOK("server", "connect", s.URL, "--name", "open")
	if got := h.ok("ZENKEY_unneeded\n", "zen", "server", "connect", s.URL,
		"--api-key-stdin"); !strings.Contains(
		got.stderr,
		"The server asks for no login",
	) {
		t.Errorf("zen does not say that no key is needed:\n%s", got)
	}
	h.holdsNo("ZENKEY_unneeded")
	h.ok(r.password, "zen", "service-connector", "register", "reg", "--server", "open", "--type", "docker",
		"--username="+r.username, "--password-stdin", "--registry="+r.host)
	if got := h.zenOK("server", "list", "-o", "csv"); !strings.Contains(
		got.stdout,
		",none,default,"+s.version+",",
	) {
		t.Errorf("the server:\n%s", got)
	}
	h.zenOK("login", "reg")
	if got := h.secretOf(r.host); got != r.password {
		t.Errorf("through a server without logins the secret is %q", got)
	}

	s.stop()
	s.start()
	h.zenOK("daemon", "restart")
	got := h.fails([]string{"does not let everybody in any more"}, r.host, "docker-credential-zen", "get")
	if !strings.Contains(got.stderr, "zen server connect "+s.URL) {
		t.Errorf("there is no hint what to do:\n%s", got)
	}
	h.ok(zenmlserver.Password, "zen", "server", "connect", s.URL, "--username", "default", "--password-stdin")
	if got := h.secretOf(r.host); got != r.password {
		t.Errorf("with logins switched on the secret is %q", got)
	}
	for _, secret := range []string{r.password, jwt, zenmlserver.Password} {
		h.holdsNo(secret)
	}
}

// setUp does what the dashboard does for the first person who opens it.
func (s *zenmlServer) setUp(admin string) {
	s.t.Helper()
	body := `{"admin_username":"` + admin + `","admin_password":"` + zenmlserver.Password + `"}`
	req, err := http.NewRequestWithContext(
		s.t.Context(),
		http.MethodPut,
		s.URL+"/api/v1/activate",
		strings.NewReader(body),
	)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		s.t.Fatalf("the server cannot be set up: %s", resp.Status)
	}
}
