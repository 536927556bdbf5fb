package server

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/registryauth"
	"github.com/zen-agent/zen/internal/registrytest"
	"github.com/zen-agent/zen/internal/zenml"
	"github.com/zen-agent/zen/internal/zenml/zenmltest"
)

const id = "f2b0f01b-c4b1-4d47-a939-98479421c2f8"

// rig is the kind in front of a server with one connector for one registry.
type rig struct {
	*Kind
	*testing.T
	server   *zenmltest.Server
	registry *registrytest.Registry
}

func newRig(t *testing.T) *rig {
	r := &rig{
		Kind:     New(zenml.NewPool(), registryauth.New()),
		T:        t,
		server:   zenmltest.Start(),
		registry: registrytest.StartBasic("alice", "secret"),
	}
	t.Cleanup(r.server.Close)
	t.Cleanup(r.registry.Close)
	r.server.Connectors = []*zenmltest.Connector{{
		ID: id, Name: "reg", Type: "aws", ResourceID: r.registry.Host, Username: "alice", Password: "secret",
		Registry: r.registry.Host, Life: time.Hour,
	}}
	return r
}

func (r *rig) spec(resource string) connector.Spec {
	s := connector.Server{ID: "s", Revision: "1", URL: r.server.URL, Auth: api.ServerAuthAPIKey}
	return connector.Spec{
		ID: id, Type: "aws", ResourceType: resourceType, ResourceID: resource, Config: s.Attributes(nil),
		Secrets: map[string]credential.Secret{connector.AttrKey: credential.SecretString(r.server.APIKey)},
	}
}

func (r *rig) match(spec connector.Spec, a string) connector.Registry {
	r.Helper()
	reg, ok := r.Match(spec, parse(r.T, a))
	if !ok {
		r.Fatalf("%s is not matched", a)
	}
	return reg
}

func parse(t *testing.T, s string) address.Address {
	t.Helper()
	a, err := address.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestMatch(t *testing.T) {
	k := New(zenml.NewPool(), registryauth.New())
	for _, tt := range []struct {
		resource, address, key string // key "": no match
	}{
		{"ghcr.io", "ghcr.io/team/app", "ghcr.io"},
		{"us-docker.pkg.dev/p/r", "us-docker.pkg.dev", "us-docker.pkg.dev/p/r"},
		{"us-docker.pkg.dev/p/r", "us-docker.pkg.dev/p/other/app", "us-docker.pkg.dev/p/r"},
		{"docker.io", "index.docker.io", "docker.io"},
		{"ghcr.io", "ghcr.io.evil.example", ""},
		{"ghcr.io", "evil-ghcr.io", ""},
		{"ghcr.io", "ghcr.io:8443", ""},
		{"", "ghcr.io", ""},
		{"not an address", "ghcr.io", ""},
	} {
		reg, ok := k.Match(connector.Spec{ResourceID: tt.resource}, parse(t, tt.address))
		if ok != (tt.key != "") || reg.Key != tt.key {
			t.Errorf("%q and %s: %v %+v", tt.resource, tt.address, ok, reg)
		}
	}
}

func TestMintAndProve(t *testing.T) {
	r := newRig(t)
	spec := r.spec(r.registry.Host)
	reg := r.match(spec, r.registry.Host+"/team/app")
	cred, err := r.Mint(t.Context(), spec, reg)
	if err != nil || cred.Username != "alice" || string(cred.Secret.Reveal()) != "secret" ||
		time.Until(cred.Expires) < 59*time.Minute {
		t.Fatalf("minted %q until %v, %v", cred.Username, cred.Expires, err)
	}
	report, err := r.Prove(t.Context(), spec, reg, cred, connector.VerifyOptions{})
	if err != nil || report.Verification != api.VerificationValid || r.server.Minted("reg") != 1 {
		t.Errorf("proved %+v, %v, with %d minted", report, err, r.server.Minted("reg"))
	}
	r.registry.SetPassword("alice", "another")
	if report, err = r.Verify(t.Context(), spec, reg, connector.VerifyOptions{}); err != nil ||
		report.Verification != api.VerificationRejected {
		t.Errorf("after the password changed: %+v, %v", report, err)
	}
}

func TestResources(t *testing.T) {
	r := newRig(t)
	if ids, err := r.Resources(t.Context(), r.spec("ghcr.io")); err != nil ||
		!slices.Equal(ids, []string{"ghcr.io"}) {
		t.Errorf("of one registry: %q, %v", ids, err)
	}
	c := r.server.Connectors[0]
	c.ResourceID, c.Instances = "", []string{"a.example/p", "b.example", "no address"}
	if ids, err := r.Resources(t.Context(), r.spec("")); err != nil ||
		!slices.Equal(ids, []string{"a.example/p", "b.example"}) {
		t.Errorf("of several: %q, %v", ids, err)
	}
}

func TestFailures(t *testing.T) {
	r := newRig(t)
	spec := r.spec(r.registry.Host)
	reg := r.match(spec, r.registry.Host)

	wrong := r.spec(r.registry.Host)
	wrong.Secrets[connector.AttrKey] = credential.SecretString("ZENKEY_canary")
	if _, err := r.Mint(t.Context(), wrong, reg); !credential.NeedsLogin.Is(err) ||
		strings.Contains(err.Error(), "canary") {
		t.Errorf("wrong key: %v", err)
	}
	wrong.Secrets = nil
	if _, err := r.Mint(t.Context(), wrong, reg); !credential.NeedsLogin.Is(err) {
		t.Errorf("no key: %v", err)
	}
	r.server.Connectors[0].Registry = "evil.example"
	if _, err := r.Mint(t.Context(), spec, reg); !credential.Denied.Is(err) {
		t.Errorf("another host: %v", err)
	}
	if _, err := r.Mint(t.Context(), connector.Spec{ID: id}, reg); !credential.InvalidInput.Is(err) {
		t.Errorf("no server: %v", err)
	}
	if _, err := r.Validate(spec); !credential.InvalidInput.Is(err) {
		t.Errorf("validate: %v", err)
	}
	r.server.Close()
	if _, err := r.Mint(t.Context(), spec, reg); !credential.Unreachable.Is(err) {
		t.Errorf("server down: %v", err)
	}
}

// Another kind of the same name would make the table of types ambiguous, and so would a
// description without the basics.
func TestDescribe(t *testing.T) {
	d := New(zenml.NewPool(), registryauth.New()).Describe()
	if d.Type == "" || d.Name == "" || d.Emoji == "" || len(d.AuthMethods) != 1 ||
		len(d.ResourceTypes) != 1 ||
		!d.AuthMethods[0].Attributes[0].Secret {
		t.Errorf("description is %s", fmt.Sprint(d))
	}
}
