package broker

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/broker/state"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/connector/docker"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/keystore"
	"github.com/zen-agent/zen/internal/registryauth"
	"github.com/zen-agent/zen/internal/registrytest"
	"github.com/zen-agent/zen/internal/tokencache"
)

// rig is a broker on real parts: a vault in a file, the docker kind, the engine, and a
// registry that demands a password.
type rig struct {
	*Broker
	*Credentials
	*Sessions
	*Connectors
	*Registries
	*Stacks
	*Servers
	*Keys
	t     *testing.T
	path  string
	slot  keystore.KeySlot
	index *memoryIndex
	audit *memoryAudit
	clock *clock
	large func(context.Context) error
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

type memoryIndex struct{ addresses []string }

func (m *memoryIndex) Read() (list []address.Address, err error) {
	for _, text := range m.addresses {
		a, err := address.Parse(text)
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, nil
}

func (m *memoryIndex) Write(list []address.Address) error {
	m.addresses = nil
	for _, a := range list {
		m.addresses = append(m.addresses, a.String())
	}
	return nil
}

type memoryAudit struct {
	mu    sync.Mutex
	lines []string
	to    []string // where secrets went
}

func (m *memoryAudit) Record(_ access.Caller, s access.Subject, err error, detail string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	result := "ok"
	if err != nil {
		result = string(credential.ReasonOf(err))
	}
	m.to = append(m.to, s.To.String())
	m.lines = append(
		m.lines,
		strings.TrimSpace(
			strings.Join([]string{string(s.Action), s.Address.String(), s.Connector, result, detail}, " "),
		),
	)
}

// has reports whether there is such a line, of those that may come in any order.
func (m *memoryAudit) has(line string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Contains(m.lines, line)
}

func (m *memoryAudit) last() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.lines) == 0 {
		return ""
	}
	return m.lines[len(m.lines)-1]
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, path: filepath.Join(t.TempDir(), "vault.json"), slot: &keystore.MemorySlot{}}
	r.clock = &clock{now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
	r.open()
	return r
}

// open opens the vault as a new zend does.
func (r *rig) open() {
	r.t.Helper()
	vault, err := keystore.Open(keystore.Options{Path: r.path, Slots: []keystore.KeySlot{r.slot}})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { vault.Close() })
	r.index, r.audit = &memoryIndex{}, &memoryAudit{}
	b, err := New(Config{
		Vault: vault, Kinds: []connector.Kind{docker.New(registryauth.New())},
		Engine: tokencache.New(tokencache.Config{}),
		Index:  r.index, Auditor: r.audit, Now: r.clock.Now, Owner: "me",
		Settings: state.Settings{ListPolicy: "all"}, Large: r.large,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.use(b)
	r.WriteIndex()
}

// use has the rig ask b from now on.
func (r *rig) use(b *Broker) {
	r.Broker = b
	r.Credentials, r.Sessions, r.Connectors, r.Registries = b.Credentials, b.Sessions, b.Connectors,
		b.Registries
	r.Stacks, r.Servers, r.Keys = b.Stacks, b.Servers, b.Keys
}

// restart is what happens after kill -9: nothing of the old process is left but the file
// and the key slot.
func (r *rig) restart() {
	r.t.Helper()
	r.Vault.Close()
	r.open()
}

func secretsOf(kv ...string) map[string]credential.Secret {
	m := make(map[string]credential.Secret)
	for i := 0; i < len(kv); i += 2 {
		m[kv[i]] = credential.SecretString(kv[i+1])
	}
	return m
}

func (r *rig) register(name, registry, password string) api.ConnectorResult {
	r.t.Helper()
	res, err := r.RegisterConnector(
		r.t.Context(),
		access.Caller{},
		api.RegisterConnector{Name: name, Type: "docker"},
		secretsOf("username", "alice", "password", password, "registry", registry),
	)
	if err != nil {
		r.t.Fatalf("registering %s: %v", name, err)
	}
	return res
}

func (r *rig) login(name string) api.LoginResult {
	r.t.Helper()
	res, err := r.Login(r.t.Context(), access.Caller{}, api.LoginRequest{Name: name})
	if err != nil {
		r.t.Fatalf("login %s: %v", name, err)
	}
	return res
}

// get returns "user:secret", or the reason of the failure.
func (r *rig) get(url string) string {
	r.t.Helper()
	return r.getAs(access.Caller{}, url)
}

func (r *rig) getAs(c access.Caller, url string) string {
	r.t.Helper()
	cred, err := r.Get(r.t.Context(), c, url)
	if err != nil {
		return string(credential.ReasonOf(err))
	}
	defer cred.Secret.Wipe()
	return cred.Username + ":" + string(cred.Secret.Reveal())
}

func (r *rig) store(url, user, secret string) {
	r.t.Helper()
	if err := r.Store(r.t.Context(), access.Caller{}, url,
		credential.Credential{Username: user, Secret: credential.SecretString(secret)}); err != nil {
		r.t.Fatalf("store %s: %v", url, err)
	}
}

func (r *rig) allLogins(c access.Caller) []api.Login {
	r.t.Helper()
	list, err := r.Logins(r.t.Context(), c)
	if err != nil {
		r.t.Fatal(err)
	}
	return list
}

func (r *rig) wantGet(url, want string) {
	r.t.Helper()
	if got := r.get(url); got != want {
		r.t.Errorf("get %s: %s, want %s", url, got, want)
	}
}

func registry(t *testing.T) *registrytest.Registry {
	t.Helper()
	reg := registrytest.StartBasic("alice", "pw")
	t.Cleanup(reg.Close)
	return reg
}

func TestLoginAndLogout(t *testing.T) {
	for name, start := range map[string]func(string, string) *registrytest.Registry{
		"basic": registrytest.StartBasic, "bearer": registrytest.StartBearer,
	} {
		t.Run(name, func(t *testing.T) {
			reg := start("alice", "pw")
			defer reg.Close()
			r := newRig(t)
			res := r.register("reg", reg.Host, "pw")
			if res.Connector.Verification != api.VerificationValid {
				t.Errorf("verification is %q", res.Connector.Verification)
			}
			r.wantGet(reg.Host, "not_logged_in")
			r.login("reg")
			r.wantGet(reg.Host, "alice:pw")
			r.wantGet(reg.Host+"/team/app", "alice:pw")
			r.restart()
			r.wantGet("http://"+reg.Host, "alice:pw")
			if _, err := r.Logout(t.Context(), access.Caller{}, api.LogoutRequest{Name: "reg"}); err != nil {
				t.Fatal(err)
			}
			r.wantGet(reg.Host, "not_logged_in")
			if len(r.index.addresses) != 0 {
				t.Errorf("host index still has %v", r.index.addresses)
			}
		})
	}
}

func TestWrongPasswordIsRefused(t *testing.T) {
	reg := registry(t)
	r := newRig(t)
	config := secretsOf("username", "alice", "password", "wrong", "registry", reg.Host)
	_, err := r.RegisterConnector(
		t.Context(),
		access.Caller{},
		api.RegisterConnector{Name: "bad", Type: "docker"},
		config,
	)
	if !credential.Rejected.Is(err) || !strings.Contains(err.Error(), "authentication "+
		"required") || strings.Contains(err.Error(), "wrong") {
		t.Fatalf("register: %v", err)
	}
	if n := r.Counts().Connectors; n != 0 {
		t.Errorf("%d connectors kept", n)
	}
	if _, err := r.RegisterConnector(t.Context(), access.Caller{},
		api.RegisterConnector{Name: "bad", Type: "docker", NoVerify: true}, config); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Login(t.Context(), access.Caller{},
		api.LoginRequest{Name: "bad"}); !credential.Rejected.Is(
		err,
	) {
		t.Errorf("login: %v", err)
	}
	r.wantGet(reg.Host, "not_logged_in")
}

// A password that worked and does so no more is told from one that never did.
func TestRevokedPassword(t *testing.T) {
	reg := bearer(t)
	r := newRig(t)
	r.register("reg", reg.Host, "pw")
	r.login("reg")
	reg.SetPassword("alice", "another")
	const revoked = "rejects the credentials: authentication required; it accepted them before, so they " +
		"were revoked, changed or have run out"
	if _, err := r.Login(t.Context(), access.Caller{},
		api.LoginRequest{Name: "reg"}); !credential.Rejected.Is(
		err,
	) ||
		!strings.Contains(err.Error(), revoked) {
		t.Errorf("login: %v", err)
	}
	if _, err := r.VerifyConnector(t.Context(), access.Caller{},
		api.UseConnector{Ref: "reg"}); !credential.Rejected.Is(
		err,
	) ||
		!strings.Contains(err.Error(), revoked) {
		t.Errorf("verify: %v", err)
	}
	if last := r.audit.last(); !strings.HasPrefix(last, "verify "+reg.Host+" reg rejected") {
		t.Errorf("audit: %s", last)
	}
	// What is wrong from the start is not said to have worked.
	_, err := r.UpdateConnector(
		t.Context(),
		access.Caller{},
		api.UpdateConnector{Ref: "reg", NoVerify: true},
		secretsOf("password", "wrong"),
	)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Login(t.Context(), access.Caller{},
		api.LoginRequest{Name: "reg"}); !credential.Rejected.Is(
		err,
	) ||
		strings.Contains(err.Error(), "before") {
		t.Errorf("login with another wrong password: %v", err)
	}
}

func TestUnreachableRegistry(t *testing.T) {
	r := newRig(t)
	res := r.register("down", "127.0.0.1:1", "pw")
	if res.Resources[0].Verification != api.VerificationUnreachable || res.Resources[0].Error == "" {
		t.Errorf("resource is %+v", res.Resources[0])
	}
	if _, err := r.Login(t.Context(), access.Caller{},
		api.LoginRequest{Name: "down"}); !credential.Unreachable.Is(
		err,
	) {
		t.Errorf("login: %v", err)
	}
	if _, err := r.Login(t.Context(), access.Caller{},
		api.LoginRequest{Name: "down", NoVerify: true}); err != nil {
		t.Errorf("login --no-verify: %v", err)
	}
	r.wantGet("127.0.0.1:1", "alice:pw")
}

func TestDockerLogin(t *testing.T) {
	r := newRig(t)
	r.store("ghcr.io", "bob", "one")
	r.wantGet("https://ghcr.io/v2/", "bob:one")
	r.wantGet("ghcr.io/team/app", "bob:one")
	r.wantGet("ghcr.io.evil.com", "not_logged_in")
	r.wantGet("http://ghcr.io", "denied")
	r.store("ghcr.io", "bob", "one")
	if last := r.audit.last(); !strings.Contains(last, "unchanged") {
		t.Errorf("storing the same again: audit says %q", last)
	}
	r.store("ghcr.io", "bob", "two")
	if last := r.audit.last(); !strings.Contains(last, "replaced") {
		t.Errorf("storing another: audit says %q", last)
	}
	r.wantGet("ghcr.io", "bob:two")
	r.restart()
	r.wantGet("ghcr.io", "bob:two")
	for range 2 {
		if err := r.Erase(t.Context(), access.Caller{}, "https://ghcr.io"); err != nil {
			t.Fatal(err)
		}
	}
	r.wantGet("ghcr.io", "not_logged_in")
}

// docker login stores what get returned, even when the login failed: a connector must not
// become a static password.
func TestStoreOfWhatWasServedChangesNothing(t *testing.T) {
	reg := registry(t)
	r := newRig(t)
	r.register("reg", reg.Host, "pw")
	r.login("reg")
	r.wantGet(reg.Host, "alice:pw")
	r.store(reg.Host, "alice", "pw")
	if l := r.allLogins(access.Caller{}); len(l) != 1 || l[0].ConnectorName != "reg" {
		t.Errorf("logins are %+v", l)
	}
	r.store(reg.Host, "alice", "other")
	if l := r.allLogins(access.Caller{}); len(l) != 1 || l[0].ConnectorName != "" ||
		l[0].Username != "alice" {
		t.Errorf("logins are %+v", l)
	}
	if last := r.audit.last(); !strings.Contains(last, "replaced the login by service connector 'reg'") {
		t.Errorf("audit says %q", last)
	}
}

// A login over https that is stored again for http answers clients that say http, too: no
// store succeeds without effect.
func TestStoreForHTTP(t *testing.T) {
	r := newRig(t)
	r.store("ghcr.io", "bob", "one")
	r.wantGet("http://ghcr.io", "denied")
	r.store("http://ghcr.io", "bob", "one")
	r.wantGet("http://ghcr.io", "bob:one")
	r.wantGet("ghcr.io", "bob:one")
	if l := r.allLogins(access.Caller{}); len(l) != 1 || !l[0].PlainHTTP {
		t.Errorf("logins are %+v", l)
	}
	secrets := secretsOf("username", "alice", "password", "pw", "registry", "quay.io")
	if _, err := r.RegisterConnector(t.Context(), access.Caller{},
		api.RegisterConnector{Name: "c", Type: "docker", NoVerify: true}, secrets); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Login(t.Context(), access.Caller{},
		api.LoginRequest{Name: "c", NoVerify: true}); err != nil {
		t.Fatal(err)
	}
	r.wantGet("quay.io", "alice:pw")
	err := r.Store(t.Context(), access.Caller{}, "http://quay.io",
		credential.Credential{Username: "alice", Secret: credential.SecretString("pw")})
	if !credential.InvalidInput.Is(err) || !strings.Contains(err.Error(), "over https only") {
		t.Errorf("storing for http what a connector answers: %v", err)
	}
	r.wantGet("quay.io", "alice:pw")
}

// A time limit that no clock can hold is refused, rather than taken for none.
func TestTimeLimits(t *testing.T) {
	r := newRig(t)
	reg := registry(t)
	r.register("reg", reg.Host, "pw")
	for ttl, valid := range map[int]bool{
		api.NoTTL: true, 0: true, 1: true, maxTTLSeconds: true, maxTTLSeconds + 1: false, -2: false,
		9_300_000_000: false, math.MaxInt: false, math.MinInt: false,
	} {
		res, err := r.Login(t.Context(), access.Caller{}, api.LoginRequest{Name: "reg", TTLSeconds: ttl})
		if valid != (err == nil) || !valid && !credential.InvalidInput.Is(err) {
			t.Errorf("%d s: %v", ttl, err)
		}
		if valid && (res.Login.Until == nil) != (ttl <= 0) {
			t.Errorf("%d s: until %v", ttl, res.Login.Until)
		}
	}
}

// docker 27.2 logs in to what was typed, and logs out from it; it asks for the host.
func TestKeysWithAPathThatNoRepositoryHas(t *testing.T) {
	r := newRig(t)
	for _, key := range []string{
		"ghcr.io/MY_ORG/Services", "https://ghcr.io/Group/My%20Project", "ghcr.io/v2/?x",
	} {
		r.store(key, "ann", "pw")
		r.wantGet("ghcr.io", "ann:pw")
		r.wantGet(key, "ann:pw")
		if err := r.Erase(t.Context(), access.Caller{}, key); err != nil {
			t.Errorf("erase %s: %v", key, err)
		}
		r.wantGet("ghcr.io", "not_logged_in")
	}
}

func TestHubSpellingsAndSubKeys(t *testing.T) {
	r := newRig(t)
	r.store("https://index.docker.io/v1/", "hub", "pat")
	r.store("https://index.docker.io/v1/refresh-token", "hub", "token..client")
	for _, url := range []string{
		"docker.io", "index.docker.io", "registry-1.docker.io",
		"https://index.docker.io/v1/", "index.docker.io/library/alpine",
	} {
		r.wantGet(url, "hub:pat")
	}
	r.wantGet("https://index.docker.io/v1/refresh-token", "hub:token..client")
	r.wantGet("https://index.docker.io/v1/access-token", "not_logged_in")
	list, err := r.List(t.Context(), access.Caller{})
	if err != nil || list["https://index.docker.io/v1/"] != "hub" || len(list) != 2 {
		t.Errorf("list is %v, %v", list, err)
	}
}

func TestLongestPathWins(t *testing.T) {
	r := newRig(t)
	r.store("ghcr.io", "all", "1")
	r.store("ghcr.io/team", "team", "2")
	r.wantGet("ghcr.io/team/app", "team:2")
	r.wantGet("ghcr.io/teams/app", "all:1")
	r.wantGet("ghcr.io", "all:1")
}

func TestDirectoriesAndProfiles(t *testing.T) {
	reg := registry(t)
	reg.SetPassword("bob", "pb")
	r := newRig(t)
	r.register("home", reg.Host, "pw")
	if _, err := r.RegisterConnector(t.Context(), access.Caller{},
		api.RegisterConnector{Name: "work", Type: "docker"},
		secretsOf("username", "bob", "password", "pb", "registry", reg.Host)); err != nil {
		t.Fatal(err)
	}
	r.login("home")
	for _, req := range []api.LoginRequest{
		{Name: "work", Dir: "/home/me/src"},
		{Name: "work", Profile: "ci"},
	} {
		if _, err := r.Login(t.Context(), access.Caller{}, req); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		caller access.Caller
		want   string
	}{
		{access.Caller{Dir: "/home/me"}, "alice:pw"},
		{access.Caller{Dir: "/home/me/src/x"}, "bob:pb"},
		{access.Caller{Dir: "/home/me/srcshop"}, "alice:pw"},
		{access.Caller{Profile: "ci"}, "bob:pb"},
	} {
		if got := r.getAs(tt.caller, reg.Host); got != tt.want {
			t.Errorf("get from %q as %q: %s, want %s", tt.caller.Dir, tt.caller.Profile, got, tt.want)
		}
	}
}

func TestLockStopsEverythingButNotFound(t *testing.T) {
	reg := registry(t)
	r := newRig(t)
	r.register("reg", reg.Host, "pw")
	r.login("reg")
	r.store("ghcr.io", "bob", "one")
	r.wantGet(reg.Host, "alice:pw")
	if err := r.Lock(access.Caller{}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		r.wantGet(reg.Host, "locked")
		r.wantGet("ghcr.io", "locked")
		r.wantGet("quay.io", "not_logged_in")
		if list, err := r.List(t.Context(), access.Caller{}); err != nil || len(list) != 0 {
			t.Errorf("list while locked: %v, %v", list, err)
		}
		r.restart() // a new zend is locked too
	}
	if err := r.Unlock(t.Context(), access.Caller{}, nil); err != nil {
		t.Fatal(err)
	}
	r.wantGet(reg.Host, "alice:pw")
}

// A reboot takes the key of a memory or session vault along: whatever changes the vault
// next begins anew.
func TestVaultWhoseKeyEndedWithTheSession(t *testing.T) {
	for name, change := range map[string]func(r *rig) error{
		"store": func(r *rig) error {
			return r.Store(t.Context(), access.Caller{}, "quay.io",
				credential.Credential{Username: "u", Secret: credential.SecretString("s")})
		},
		"passphrase": func(r *rig) error {
			return r.SetPassphrase(t.Context(), access.Caller{}, credential.SecretString("a long passphrase"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.store("ghcr.io", "bob", "one")
			r.slot = &keystore.MemorySlot{}
			r.restart()
			r.wantGet("ghcr.io", "key_lost")
			r.wantGet("quay.io", "not_logged_in")
			if err := change(r); err != nil {
				t.Fatal(err)
			}
			r.wantGet("ghcr.io", "not_logged_in")
			if kept, err := filepath.Glob(r.path + ".lost-*"); err != nil || len(kept) != 1 {
				t.Errorf("the old vault was kept as %v, %v", kept, err)
			}
		})
	}
}

func TestTimeLimit(t *testing.T) {
	reg := registry(t)
	r := newRig(t)
	r.register("reg", reg.Host, "pw")
	if _, err := r.Login(t.Context(), access.Caller{},
		api.LoginRequest{Name: "reg", TTLSeconds: 7200}); err != nil {
		t.Fatal(err)
	}
	r.clock.add(2*time.Hour - time.Second)
	r.wantGet(reg.Host, "alice:pw")
	r.restart()
	r.wantGet(reg.Host, "alice:pw")
	r.clock.add(time.Second)
	r.wantGet(reg.Host, "not_logged_in")
	if l := r.allLogins(access.Caller{}); len(l) != 0 {
		t.Errorf("logins are %+v", l)
	}
}

// What a login says itself is more than the setting.
func TestDefaultTimeLimit(t *testing.T) {
	reg := registry(t)
	r := newRig(t)
	r.register("reg", reg.Host, "pw")
	r.SetSettings(state.Settings{LoginTTL: 12 * time.Hour})
	for seconds, want := range map[int]time.Duration{
		0: 12 * time.Hour, 60: time.Minute,
		86400: 24 * time.Hour, api.NoTTL: 0,
	} {
		res, err := r.Login(t.Context(), access.Caller{}, api.LoginRequest{Name: "reg", TTLSeconds: seconds})
		switch until := res.Login.Until; {
		case err != nil:
			t.Error(err)
		case until == nil && want != 0, until != nil && until.Sub(r.clock.Now()) != want:
			t.Errorf("%d seconds: ends at %v, now is %v", seconds, until, r.clock.Now())
		}
	}
}

func TestExpiredConnector(t *testing.T) {
	reg := registry(t)
	r := newRig(t)
	end := r.clock.Now().Add(time.Hour)
	if _, err := r.RegisterConnector(t.Context(), access.Caller{},
		api.RegisterConnector{Name: "reg", Type: "docker", ExpiresAt: &end},
		secretsOf("username", "alice", "password", "pw", "registry", reg.Host)); err != nil {
		t.Fatal(err)
	}
	r.login("reg")
	r.clock.add(time.Hour - 301*time.Second)
	r.wantGet(reg.Host, "alice:pw")
	r.clock.add(2 * time.Second) // within the skew tolerance of 300 s
	r.wantGet(reg.Host, "expired")
	if _, err := r.Login(t.Context(), access.Caller{}, api.LoginRequest{Name: "reg"}); !credential.Expired.Is(
		err,
	) {
		t.Errorf("login: %v", err)
	}
}

func TestUpdateTakesEffectAtOnce(t *testing.T) {
	reg := registry(t)
	r := newRig(t)
	r.register("reg", reg.Host, "pw")
	r.login("reg")
	r.wantGet(reg.Host, "alice:pw")
	reg.SetPassword("alice", "new")
	_, err := r.UpdateConnector(
		t.Context(),
		access.Caller{},
		api.UpdateConnector{Ref: "reg"},
		secretsOf("password", "stale"),
	)
	if !credential.Rejected.Is(err) {
		t.Fatalf("update with a wrong password: %v", err)
	}
	r.wantGet(reg.Host, "alice:pw")
	if _, err := r.UpdateConnector(t.Context(), access.Caller{}, api.UpdateConnector{Ref: "reg"},
		secretsOf("password", "new")); err != nil {
		t.Fatal(err)
	}
	r.wantGet(reg.Host, "alice:new")
	r.restart()
	r.wantGet(reg.Host, "alice:new")
}

// People take attributes away as they typed them: as options, with dashes.
func TestUpdateRemoves(t *testing.T) {
	reg := registry(t)
	r := newRig(t)
	end, skew := r.clock.Now().Add(time.Hour), 60
	_, err := r.RegisterConnector(t.Context(), access.Caller{}, api.RegisterConnector{
		Name: "reg", Type: "docker", ExpiresAt: &end, ExpiresSkewTolerance: &skew,
	}, secretsOf("username", "alice", "password", "pw", "registry", reg.Host))
	if err != nil {
		t.Fatal(err)
	}
	r.login("reg")
	update := func(remove ...string) api.ServiceConnector {
		result, err := r.UpdateConnector(
			t.Context(),
			access.Caller{},
			api.UpdateConnector{Ref: "reg", Remove: remove, NoVerify: true},
			nil,
		)
		if err != nil {
			t.Fatal(err)
		}
		return result.Connector
	}
	if c := update("expires-at"); c.ExpiresAt != nil || c.ExpiresSkewTolerance == nil {
		t.Errorf("without expires-at: %+v", c)
	}
	if c := update("expires_skew_tolerance"); c.ExpiresSkewTolerance != nil {
		t.Errorf("without expires_skew_tolerance: %+v", c)
	}
	r.clock.add(2 * time.Hour)
	r.wantGet(reg.Host, "alice:pw")
	without := api.UpdateConnector{Ref: "reg", Remove: []string{"registry"}, NoVerify: true}
	if _, err := r.UpdateConnector(t.Context(), access.Caller{}, without, nil); !credential.Denied.Is(err) {
		t.Errorf("the password of one registry was kept for Docker Hub: %v", err)
	}
	res, err := r.UpdateConnector(t.Context(), access.Caller{}, without, secretsOf("password", "pw"))
	if c := res.Connector; err != nil || c.Configuration["registry"] != "" || c.ResourceID != "docker.io" {
		t.Errorf("without registry: %+v, %v", c, err)
	}
}

func TestDeleteEndsLogins(t *testing.T) {
	reg := registry(t)
	r := newRig(t)
	r.register("reg", reg.Host, "pw")
	r.login("reg")
	r.wantGet(reg.Host, "alice:pw")
	res, err := r.DeleteConnector(t.Context(), access.Caller{}, api.DeleteConnector{Ref: "reg"})
	if err != nil || res.Ended != 1 {
		t.Fatalf("delete: %+v, %v", res, err)
	}
	r.wantGet(reg.Host, "not_logged_in")
}

func TestLoginReplacesAndSaysSo(t *testing.T) {
	reg := registry(t)
	r := newRig(t)
	r.store(reg.Host, "old", "secret")
	r.register("reg", reg.Host, "pw")
	if res := r.login("reg"); res.Replaced != "docker login" {
		t.Errorf("replaced is %q", res.Replaced)
	}
	r.wantGet(reg.Host, "alice:pw")
	if res := r.login("reg"); res.Replaced != "" {
		t.Errorf("logging in again replaced %q", res.Replaced)
	}
}

func TestResourceThatTheConnectorDoesNotHave(t *testing.T) {
	reg := registry(t)
	r := newRig(t)
	r.register("reg", reg.Host, "pw")
	_, err := r.Login(t.Context(), access.Caller{}, api.LoginRequest{Name: "reg", ResourceID: "other.io"})
	if !credential.InvalidInput.Is(err) || !strings.Contains(err.Error(), "It only allows access to the "+
		"following resource: '"+reg.Host+"'") {
		t.Errorf("error is %v", err)
	}
}

func TestListPolicy(t *testing.T) {
	reg := registry(t)
	r := newRig(t)
	r.register("reg", reg.Host, "pw")
	r.login("reg")
	r.store("ghcr.io", "bob", "one")
	for policy, want := range map[string]int{"all": 2, "static": 2, "none": 0} {
		r.SetSettings(state.Settings{ListPolicy: policy})
		if list, err := r.List(t.Context(), access.Caller{}); err != nil || len(list) != want {
			t.Errorf("policy %s: %v, %v", policy, list, err)
		}
	}
}

type denying struct{}

func (denying) Allow(_ context.Context, _ access.Caller, s access.Subject) error {
	if s.Action == access.Get || s.Action == access.Reveal {
		return credential.NewError(credential.Denied, "policy says no", "")
	}
	return nil
}

func (denying) Explain(s access.Subject) []string {
	return []string{"nobody may " + string(s.Action) + " " + s.Address.String()}
}

func TestPolicyIsAskedAndTheRefusalAudited(t *testing.T) {
	r := newRig(t)
	r.Door.Policy = denying{}
	r.store("ghcr.io", "bob", "one")
	r.wantGet("ghcr.io", "denied")
	if last := r.audit.last(); last != "get ghcr.io  denied policy says no" {
		t.Errorf("audit says %q", last)
	}
	r.wantGet("quay.io", "not_logged_in")
	r.register("prod", "127.0.0.1:1", "pw")
	if _, _, err := r.RevealConnector(t.Context(), access.Caller{},
		api.UseConnector{Ref: "prod"}); !credential.Denied.Is(
		err,
	) {
		t.Errorf("reveal: %v", err)
	}
	if last := r.audit.last(); last != "reveal 127.0.0.1:1 prod denied policy says no" {
		t.Errorf("audit says %q", last)
	}
	why, err := r.Why(t.Context(), access.Caller{}, api.WhyRequest{ServerURL: "ghcr.io"})
	if err != nil || why.Reason != "" || why.Steps[len(why.Steps)-1] != "nobody may get ghcr.io" {
		t.Errorf("why: %+v, %v", why, err)
	}
}

// A credential that is kept back for another reason than the policy is written down too.
func TestPlainHTTPIsAudited(t *testing.T) {
	r := newRig(t)
	r.store("https://ghcr.io", "bob", "one")
	r.wantGet("http://ghcr.io", "denied")
	if last := r.audit.last(); last != "get ghcr.io  denied the credential for ghcr.io is not sent over "+
		"http" {
		t.Errorf("audit says %q", last)
	}
}

func TestWhy(t *testing.T) {
	reg := registry(t)
	r := newRig(t)
	r.register("reg", reg.Host, "pw")
	why, err := r.Why(t.Context(), access.Caller{}, api.WhyRequest{ServerURL: reg.Host + "/team/app"})
	if err != nil || why.Reason != "not_logged_in" ||
		!strings.Contains(strings.Join(why.Steps, "\n"), "zen login reg") {
		t.Errorf("before login: %+v, %v", why, err)
	}
	r.login("reg")
	why, err = r.Why(t.Context(), access.Caller{}, api.WhyRequest{ServerURL: reg.Host + "/team/app"})
	if err != nil || why.Reason != "" || why.Login == nil || why.Login.ConnectorName != "reg" {
		t.Errorf("after login: %+v, %v", why, err)
	}
	if want := "zen itself shows it to registry " + reg.Host + " only; for another one it has to be " +
		"typed again"; !slices.Contains(why.Steps, want) {
		t.Errorf("where it goes is not told: %q", why.Steps)
	}
}
