//go:build e2e && linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// registry is a running Debian docker-registry (distribution 2.8) that demands a login.
type registry struct {
	kind     string
	host     string // "localhost:port"
	username string
	password string
}

// registries starts one registry of each kind for the test.
func registries(t *testing.T) []*registry {
	t.Helper()
	return []*registry{basicRegistry(t), tokenRegistry(t, false), tokenRegistry(t, true)}
}

// basicRegistry checks Basic authentication against an htpasswd file.
func basicRegistry(t *testing.T) *registry {
	t.Helper()
	dir := t.TempDir()
	r := &registry{kind: "basic", username: "alice", password: randomPassword()}
	htpasswd := execute(t, command(t, "htpasswd", "-Bin", "-C", "5", r.username), r.password)
	if htpasswd.code != 0 {
		t.Fatalf("htpasswd:\n%s", htpasswd)
	}
	file := filepath.Join(dir, "htpasswd")
	if err := os.WriteFile(file, []byte(htpasswd.stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	r.start(t, dir, fmt.Sprintf("  htpasswd:\n    realm: e2e\n    path: %s\n", file))
	return r
}

// tokenRegistry trusts a token server (tokens_test.go). With identity, that server also
// exchanges passwords for refresh tokens.
func tokenRegistry(t *testing.T, identity bool) *registry {
	t.Helper()
	dir := t.TempDir()
	r := &registry{kind: "token", username: "bob", password: randomPassword()}
	if identity {
		r.kind = "identity token"
	}
	s := startTokenServer(t, dir, r.username, r.password, identity)
	r.start(t, dir, fmt.Sprintf("  token:\n    realm: %s\n    service: %s\n    issuer: %s\n    "+
		"rootcertbundle: %s\n",
		s.realm, tokenService, tokenIssuer, s.certificate))
	return r
}

// openRegistry serves everybody.
func openRegistry(t *testing.T) *registry {
	t.Helper()
	r := &registry{kind: "open"}
	r.start(t, t.TempDir(), "")
	return r
}

func (r *registry) start(t *testing.T, dir, auth string) {
	t.Helper()
	port := freePort(t)
	r.host = "localhost:" + port
	config := filepath.Join(dir, "config.yml")
	text := fmt.Sprintf("version: 0.1\nlog:\n  level: warn\nstorage:\n  filesystem:\n    rootdirectory: "+
		"%s\n", filepath.Join(dir, "data")) +
		fmt.Sprintf("http:\n  addr: 127.0.0.1:%s\n  secret: e2e\n", port)
	if auth != "" {
		text += "auth:\n" + auth
	}
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := startService(
		dir,
		"docker-registry",
		[]string{"PATH=/usr/bin", "OTEL_TRACES_EXPORTER=none"},
		"serve",
		config,
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	if err := s.until("open port", reachable(port)); err != nil {
		t.Fatal(err)
	}
}

func (r *registry) image(name string) string { return r.host + "/" + name }
