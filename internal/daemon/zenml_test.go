package daemon

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/broker"
	serverkind "github.com/zen-agent/zen/internal/connector/server"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/keystore"
	"github.com/zen-agent/zen/internal/registryauth"
	"github.com/zen-agent/zen/internal/registrytest"
	"github.com/zen-agent/zen/internal/tokencache"
	"github.com/zen-agent/zen/internal/zenml/zenmltest"
)

// serverRig is a broker on real parts that talks to a fake ZenML server, which has a
// connector for a real registry.
type serverRig struct {
	*broker.Broker
	*testing.T
	zenml    *zenmltest.Server
	registry *registrytest.Registry
	links    *zenmlServers
	later    atomic.Int64 // by how much the broker's clock is ahead
}

func newServerRig(t *testing.T) *serverRig {
	t.Helper()
	return newServerRigThat(t, registryauth.New())
}

// newServerRigThat has registries asked by a checker.
func newServerRigThat(t *testing.T, registries *registryauth.Checker) *serverRig {
	t.Helper()
	r := &serverRig{
		T:        t,
		zenml:    zenmltest.Start(),
		registry: registrytest.StartBasic("alice", canary),
		links:    newZenMLServers(),
	}
	t.Cleanup(r.zenml.Close)
	t.Cleanup(r.registry.Close)
	r.zenml.Connectors = []*zenmltest.Connector{r.entry("11111111-1111-4111-8111-111111111111", "reg")}
	vault, err := keystore.Open(
		keystore.Options{
			Path:  filepath.Join(t.TempDir(), "vault.json"),
			Slots: []keystore.KeySlot{&keystore.MemorySlot{}},
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { vault.Close() })
	r.Broker, err = broker.New(broker.Config{
		Vault: vault, Kinds: kinds(registries), Engine: tokencache.New(tokencache.Config{}), Owner: "me",
		Servers: r.links, ServerKind: serverkind.New(r.links.pool, registries),
		Now: func() time.Time { return time.Now().Add(time.Duration(r.later.Load())) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *serverRig) entry(id, name string) *zenmltest.Connector {
	return &zenmltest.Connector{
		ID: id, Name: name, Type: "docker", ResourceID: r.registry.Host, Username: "alice", Password: canary,
		Registry: r.registry.Host, Life: time.Hour,
	}
}

func (r *serverRig) connect(s *zenmltest.Server, name string) error {
	secrets := map[string]credential.Secret{api.SecretKey: credential.SecretString(s.APIKey)}
	_, err := r.Servers.ConnectServer(
		r.Context(),
		access.Caller{},
		api.ConnectServer{URL: s.URL, Name: name, Auth: api.ServerAuthAPIKey},
		secrets,
	)
	return err
}

// ready is connected and logged in.
func (r *serverRig) ready() *serverRig {
	r.Helper()
	if err := r.connect(r.zenml, "prod"); err != nil {
		r.Fatal(err)
	}
	if err := r.login("reg"); err != nil {
		r.Fatal(err)
	}
	return r
}

func (r *serverRig) login(name string) error {
	_, err := r.Sessions.Login(r.Context(), access.Caller{}, api.LoginRequest{Name: name})
	return err
}

func (r *serverRig) get() error {
	cred, err := r.Credentials.Get(r.Context(), access.Caller{}, r.registry.Host)
	if err == nil && string(cred.Secret.Reveal()) != canary {
		err = errors.New("another secret")
	}
	return err
}

func (r *serverRig) count(request string) (n int) {
	for _, have := range r.zenml.Requests() {
		if have == request {
			n++
		}
	}
	return n
}

func TestManyColdGetsAreOneMint(t *testing.T) {
	r := newServerRig(t).ready()
	// forgets what the login minted, and the access token
	if err := r.Keys.Lock(access.Caller{}); err != nil {
		t.Fatal(err)
	}
	if err := r.Keys.Unlock(t.Context(), access.Caller{}, nil); err != nil {
		t.Fatal(err)
	}
	mints, logins := r.zenml.Minted("reg"), r.count("POST /api/v1/login")
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			if err := r.get(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if m, l := r.zenml.Minted("reg")-mints, r.count("POST /api/v1/login")-logins; m != 1 || l != 1 {
		t.Errorf("100 gets made the server mint %d times and log in %d times, want once each", m, l)
	}
}

func TestLoginMintsOnce(t *testing.T) {
	r := newServerRig(t).ready()
	for range 3 {
		if err := r.get(); err != nil {
			t.Error(err)
		}
	}
	if n := r.zenml.Minted("reg"); n != 1 {
		t.Errorf("%d credentials for a login and three gets", n)
	}
}

func TestServerDown(t *testing.T) {
	r := newServerRig(t).ready()
	r.zenml.Close()
	if err := r.get(); err != nil {
		t.Errorf("while the credential is valid: %v", err)
	}
	if err := r.Keys.Lock(access.Caller{}); err != nil {
		t.Fatal(err)
	}
	if err := r.Keys.Unlock(t.Context(), access.Caller{}, nil); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := r.get(); !credential.Unreachable.Is(err) || !strings.Contains(err.Error(), "service "+
		"connector 'reg'") || time.Since(began) > 5*time.Second {
		t.Errorf("without one: %v after %v", err, time.Since(began))
	}
	list, err := r.Connectors.ListConnectors(t.Context(), api.Query{})
	if err != nil || len(list.Items) != 1 || list.Items[0].Server != "prod" || len(list.Warnings) != 1 ||
		!strings.Contains(list.Warnings[0], "'prod'") {
		t.Errorf("list: %+v, %v", list, err)
	}
}

func TestRevokedKey(t *testing.T) {
	r := newServerRig(t).ready()
	r.zenml.Lock()
	old := r.zenml.APIKey
	r.zenml.APIKey = "ZENKEY_another"
	r.zenml.Unlock()
	r.zenml.Revoke()
	if err := r.Keys.Lock(access.Caller{}); err != nil {
		t.Fatal(err)
	}
	if err := r.Keys.Unlock(t.Context(), access.Caller{}, nil); err != nil {
		t.Fatal(err)
	}
	before := len(r.zenml.Requests())
	for range 20 {
		if err := r.get(); !credential.NeedsLogin.Is(err) || !strings.Contains(err.Error(), "refused the "+
			"login") || strings.Contains(err.Error(), old) {
			t.Fatalf("error is %v", err)
		}
	}
	if n := len(r.zenml.Requests()) - before; n != 1 {
		t.Errorf("20 gets asked the server %d times, want once", n)
	}
	if err := r.connect(r.zenml, ""); err != nil {
		t.Fatal(err)
	}
	if err := r.get(); err != nil {
		t.Errorf("after connecting with the new key: %v", err)
	}
	if list := r.Servers.ServerList().Items; len(list) != 1 || list[0].Name != "prod" || list[0].Logins != 1 {
		t.Errorf("servers: %+v", list)
	}
}

func TestSeveralServers(t *testing.T) {
	r := newServerRig(t).ready()
	other := zenmltest.Start()
	other.ID = "another"
	t.Cleanup(other.Close)
	other.Connectors = []*zenmltest.Connector{
		r.entry(
			"22222222-2222-4222-8222-222222222222",
			"reg",
		), r.entry("33333333-3333-4333-8333-333333333333", "theirs"),
		r.entry("11111111-1111-4111-8111-111111111111", "double"), // the id of another server's
	}
	if err := r.connect(other, "dev"); err != nil {
		t.Fatal(err)
	}
	list, err := r.Connectors.ListConnectors(t.Context(), api.Query{SortBy: "name"})
	var names []string
	for _, c := range list.Items {
		names = append(names, c.Server+"/"+c.Name)
	}
	if slices.Sort(names); err != nil ||
		!slices.Equal(names, []string{"dev/double", "dev/reg", "dev/theirs", "prod/reg"}) {
		t.Errorf("list: %q, %v", names, err)
	}
	for _, tt := range []struct{ name, server, want string }{
		{"reg", "", "prod"},
		{"reg", "dev", "dev"},
		{"theirs", "", "dev"},
		{"theirs", "prod", ""},
		{"nope", "", ""},
		{"reg", "nowhere", ""},
	} {
		got, err := r.Connectors.Connector(t.Context(), api.UseConnector{Ref: tt.name, Server: tt.server})
		if got.Connector.Server != tt.want || (err == nil) != (tt.want != "") ||
			err != nil && !credential.NoSuchEntity.Is(err) {
			t.Errorf("%s with --server %q is on %q, %v", tt.name, tt.server, got.Connector.Server, err)
		}
	}
	if err := r.login("double"); !credential.Exists.Is(err) {
		t.Errorf("a connector with the id of another server's: %v", err)
	}
	if _, err := r.Servers.UseServer(t.Context(), "dev"); err != nil {
		t.Fatal(err)
	}
	if err := r.login("reg"); err != nil {
		t.Error(err)
	}
	if other.Minted("reg") != 1 {
		t.Errorf("the active server's connector was minted %d times", other.Minted("reg"))
	}
}

func TestConnectRefuses(t *testing.T) {
	page := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Write([]byte("<html>"))
	}
	for _, tt := range []struct {
		name   string
		change func(*zenmltest.Server, *api.ConnectServer)
		reason credential.Reason
		want   string
	}{
		{
			"wrong key", func(s *zenmltest.Server, _ *api.ConnectServer) { s.APIKey = "ZENKEY_x" },
			credential.Rejected, "refused the login",
		},
		{
			"not ZenML", func(s *zenmltest.Server, _ *api.ConnectServer) { s.Broken = page },
			credential.Unreachable, "not JSON but text/html",
		},
		{
			"too old", func(s *zenmltest.Server, _ *api.ConnectServer) { s.Version = "0.75.0" },
			credential.InvalidInput, "needs 0.80",
		},
		{
			"none there", func(s *zenmltest.Server, _ *api.ConnectServer) { s.Close() },
			credential.Unreachable,
			"connection refused",
		},
		{
			"no TLS", func(_ *zenmltest.Server, r *api.ConnectServer) { r.URL = "http://zenml.example.com" },
			credential.InvalidInput, "without TLS",
		},
		{
			"no key", func(_ *zenmltest.Server, r *api.ConnectServer) { r.Auth = api.ServerAuthNone },
			credential.NeedsLogin, "does not let everybody in",
		},
		{"no password", func(s *zenmltest.Server, r *api.ConnectServer) {
			s.Scheme, r.Auth, r.Username = "EXTERNAL", api.ServerAuthPassword, "admin"
		}, credential.InvalidInput, "leaves logins to another service"},
		{
			"no device", func(_ *zenmltest.Server, r *api.ConnectServer) { r.Device = "x" },
			credential.NoSuchEntity, "is over",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newServerRig(t)
			req := api.ConnectServer{URL: r.zenml.URL, Auth: api.ServerAuthAPIKey}
			key := map[string]credential.Secret{api.SecretKey: credential.SecretString("ZENKEY_test")}
			tt.change(r.zenml, &req)
			_, err := r.Servers.ConnectServer(t.Context(), access.Caller{}, req, key)
			if credential.ReasonOf(err) != tt.reason || !strings.Contains(err.Error(), tt.want) ||
				strings.Contains(err.Error(), "ZENKEY") {
				t.Errorf("error is %v", err)
			}
			if n := len(r.Servers.ServerList().Items); n != 0 {
				t.Errorf("%d servers were kept", n)
			}
		})
	}
}

func TestConnectByDevice(t *testing.T) {
	r := newServerRig(t)
	d, err := r.Servers.ServerDevice(t.Context(), api.ConnectServer{URL: r.zenml.URL})
	if err != nil || d.Device == "" || !strings.HasPrefix(d.URL, r.zenml.URL) {
		t.Fatalf("device %+v, %v", d, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if result, err := r.Servers.ConnectServer(ctx, access.Caller{}, api.ConnectServer{Device: d.Device},
		nil); err != nil ||
		!result.Pending {
		t.Fatalf("before it is allowed: %+v, %v", result, err)
	}
	r.zenml.Lock()
	r.zenml.Allowed = true
	r.zenml.Unlock()
	result, err := r.Servers.ConnectServer(
		t.Context(),
		access.Caller{},
		api.ConnectServer{Device: d.Device, Name: "prod"},
		nil,
	)
	if err != nil || result.Server.Auth != api.ServerAuthDevice || result.Server.Until == nil ||
		result.Server.User != "admin" {
		t.Fatalf("connected %+v, %v", result, err)
	}
	if err := r.login("reg"); err != nil {
		t.Error(err)
	}
	if described, err := r.Servers.Server(t.Context(), ""); err != nil || described.Connectors == nil ||
		*described.Connectors != 1 ||
		described.Server.Problem != "" {
		t.Errorf("described %+v, %v", described, err)
	}
}

func TestServerThatLetsEverybodyIn(t *testing.T) {
	r := newServerRig(t)
	r.zenml.Scheme = "NO_AUTH"
	if d, err := r.Servers.ServerDevice(t.Context(), api.ConnectServer{URL: r.zenml.URL}); err != nil ||
		d.Device != "" {
		t.Fatalf("device %+v, %v", d, err)
	}
	if _, err := r.Servers.ConnectServer(t.Context(), access.Caller{},
		api.ConnectServer{URL: r.zenml.URL, Auth: api.ServerAuthNone}, nil); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.login("reg"), r.get()); err != nil {
		t.Error(err)
	}
	if n := r.count("POST /api/v1/login"); n != 0 {
		t.Errorf("%d logins", n)
	}
}

func TestServerThatHangs(t *testing.T) {
	r := newServerRig(t).ready()
	release := make(chan struct{})
	hang := zenmltest.Start()
	hang.ID = "another"
	t.Cleanup(hang.Close)
	t.Cleanup(func() { close(release) })
	if err := r.connect(hang, "slow"); err != nil {
		t.Fatal(err)
	}
	hang.Lock()
	hang.Broken = func(http.ResponseWriter, *http.Request) {
		<-release
	}
	hang.Unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	list, err := r.Connectors.ListConnectors(ctx, api.Query{})
	if err != nil || len(list.Items) != 1 || len(list.Warnings) != 1 ||
		!strings.Contains(list.Warnings[0], "'slow'") {
		t.Errorf("list: %+v, %v", list, err)
	}
}

// A shell that completes names, and whoever means a connector of the active server, does
// not wait for one that hangs.
func TestNobodyWaitsForAServerThatHangs(t *testing.T) {
	r := newServerRig(t).ready()
	release := make(chan struct{})
	hang := zenmltest.Start()
	hang.ID = "another"
	t.Cleanup(hang.Close)
	t.Cleanup(func() { close(release) })
	if err := r.connect(hang, "slow"); err != nil {
		t.Fatal(err)
	}
	hang.Lock()
	hang.Broken = func(http.ResponseWriter, *http.Request) { <-release }
	hang.Unlock()
	began := time.Now()
	list, err := r.Connectors.ListConnectors(t.Context(), api.Query{Quick: true})
	if err != nil || len(list.Items) != 1 || time.Since(began) > 5*time.Second {
		t.Errorf("list: %d, %v after %v", len(list.Items), err, time.Since(began))
	}
	began = time.Now()
	if err := r.login("reg"); err != nil || time.Since(began) > 5*time.Second {
		t.Errorf("login: %v after %v", err, time.Since(began))
	}
}

// What zen once read of a connector's end on a server is not what ends a login: it may
// have got new credentials there since.
func TestServerKnowsTheEndOfItsConnectors(t *testing.T) {
	r := newServerRig(t)
	conn := r.zenml.Connectors[0]
	conn.Life, conn.Ends = 0, time.Now().Add(time.Hour)
	r.ready()
	r.later.Store(int64(2 * time.Hour))
	if err := r.get(); err != nil {
		t.Errorf("mended on the server before its end: %v", err)
	}
	if list, err := r.Sessions.Logins(t.Context(), access.Caller{}); err != nil || len(list) != 1 ||
		list[0].Problem != "" {
		t.Errorf("logins: %+v (%v)", list, err)
	}
}

// What a server says of a connector's registry sends nothing over plain http to another
// machine before a person agrees.
func TestPlainHTTPOfAServersConnector(t *testing.T) {
	far := registrytest.NewElsewhere("alice", canary)
	r := newServerRigThat(t, registryauth.Through(far.Dial))
	entry := r.zenml.Connectors[0]
	entry.Registry, entry.ResourceID = "http://reg.example:5000", "reg.example:5000"
	if err := r.connect(r.zenml, "prod"); err != nil {
		t.Fatal(err)
	}
	wantRefused := func(what string, err error) {
		t.Helper()
		e, ok := errors.AsType[*credential.Error](err)
		if !ok || !strings.Contains(e.Message, "unencrypted") ||
			!strings.Contains(e.HintText(), "--insecure") {
			t.Errorf("%s: %v", what, err)
		}
	}
	verify := func() error {
		use := api.UseConnector{Ref: "reg", Server: "prod"}
		_, err := r.Connectors.VerifyConnector(t.Context(), access.Caller{}, use)
		return err
	}
	config := map[string]credential.Secret{
		"username": credential.SecretString("alice"), "password": credential.SecretString(canary),
		"registry": credential.SecretString("http://other.example"),
	}
	_, err := r.Connectors.RegisterConnector(t.Context(), access.Caller{},
		api.RegisterConnector{Name: "new", Type: "docker", Server: "prod"}, config)
	wantRefused("register", err)
	_, err = r.Connectors.UpdateConnector(
		t.Context(),
		access.Caller{},
		api.UpdateConnector{Ref: "reg", Server: "prod"},
		map[string]credential.Secret{
			"registry": credential.SecretString(
				"http://other.example",
			), "password": credential.SecretString(canary),
		},
	)
	wantRefused("update", err)
	_, err = r.Connectors.UpdateConnector(
		t.Context(),
		access.Caller{},
		api.UpdateConnector{Ref: "reg", Server: "prod"},
		map[string]credential.Secret{"password": credential.SecretString(canary)},
	)
	wantRefused("update the password", err)
	wantRefused("verify", verify())
	wantRefused("login", r.login("reg"))
	list, err := r.Connectors.Resources(t.Context(), api.ResourcesQuery{Verify: true})
	if err != nil || !strings.Contains(list.Items[0].Error, "unencrypted") {
		t.Errorf("resources: %+v, %v", list, err)
	}
	if got := far.Plain(); len(got) > 0 {
		t.Fatalf("without TLS came %q", got)
	}

	_, err = r.Sessions.Login(t.Context(), access.Caller{}, api.LoginRequest{Name: "reg", Insecure: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(verify(), r.login("reg")); err != nil {
		t.Errorf("after it was agreed to: %v", err)
	}
	_, err = r.Connectors.UpdateConnector(
		t.Context(),
		access.Caller{},
		api.UpdateConnector{Ref: "reg", Server: "prod"},
		map[string]credential.Secret{"password": credential.SecretString(canary)},
	)
	if err != nil {
		t.Errorf("update after it was agreed to: %v", err)
	}
	if list := r.Connectors.PlainNotices(); len(list) > 0 {
		t.Errorf("told of %v", list)
	}
	if got := far.Plain(); !slices.Contains(got, "GET reg.example:5000/v2/ alice:"+canary) {
		t.Errorf("came %q", got)
	}

	asked := len(far.Plain())
	entry.Registry = "http://reg.example" // the server says another one from now on
	wantRefused("verify another one", verify())
	if got := far.Plain()[asked:]; len(got) > 0 {
		t.Errorf("without TLS came %q", got)
	}
}
