package broker

import (
	"slices"
	"strings"
	"testing"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/broker/state"
	"github.com/zen-agent/zen/internal/catalog"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/connector/docker"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/registryauth"
	"github.com/zen-agent/zen/internal/registrytest"
	"github.com/zen-agent/zen/internal/tokencache"
)

// farRig is a broker for which every registry is on another machine, where somebody
// listens.
type farRig struct {
	*rig
	far *registrytest.Elsewhere
}

func newFarRig(t *testing.T) *farRig {
	t.Helper()
	r := &farRig{newRig(t), registrytest.NewElsewhere("alice", "pw")}
	r.connect()
	return r
}

// connect gives the vault that is open to a broker that reaches the other machines.
func (r *farRig) connect() {
	r.t.Helper()
	b, err := New(Config{
		Vault: r.Vault, Kinds: []connector.Kind{docker.New(registryauth.Through(r.far.Dial))},
		Engine: tokencache.New(tokencache.Config{}), Index: r.index, Auditor: r.audit, Now: r.clock.Now,
		Owner: "me", Settings: state.Settings{ListPolicy: "all"}, Large: r.large,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.use(b)
}

// wantPlain checks that nothing came unencrypted so far but requests to one address; "":
// nothing at all.
func (r *farRig) wantPlain(addr string) {
	r.t.Helper()
	got := r.far.Plain()
	if addr == "" && len(got) > 0 {
		r.t.Errorf("without TLS came %q", got)
	}
	if addr == "" {
		return
	}
	if !slices.Contains(got, "GET "+addr+"/v2/ alice:pw") {
		r.t.Errorf("nothing came to %s: %q", addr, got)
	}
	for _, request := range got {
		if !strings.HasPrefix(request, "GET "+addr+"/") {
			r.t.Errorf("without TLS came %q", request)
		}
	}
}

// put registers a connector without a word about plain http, or with --insecure.
func (r *farRig) put(name, registry string, insecure bool) error {
	req := api.RegisterConnector{Name: name, Type: "docker", Insecure: insecure}
	_, err := r.RegisterConnector(r.t.Context(), access.Caller{}, req,
		secretsOf("username", "alice", "password", "pw", "registry", registry))
	return err
}

// old is a connector as they were kept before zend asked for agreement.
func (r *farRig) old(name, registry string) {
	r.t.Helper()
	if err := r.put(name, registry, true); err != nil {
		r.t.Fatal(err)
	}
	conn, err := r.Connectors.homes.At("").Find(r.t.Context(), name)
	if err != nil {
		r.t.Fatal(err)
	}
	conn.Insecure, conn.Revision = false, conn.Revision+1
	err = r.Change(r.t.Context(), func(c *catalog.Catalog) (state.Edit, error) {
		change, err := c.Connectors.Put(conn)
		return state.Edit{Change: change}, err
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *farRig) update(req api.UpdateConnector, kv ...string) error {
	_, err := r.UpdateConnector(r.t.Context(), access.Caller{}, req, secretsOf(kv...))
	return err
}

// wantRefused checks that an error says what plain http costs and what to type.
func wantRefused(t *testing.T, what string, err error) {
	t.Helper()
	e, ok := asError(err)
	if !ok || e.Reason != credential.InvalidInput || !strings.Contains(e.Message, "unencrypted") ||
		!strings.Contains(e.HintText(), "--insecure") {
		t.Errorf("%s: %v", what, err)
	}
}

// Whatever the key of a client's file says, its credential is shown to the registry by
// TLS, where every client shows it.
func TestKeysAreAskedByTLS(t *testing.T) {
	for key, want := range map[string]string{
		"reg.example": "reg.example:443", "https://reg.example": "reg.example:443",
		"http://reg.example": "reg.example:443", "http://reg.example/": "reg.example:443",
		"http://reg.example/v2/": "reg.example:443", "http://reg.example/v1/": "reg.example:443",
		"http://reg.example:80": "reg.example:80", "http://reg.example:443": "reg.example:443",
		"HTTP://reg.example": "reg.example:443", "reg.example:80": "reg.example:80",
		"http://reg.example:5000": "reg.example:5000", "http://192.168.1.5:5000": "192.168.1.5:5000",
		"http://reg.local": "reg.local:443", "http://docker.io": "index.docker.io:443",
	} {
		t.Run(key, func(t *testing.T) {
			r := newFarRig(t)
			cred := credential.Credential{Username: "alice", Secret: credential.SecretString("pw")}
			report, err := r.VerifyCredential(t.Context(), access.Caller{}, key, cred)
			if err != nil || report.Verification != api.VerificationUnreachable {
				t.Errorf("verify: %+v, %v", report, err)
			}
			if err := r.Store(t.Context(), access.Caller{}, key, cred); err != nil {
				t.Errorf("store: %v", err)
			}
			report, err = r.VerifyCredential(t.Context(), access.Caller{}, key, cred)
			if err != nil || report.Verification != api.VerificationUnreachable {
				t.Errorf("verify what is stored: %+v, %v", report, err)
			}
			if _, err := r.Holds(t.Context(), access.Caller{}, key, cred); err != nil {
				t.Errorf("holds: %v", err)
			}
			r.wantPlain("")
			if got := r.far.TLS(); len(got) == 0 || got[0] != want {
				t.Errorf("TLS began with %q, want %s", got, want)
			}
		})
	}
}

// A registry that is given as http:// on another machine takes a person's agreement, and
// keeps its port.
func TestPlainHTTPTakesAgreement(t *testing.T) {
	for registry, want := range map[string]string{
		"http://reg.example": "reg.example:80", "http://reg.example/v2/": "reg.example:80",
		"HTTP://Reg.example:80": "reg.example:80", "http://reg.example:443": "reg.example:443",
		"http://reg.example:5000": "reg.example:5000", "http://192.0.2.2:5000": "192.0.2.2:5000",
		"http://[2001:db8::1]:443": "[2001:db8::1]:443",
	} {
		t.Run(registry, func(t *testing.T) {
			r := newFarRig(t)
			config := func() map[string]credential.Secret {
				return secretsOf("username", "alice", "password", "pw", "registry", registry)
			}
			for what, req := range map[string]api.RegisterConnector{
				"at once": {}, "dry run": {DryRun: true}, "no verify": {NoVerify: true},
			} {
				req.Name, req.Type = "reg", "docker"
				_, err := r.RegisterConnector(t.Context(), access.Caller{}, req, config())
				wantRefused(t, what, err)
			}
			if err := r.put("tls", "reg.example:8443", false); err != nil {
				t.Fatal(err)
			}
			for what, req := range map[string]api.UpdateConnector{
				"at once": {}, "dry run": {DryRun: true}, "no verify": {NoVerify: true},
			} {
				req.Ref = "tls"
				wantRefused(t, what, r.update(req, "registry", registry, "password", "pw"))
			}
			r.wantPlain("")
			if len(r.PlainNotices()) > 0 {
				t.Errorf("told of %v", r.PlainNotices())
			}

			if err := r.put("reg", registry, true); err != nil {
				t.Fatal(err)
			}
			result := r.login("reg")
			if !result.Login.PlainHTTP || result.Resource.Verification != api.VerificationValid {
				t.Errorf("login: %+v", result)
			}
			r.wantGet(registry, "alice:pw")
			r.wantPlain(want)
			if len(r.PlainNotices()) > 0 {
				t.Errorf("told of %v", r.PlainNotices())
			}
		})
	}
}

// On this machine http:// needs no agreement, and a registry that is asked by TLS keeps
// none.
func TestAgreementIsKeptForPlainHTTPOnly(t *testing.T) {
	r := newFarRig(t)
	for name, registry := range map[string]string{
		"local": "http://localhost:5000", "four": "http://127.0.0.1", "six": "http://[::1]:443",
		"hub": "http://docker.io", "tls": "reg.example",
	} {
		if err := r.put(name, registry, false); err != nil && !credential.Rejected.Is(err) {
			t.Errorf("%s: %v", registry, err)
		}
		if err := r.put(name+"-insecure", registry, true); err != nil {
			t.Errorf("%s: %v", registry, err)
		}
		if conn, err := r.Connectors.homes.At("").Find(t.Context(), name+"-insecure"); err != nil ||
			conn.Insecure {
			t.Errorf("%s: %+v, %v", registry, conn, err)
		}
	}
	if len(r.PlainNotices()) > 0 {
		t.Errorf("told of %v", r.PlainNotices())
	}
}

// An agreement is for the registry that it was given for.
func TestAgreementIsForOneRegistry(t *testing.T) {
	r := newFarRig(t)
	if err := r.put("reg", "http://reg.example:5000", true); err != nil {
		t.Fatal(err)
	}
	if err := r.update(api.UpdateConnector{Ref: "reg"}, "password", "pw"); err != nil {
		t.Errorf("the same registry: %v", err)
	}
	for _, other := range []string{
		"http://other.example:5000", "http://reg.example:5001", "http://reg.example",
	} {
		wantRefused(t, other, r.update(api.UpdateConnector{Ref: "reg"}, "registry", other, "password", "pw"))
	}
	r.wantPlain("reg.example:5000")
	for _, step := range []string{"reg.example:5000", "http://reg.example:5000"} {
		err := r.update(api.UpdateConnector{Ref: "reg"}, "registry", step, "password", "pw")
		if strings.HasPrefix(step, "http://") {
			wantRefused(t, "back to http", err)
		} else if err != nil {
			t.Errorf("to https: %v", err)
		}
	}
}

// A connector from before zend asked goes on, is told of, and can be confirmed, which a
// new zend still knows.
func TestOldConnectorsGoOn(t *testing.T) {
	r := newFarRig(t)
	r.old("lab", "http://reg.example:5000")
	r.login("lab")
	r.wantGet("http://reg.example:5000", "alice:pw")
	verified, err := r.VerifyConnector(t.Context(), access.Caller{}, api.UseConnector{Ref: "lab"})
	if err != nil || verified.Resources[0].Verification != api.VerificationValid {
		t.Errorf("%+v, %v", verified, err)
	}
	description := "the lab's"
	if err := r.update(api.UpdateConnector{Ref: "lab", Description: &description}); err != nil {
		t.Error(err)
	}
	err = r.update(api.UpdateConnector{Ref: "lab"}, "registry", "http://other.example", "password", "pw")
	wantRefused(t, "another registry", err)

	list := r.PlainNotices()
	const text = "service connector 'lab' sends passwords to http://reg.example:5000 unencrypted"
	if len(list) != 1 || list[0].Text != text ||
		!strings.HasSuffix(list[0].Hint, "zen service-connector update lab --insecure") {
		t.Fatalf("told of %+v", list)
	}
	if err := r.update(api.UpdateConnector{Ref: "lab", Insecure: true}); err != nil {
		t.Fatal(err)
	}
	r.restart()
	r.connect()
	if conn, err := r.Connectors.homes.At("").Find(t.Context(), "lab"); err != nil || !conn.Insecure ||
		len(r.PlainNotices()) > 0 {
		t.Errorf("%+v, %v; told of %v", conn, err, r.PlainNotices())
	}
	r.wantPlain("reg.example:5000")
}

// What a person registered for http:// is good for the credentials of clients' files,
// too, and for that registry alone.
func TestKeysOfARegistryThatWasAgreedOn(t *testing.T) {
	r := newFarRig(t)
	if err := r.put("lab", "http://reg.example:5000", true); err != nil {
		t.Fatal(err)
	}
	cred := credential.Credential{Username: "alice", Secret: credential.SecretString("pw")}
	for key, want := range map[string]string{
		"reg.example:5000": api.VerificationValid, "http://reg.example:5000/v2/": api.VerificationValid,
		"reg.example": api.VerificationUnreachable, "http://reg.example:5001": api.VerificationUnreachable,
	} {
		report, err := r.VerifyCredential(t.Context(), access.Caller{}, key, cred)
		if err != nil || report.Verification != want {
			t.Errorf("%s: %+v, %v; want %s", key, report, err, want)
		}
	}
	r.wantPlain("reg.example:5000")
}
