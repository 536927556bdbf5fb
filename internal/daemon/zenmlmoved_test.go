package daemon

import (
	"slices"
	"strings"
	"testing"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/zenml/zenmltest"
)

// A server that has moved keeps its name, its logins and what is linked to it.
func TestServerMoves(t *testing.T) {
	r := newServerRig(t).ready()
	there := zenmltest.Start()
	t.Cleanup(there.Close)
	there.Connectors = r.zenml.Connectors
	r.zenml.Close()
	key := map[string]credential.Secret{api.SecretKey: credential.SecretString(there.APIKey)}
	req := api.ConnectServer{URL: there.URL, Auth: api.ServerAuthAPIKey}
	result, err := r.Servers.ConnectServer(t.Context(), access.Caller{}, req, key)
	if err != nil || result.Moved == nil || result.Moved.Name != "prod" || result.Moved.URL != r.zenml.URL {
		t.Fatalf("without a word: %+v, %v", result, err)
	}
	if list := r.Servers.ServerList().Items; len(list) != 1 || list[0].URL != r.zenml.URL {
		t.Fatalf("nothing may have changed: %+v", list)
	}
	d, err := r.Servers.ServerDevice(t.Context(), api.ConnectServer{URL: there.URL})
	if err != nil || d.Moved == nil || d.Device != "" || asked(there, "/device_authorization") {
		t.Fatalf("in a browser, without a word: %+v, %v", d, err)
	}
	req.Replace = true
	result, err = r.Servers.ConnectServer(t.Context(), access.Caller{}, req, key)
	if err != nil || result.Moved != nil || result.Server.Name != "prod" || result.Server.Logins != 1 {
		t.Fatalf("with it: %+v, %v", result, err)
	}
	if list := r.Servers.ServerList().Items; len(list) != 1 || list[0].URL != there.URL {
		t.Errorf("servers: %+v", list)
	}
	if err := r.get(); err != nil || there.Minted("reg") != 2 { // the first was the login
		t.Errorf("get: %v, minted %d times there", err, there.Minted("reg"))
	}
}

func asked(s *zenmltest.Server, path string) bool {
	return slices.ContainsFunc(s.Requests(), func(r string) bool { return strings.HasSuffix(r, path) })
}

// A name that another server has is refused before anybody logs in: no page is opened, no
// key is sent.
func TestTakenNameIsRefusedBeforeTheLogin(t *testing.T) {
	r := newServerRig(t).ready()
	other := zenmltest.Start()
	t.Cleanup(other.Close)
	other.ID = "another"
	_, err := r.Servers.ServerDevice(t.Context(), api.ConnectServer{URL: other.URL, Name: "prod"})
	if !credential.Exists.Is(err) {
		t.Errorf("in a browser: %v", err)
	}
	if err := r.connect(other, "prod"); !credential.Exists.Is(err) {
		t.Errorf("with a key: %v", err)
	}
	if asked(other, "/login") || asked(other, "/device_authorization") {
		t.Errorf("it was asked for more than its name: %q", other.Requests())
	}
}

// Two accounts on one server are two servers here.
func TestTwoAccountsOnOneServer(t *testing.T) {
	r := newServerRig(t).ready()
	r.zenml.Users["bob"] = "builder"
	as := func(name string, replace bool) error {
		_, err := r.Servers.ConnectServer(t.Context(), access.Caller{}, api.ConnectServer{
			URL: r.zenml.URL, Name: name, Auth: api.ServerAuthPassword, Username: "bob", Replace: replace,
		}, map[string]credential.Secret{api.SecretKey: credential.SecretString("builder")})
		return err
	}
	if err := as("", false); !credential.Exists.Is(err) || !strings.Contains(err.Error(), "another account") {
		t.Errorf("without a name: %v", err)
	}
	if err := as("bobs", false); err != nil {
		t.Fatal(err)
	}
	users := func() (out []string) {
		for _, s := range r.Servers.ServerList().Items {
			out = append(out, s.Name+" "+s.User)
		}
		return out
	}
	if got := users(); !slices.Equal(got, []string{"prod admin", "bobs bob"}) {
		t.Errorf("servers: %q", got)
	}
	if _, err := r.Servers.DisconnectServer(t.Context(), access.Caller{}, "bobs"); err != nil {
		t.Fatal(err)
	}
	if err := as("prod", true); err != nil {
		t.Fatal(err)
	}
	if got := users(); !slices.Equal(got, []string{"prod bob"}) {
		t.Errorf("after the account was changed: %q", got)
	}
}
