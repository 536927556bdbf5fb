package broker

import (
	"strings"
	"testing"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/registrytest"
)

func bearer(t *testing.T) *registrytest.Registry {
	t.Helper()
	reg := registrytest.StartBearer("alice", "pw")
	t.Cleanup(reg.Close)
	return reg
}

// A login that asks for an identity token hands it out in place of the password, also
// after a restart; one that does not ask hands out the password.
func TestIdentityToken(t *testing.T) {
	reg := bearer(t)
	r := newRig(t)
	r.register("reg", reg.Host, "pw")
	res, err := r.Login(t.Context(), access.Caller{}, api.LoginRequest{Name: "reg", IdentityToken: true})
	if err != nil || !res.Login.IdentityToken {
		t.Fatalf("%+v, %v", res, err)
	}
	tokens := reg.IdentityTokens()
	if len(tokens) != 1 {
		t.Fatalf("%d tokens were granted", len(tokens))
	}
	r.wantGet(reg.Host, "<token>:"+tokens[0])
	r.restart()
	r.wantGet(reg.Host+"/team/app", "<token>:"+tokens[0])
	if list, err := r.List(t.Context(), access.Caller{}); err != nil || list[reg.Host] != "<token>" {
		t.Errorf("list: %v, %v", list, err)
	}
	// docker login with what was served changes nothing.
	r.store(reg.Host, "<token>", tokens[0])
	if last := r.audit.last(); !strings.HasSuffix(last, "ok unchanged") {
		t.Errorf("audit: %s", last)
	}
	r.login("reg")
	r.wantGet(reg.Host, "alice:pw")
	if n := len(r.Vault.Records()); n != 2 {
		t.Errorf("%d records are left: the token's login stays", n)
	}
}

func TestIdentityTokenIsNotGranted(t *testing.T) {
	reg := registry(t)
	r := newRig(t)
	r.register("reg", reg.Host, "pw")
	_, err := r.Login(t.Context(), access.Caller{}, api.LoginRequest{Name: "reg", IdentityToken: true})
	if !credential.InvalidInput.Is(err) || !strings.Contains(err.Error(), "does not give identity tokens") {
		t.Errorf("%v", err)
	}
	r.wantGet(reg.Host, "not_logged_in")
}

// A connector may hold an identity token itself; it is handed out to clients only when a
// login asks for that.
func TestConnectorWithAnIdentityToken(t *testing.T) {
	reg := bearer(t)
	r := newRig(t)
	r.register("reg", reg.Host, "pw")
	if _, err := r.Login(t.Context(), access.Caller{},
		api.LoginRequest{Name: "reg", IdentityToken: true}); err != nil {
		t.Fatal(err)
	}
	token := reg.IdentityTokens()[0]
	update := func(username, password string) {
		t.Helper()
		if _, err := r.UpdateConnector(t.Context(), access.Caller{}, api.UpdateConnector{Ref: "reg"},
			secretsOf("username", username, "password", password)); err != nil {
			t.Fatal(err)
		}
	}
	update("<token>", token)
	if _, err := r.Login(t.Context(), access.Caller{},
		api.LoginRequest{Name: "reg"}); !credential.NeedsLogin.Is(
		err,
	) ||
		!strings.Contains(err.Error(), "holds an identity token") {
		t.Errorf("a login that does not ask: %v", err)
	}
	if _, err := r.Login(t.Context(), access.Caller{},
		api.LoginRequest{Name: "reg", IdentityToken: true}); err != nil {
		t.Fatal(err)
	}
	r.wantGet(reg.Host, "<token>:"+token)
	if n := len(reg.IdentityTokens()); n != 1 {
		t.Errorf("%d tokens were granted", n)
	}

	// The connector gets a password: the login asked for a token, and there is none any
	// more.
	update("alice", "pw")
	r.wantGet(reg.Host, "needs_login")
	r.login("reg")
	r.wantGet(reg.Host, "alice:pw")
	update("<token>", token) // and the other way round
	r.wantGet(reg.Host, "needs_login")
}
