package daemon

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/audit"
	"github.com/zen-agent/zen/internal/broker"
	serverkind "github.com/zen-agent/zen/internal/connector/server"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/keystore"
	"github.com/zen-agent/zen/internal/policy"
	"github.com/zen-agent/zen/internal/policy/approval"
	"github.com/zen-agent/zen/internal/registryauth"
	"github.com/zen-agent/zen/internal/registrytest"
	"github.com/zen-agent/zen/internal/tokencache"
	"github.com/zen-agent/zen/internal/zenml/zenmltest"
)

// thief is a registry that keeps whatever credentials it is sent.
type thief struct {
	host string

	mu  sync.Mutex
	got []string
}

func newThief(t *testing.T) *thief {
	th := &thief{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, ok := r.BasicAuth(); ok {
			th.mu.Lock()
			defer th.mu.Unlock()
			th.got = append(th.got, user+":"+password)
			return
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="thief"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(srv.Close)
	th.host = strings.TrimPrefix(srv.URL, "http://")
	return th
}

func (th *thief) loot() []string {
	th.mu.Lock()
	defer th.mu.Unlock()
	return slices.Clone(th.got)
}

// doorRig is a broker with every kind, the gate and a real audit log; a registry, a ZenML
// server and a thief.
type doorRig struct {
	*broker.Broker
	*testing.T
	log      *audit.Log
	gate     *approval.Gate
	registry *registrytest.Registry
	zenml    *zenmltest.Server
	thief    *thief
	program  string // prints a login for whatever registry it is asked about
}

func newDoorRig(t *testing.T) *doorRig {
	r := &doorRig{
		T: t, registry: registrytest.StartBearer("alice", canary), zenml: zenmltest.Start(),
		thief:   newThief(t),
		program: filepath.Join(t.TempDir(), "docker-credential-made"),
	}
	t.Cleanup(r.registry.Close)
	t.Cleanup(r.zenml.Close)
	r.zenml.Connectors = []*zenmltest.Connector{{
		ID: "11111111-1111-4111-8111-111111111111", Name: "far", Type: "docker", ResourceID: r.registry.Host,
		Username: "alice", Password: canary, Registry: r.registry.Host,
	}}
	script := fmt.Sprintf("#!/bin/sh\nread url\necho '{\"Username\":\"alice\",\"Secret\":\"%s\"}'\n", canary)
	syscall.ForkLock.RLock() // no other test forks while the file is open for writing
	err := os.WriteFile(r.program, []byte(script), 0o700)
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
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
	r.log = audit.New(audit.Options{Path: filepath.Join(t.TempDir(), "audit.jsonl")})
	t.Cleanup(func() { r.log.Close() })
	r.gate = approval.New(approval.Options{})
	t.Cleanup(r.gate.Close)
	links := newZenMLServers()
	r.Broker, err = broker.New(broker.Config{
		Vault: vault, Kinds: kinds(registryauth.New()), Engine: tokencache.New(tokencache.Config{}),
		Policy: r.gate, Auditor: r.log,
		Servers: links, ServerKind: serverkind.New(links.pool, registryauth.New()),
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *doorRig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func texts(kv ...string) map[string]credential.Secret {
	m := map[string]credential.Secret{}
	for i := 0; i < len(kv); i += 2 {
		m[kv[i]] = credential.SecretString(kv[i+1])
	}
	return m
}

var someDocker = access.Caller{PID: 42, Exe: func() string { return "/usr/bin/docker" }}

func (r *doorRig) register(name, registry, password string, dryRun bool) error {
	_, err := r.Connectors.RegisterConnector(
		r.Context(),
		someDocker,
		api.RegisterConnector{Name: name, Type: "docker", DryRun: dryRun},
		texts("username", "alice", "password", password, "registry", registry),
	)
	return err
}

func (r *doorRig) registerExec(name, registry string, dryRun bool) error {
	_, err := r.Connectors.RegisterConnector(r.Context(), someDocker, api.RegisterConnector{
		Name: name, Type: "exec", AuthMethod: "docker-helper", DryRun: dryRun,
	}, texts("command", r.program, "registry", registry))
	return err
}

func (r *doorRig) update(name, server string, dryRun bool, kv ...string) error {
	_, err := r.Connectors.UpdateConnector(
		r.Context(),
		someDocker,
		api.UpdateConnector{Ref: name, Server: server, DryRun: dryRun},
		texts(kv...),
	)
	return err
}

func (r *doorRig) login(name string) error {
	_, err := r.Sessions.Login(access.With(r.Context(), someDocker), someDocker, api.LoginRequest{Name: name})
	return err
}

func (r *doorRig) get() error {
	_, err := r.Credentials.Get(r.Context(), someDocker, r.registry.Host)
	return err
}

// connected has a connector of each home, and its logins are to the registry.
func (r *doorRig) connected() {
	r.Helper()
	_, err := r.Servers.ConnectServer(
		r.Context(),
		someDocker,
		api.ConnectServer{URL: r.zenml.URL, Name: "team", Auth: api.ServerAuthAPIKey},
		texts(api.SecretKey, r.zenml.APIKey),
	)
	r.must(err)
	r.must(r.register("near", r.registry.Host, canary, false))
	r.must(r.registerExec("made", r.registry.Host, false))
}

// TestEveryWayOut goes every way that a secret can leave zend by: an allowed use is in
// the audit log with the place it went to, a forbidden one does not happen, and is there
// too.
func TestEveryWayOut(t *testing.T) {
	podmanOnly := []policy.Rule{{Number: 1, Executables: []string{"podman"}}}
	const client, screen = "client", "screen"
	tests := []struct {
		name  string
		setUp func(r *doorRig) error
		rules []policy.Rule
		do    func(r *doorRig) error

		fails  bool
		action access.Action
		to     string // REGISTRY, THIEF, PROGRAM and SERVER stand for those of the rig
		host   string // of the entry, likewise
		detail string // part of it
		loot   int    // what the thief got: only what was typed for it
	}{
		{
			name:   "get",
			setUp:  loggedIn("near"),
			do:     (*doorRig).get,
			action: access.Get,
			to:     client,
			host:   "REGISTRY",
		},
		{
			name:   "get, against a rule",
			setUp:  loggedIn("near"),
			rules:  podmanOnly,
			do:     (*doorRig).get,
			fails:  true,
			action: access.Get,
			to:     client,
			host:   "REGISTRY",
		},
		{
			name: "get of what docker login stored", rules: podmanOnly, do: (*doorRig).get, fails: true,
			action: access.Get, to: client, host: "REGISTRY",
			setUp: func(r *doorRig) error {
				return r.Credentials.Store(
					r.Context(),
					someDocker,
					r.registry.Host,
					credential.Credential{Username: "a", Secret: credential.SecretString("b")},
				)
			},
		},
		{
			name:   "get of what a program makes",
			setUp:  loggedIn("made"),
			do:     (*doorRig).get,
			action: access.Mint,
			to:     "program PROGRAM",
			host:   "REGISTRY",
		},
		{
			name:   "the same, against a rule",
			setUp:  loggedIn("made"),
			rules:  podmanOnly,
			do:     (*doorRig).get,
			fails:  true,
			action: access.Get,
			to:     client,
			host:   "REGISTRY",
		},
		{
			name:   "get of what a server makes",
			setUp:  loggedIn("far"),
			do:     (*doorRig).get,
			action: access.Mint,
			to:     "server SERVER",
			host:   "REGISTRY",
		},
		{
			name:   "the same, against a rule",
			setUp:  loggedIn("far"),
			rules:  podmanOnly,
			do:     (*doorRig).get,
			fails:  true,
			action: access.Get,
			to:     client,
			host:   "REGISTRY",
		},

		{name: "reveal", do: revealNear, action: access.Reveal, to: screen, host: "REGISTRY"},
		{
			name:   "reveal, against a rule",
			rules:  podmanOnly,
			do:     revealNear,
			fails:  true,
			action: access.Reveal,
			to:     screen,
			host:   "REGISTRY",
		},

		{name: "verify", rules: podmanOnly, do: verifyOf("near"), action: access.Verify, to: "registry " +
			"REGISTRY", host: "REGISTRY", detail: "valid"},
		{name: "verify runs a program", do: verifyOf("made"), action: access.Verify, to: "program " +
			"PROGRAM", host: "REGISTRY"},
		{name: "and shows what it made", do: verifyOf("made"), action: access.Verify, to: "registry " +
			"REGISTRY", host: "REGISTRY"},
		{name: "verify through a server", do: verifyOf("far"), action: access.Verify, to: "server " +
			"SERVER", host: "REGISTRY"},
		{name: "login", do: loggedIn("near"), action: access.Verify, to: "registry " +
			"REGISTRY", host: "REGISTRY", detail: "valid (for login)"},
		{name: "a server's key", do: loggedIn("far"), action: access.Login, to: "server SERVER"},
		{
			name: "identity token", action: access.Mint, to: "registry REGISTRY", host: "REGISTRY",
			detail: "identity token (for login)",
			do: func(r *doorRig) error {
				_, err := r.Sessions.Login(
					r.Context(),
					someDocker,
					api.LoginRequest{Name: "near", IdentityToken: true},
				)
				return err
			},
		},
		{
			name: "a container registry is connected", action: access.Verify, to: "registry " +
				"REGISTRY", host: "REGISTRY",
			do: func(r *doorRig) error {
				_, err := r.Registries.RegisterRegistry(
					access.With(r.Context(), someDocker),
					api.RegisterRegistry{
						Name:          "reg",
						Flavor:        "default",
						Configuration: map[string]string{"uri": r.registry.Host},
						Connector:     "near",
					},
				)
				return err
			},
		},
		{
			name: "credential.verify", action: access.Verify, to: "registry THIEF", host: "THIEF", loot: 1,
			do: func(r *doorRig) error {
				_, err := r.Credentials.VerifyCredential(
					r.Context(),
					someDocker,
					r.thief.host,
					credential.Credential{Username: "a", Secret: credential.SecretString("typed")},
				)
				return err
			},
		},

		{
			name: "register, dry run", do: func(r *doorRig) error {
				return r.register("x", r.thief.host,
					"typed", true)
			}, loot: 1,
			action: access.Verify, to: "registry THIEF", host: "THIEF", detail: "(for register, dry run)",
		},
		{
			name:   "register a program, dry run",
			do:     func(r *doorRig) error { return r.registerExec("x", r.registry.Host, true) },
			action: access.Verify, to: "program PROGRAM", host: "REGISTRY", detail: "valid (for " +
				"register, dry run)",
		},
		{
			name: "update, dry run", do: func(r *doorRig) error {
				return r.update("near", "", true,
					"username", "alice")
			},
			action: access.Verify, to: "registry REGISTRY", host: "REGISTRY", detail: "valid (for " +
				"update, dry run)",
		},
		{
			name:  "update to another registry",
			do:    func(r *doorRig) error { return r.update("near", "", false, "registry", r.thief.host) },
			fails: true, action: access.Update, to: "registry THIEF", host: "THIEF",
		},
		{
			name: "the same, dry run", do: func(r *doorRig) error {
				return r.update("near", "", true,
					"registry", r.thief.host)
			},
			fails: true, action: access.Update, to: "registry THIEF", host: "THIEF", detail: "(dry run)",
		},
		{
			name: "the same by plain http",
			do: func(r *doorRig) error {
				return r.update("near", "", true, "registry",
					"http://"+r.thief.host)
			},
			fails: true, action: access.Update, to: "registry http://THIEF", host: "THIEF",
			detail: "(dry run)",
		},
		{
			name: "the same with the user name typed", fails: true, action: access.Update, to: "registry " +
				"THIEF", host: "THIEF",
			do: func(r *doorRig) error {
				return r.update("near", "", true, "registry", r.thief.host, "username", "alice")
			},
		},
		{
			name: "the same with the password typed", action: access.Verify, to: "registry " +
				"THIEF", host: "THIEF", loot: 1,
			do: func(r *doorRig) error {
				return r.update("near", "", true, "registry", r.thief.host, "password", "typed")
			},
		},
		{
			name:  "update of a server's connector",
			do:    func(r *doorRig) error { return r.update("far", "team", true, "registry", r.thief.host) },
			fails: true, action: access.Update, to: "registry THIEF", host: "THIEF", detail: "(dry run)",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newDoorRig(t)
			r.connected()
			if tt.setUp != nil {
				r.must(tt.setUp(r))
			}
			r.gate.SetRules(tt.rules)
			before, err := r.log.Query(api.AuditQuery{})
			r.must(err)
			err = tt.do(r)
			if got := credential.Denied.Is(err); got != tt.fails || err != nil && !tt.fails {
				t.Errorf("%v, refused is to be %v", err, tt.fails)
			}
			if loot := r.thief.loot(); len(loot) != tt.loot || slices.Contains(loot, "alice:"+canary) {
				t.Errorf("the thief got %q", loot)
			}
			names := strings.NewReplacer(
				"REGISTRY",
				r.registry.Host,
				"THIEF",
				r.thief.host,
				"PROGRAM",
				r.program,
				"SERVER",
				r.zenml.URL,
			)
			result := "ok"
			if tt.fails {
				result = string(credential.Denied)
			}
			entries, err := r.log.Query(api.AuditQuery{})
			r.must(err)
			if tt.action == access.Mint { // made at the login, for the first time
				before = nil
			}
			if !slices.ContainsFunc(entries[len(before):], func(e api.AuditEntry) bool {
				return e.Action == string(tt.action) && e.To == names.Replace(tt.to) &&
					e.Address == names.Replace(tt.host) &&
					e.Result == result &&
					e.Exe == "/usr/bin/docker" &&
					strings.Contains(e.Detail, tt.detail)
			}) {
				t.Errorf(
					"no %s to %s of %s, %s, %q in\n%+v",
					tt.action,
					names.Replace(tt.to),
					names.Replace(tt.host),
					result,
					tt.detail,
					entries[len(before):],
				)
			}
		})
	}
}

func loggedIn(name string) func(r *doorRig) error {
	return func(r *doorRig) error { return r.login(name) }
}

func revealNear(r *doorRig) error {
	_, _, err := r.Connectors.RevealConnector(r.Context(), someDocker, api.UseConnector{Ref: "near"})
	return err
}

func verifyOf(name string) func(r *doorRig) error {
	return func(r *doorRig) error {
		_, err := r.Connectors.VerifyConnector(r.Context(), someDocker, api.UseConnector{Ref: name})
		return err
	}
}
