package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/ipc"
	"github.com/zen-agent/zen/internal/ipc/server"
	"github.com/zen-agent/zen/internal/paths"
)

// canary is a secret that no output may hold unless it was asked for.
const canary = "hunter2-canary"

// noon is when the tests take place.
func noon() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }

// fakeZend is a zend with made-up answers behind a real socket.
type fakeZend struct {
	t      *testing.T
	socket string

	mu    sync.Mutex
	world world
	calls []request
}

// request is what a client sent.
type request struct {
	method  string
	params  string            // without secrets
	secrets map[string]string // by name
}

// world is what the fake zend knows and how it behaves.
type world struct {
	servers []api.Server
	device  api.ServerDevice
	pending int // questions about the device before it is allowed

	types      []api.ConnectorType
	connectors []api.ServiceConnector
	secrets    map[string]map[string]string // by connector name
	resources  []api.Resource               // what register, update and verify find; nil: the connector's own
	logins     []api.Login
	choices    []string   // of a login that names no resource
	taken      *api.Login // who answers already
	vault      api.VaultStatus
	passphrase string
	audit      []api.AuditEntry
	why        api.WhyResult
	approvals  []api.Approval
	limits     []api.PullLimit
	autoLock   *time.Time
	fail       map[string]error // by method
	restarts   int
}

// startZend serves a world until the test ends.
func startZend(t *testing.T, w world) *fakeZend {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "zen")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	z := &fakeZend{t: t, socket: filepath.Join(dir, "zend.sock"), world: w}
	ln, err := server.Listen(z.socket, filepath.Join(dir, "zend.lock"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	srv := &server.Server{Methods: map[string]server.Handler{}}
	for method, answer := range z.methods() {
		srv.Methods[method] = z.handler(answer)
	}
	var done sync.WaitGroup
	done.Go(func() {
		if err := srv.Serve(ctx, ln); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		stop()
		done.Wait()
		ln.Close()
	})
	return z
}

// answer makes the result of a call. It may change the world.
type answer func(params []byte, secrets map[string]string) (any, error)

func (z *fakeZend) handler(f answer) server.Handler {
	return func(_ context.Context, call *server.Call) error {
		sent, err := ipc.Secrets(call.Params)
		if err != nil {
			return err
		}
		got := map[string]string{}
		for name, s := range sent {
			got[name] = string(s.Reveal())
		}
		z.mu.Lock()
		defer z.mu.Unlock()
		z.calls = append(z.calls, request{call.Method, withoutSecrets(call.Params), got})
		if err := z.world.fail[call.Method]; err != nil {
			return err
		}
		result, err := f(call.Params, got)
		if err != nil {
			return err
		}
		encoded, err := json.Marshal(result)
		if err != nil {
			return err
		}
		call.Result.Append(func(dst []byte) []byte { return append(dst, encoded...) })
		return nil
	}
}

// withoutSecrets is an object without its member of secrets, to compare with.
func withoutSecrets(params []byte) string {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(params, &m); err != nil {
		return string(params)
	}
	delete(m, api.SecretsMember)
	encoded, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return string(encoded)
}

// sent are the calls of a method.
func (z *fakeZend) sent(method string) []request {
	z.mu.Lock()
	defer z.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(z.calls), func(r request) bool { return r.method != method })
}

func decode[T any](params []byte) (v T) {
	if err := json.Unmarshal(params, &v); err != nil {
		panic(err)
	}
	return v
}

// typed makes an answer of a function on typed params.
func typed[T any](f func(T) (any, error)) answer {
	return func(params []byte, _ map[string]string) (any, error) { return f(decode[T](params)) }
}

func (z *fakeZend) methods() map[string]answer {
	w := &z.world
	return map[string]answer{
		api.MethodStatus:  typed(func(api.StatusRequest) (any, error) { return z.status(), nil }),
		api.MethodLimits:  typed(func(api.Empty) (any, error) { return api.LimitList{Items: w.limits}, nil }),
		api.MethodLogins:  typed(func(api.Empty) (any, error) { return api.LoginList{Items: w.logins}, nil }),
		api.MethodLogin:   typed(z.login),
		api.MethodLogout:  typed(z.logout),
		api.MethodWhy:     typed(func(api.WhyRequest) (any, error) { return w.why, nil }),
		api.MethodAudit:   typed(z.auditEntries),
		"connector.types": typed(z.types),

		api.MethodApprovalList: typed(
			func(api.Empty) (any, error) { return api.ApprovalList{Items: w.approvals}, nil },
		),
		api.MethodApprovalAnswer: typed(z.answerApproval),

		api.MethodServerList: typed(
			func(api.Empty) (any, error) { return api.ServerList{Items: w.servers}, nil },
		),
		api.MethodServerDevice:  typed(func(api.ConnectServer) (any, error) { return w.device, nil }),
		api.MethodServerConnect: z.connect,
		api.MethodServerGet: typed(func(r api.Ref) (any, error) {
			s, err := z.server(r)
			n := 3
			return api.ServerResult{Server: s, Connectors: &n}, err
		}),
		api.MethodServerUse: typed(func(r api.Ref) (any, error) {
			s, err := z.server(r)
			return api.ServerResult{Server: s}, err
		}),
		api.MethodServerDisconnect: typed(func(r api.Ref) (any, error) {
			s, err := z.server(r)
			return api.ServerResult{Server: s, Ended: s.Logins}, err
		}),

		api.MethodVaultStatus: typed(func(api.Empty) (any, error) { return w.vault, nil }),
		api.MethodVaultLock: typed(
			func(api.Empty) (any, error) { w.vault.State = "locked"; return api.Empty{}, nil },
		),
		api.MethodVaultUnlock: z.unlock,
		api.MethodVaultPassphrase: func(params []byte, secrets map[string]string) (any, error) {
			w.passphrase = secrets[api.SecretPassphrase]
			return api.Empty{}, nil
		},
		api.MethodVaultRotate:  typed(func(api.Empty) (any, error) { return api.Empty{}, nil }),
		api.MethodVaultRestore: typed(func(api.Empty) (any, error) { return api.Empty{}, nil }),

		api.MethodDaemonRestart: typed(
			func(api.Empty) (any, error) { w.restarts++; return api.Empty{}, nil },
		),

		api.MethodConnectorList:      typed(z.list),
		api.MethodConnectorGet:       typed(z.get),
		api.MethodConnectorVerify:    typed(z.verify),
		api.MethodConnectorRegister:  z.register,
		api.MethodConnectorUpdate:    z.update,
		api.MethodConnectorDelete:    typed(z.delete),
		api.MethodConnectorResources: typed(z.resources),
		api.MethodConnectorReveal: typed(func(u api.UseConnector) (any, error) {
			c, err := z.find(u.Ref)
			return map[string]any{api.SecretsMember: w.secrets[c.Name]}, err
		}),
	}
}

func (z *fakeZend) status() api.Status {
	w := z.world
	return api.Status{
		Version: "1.2.3", PID: 4711, Started: noon().Add(-90*time.Minute +
			time.Duration(w.restarts)*time.Minute),
		Socket:  "/run/user/1000/zen/zend.sock",
		LogFile: "/home/me/.local/state/zen/zend.log", Activity: "on demand", Guard: "report", Vault: w.vault,
		Logins: w.logins,
		Counts: api.Counts{Connectors: len(w.connectors), Registries: 1, Stacks: 2}, AutoLock: w.autoLock,
	}
}

// server finds a server by its name; "" is the first.
func (z *fakeZend) server(r api.Ref) (api.Server, error) {
	for _, s := range z.world.servers {
		if r.Name == "" || r.Name == s.Name {
			return s, nil
		}
	}
	return api.Server{}, credential.NewError(credential.NoSuchEntity, "zen is not connected to a ZenML "+
		"server", "zen server connect URL")
}

func (z *fakeZend) connect(params []byte, secrets map[string]string) (any, error) {
	req := decode[api.ConnectServer](params)
	if req.Device != "" && z.world.pending > 0 {
		z.world.pending--
		return api.ServerResult{Pending: true}, nil
	}
	if key := secrets[api.SecretKey]; key == "wrong" {
		return nil, credential.NewError(credential.Rejected, "ZenML server zenml.example.com refused the "+
			"login", "check the key")
	}
	s := api.Server{
		Name:    req.Name,
		URL:     req.URL,
		Auth:    req.Auth,
		User:    req.Username,
		Version: "0.98.0",
		Active:  len(z.world.servers) == 0,
	}
	if req.Device != "" {
		until := noon().Add(24 * time.Hour)
		s.URL, s.Until = "https://zenml.example.com", &until
	}
	return api.ServerResult{Server: s}, nil
}

func (z *fakeZend) types(q api.ConnectorTypesQuery) (any, error) {
	list := api.ConnectorTypes{Items: []api.ConnectorType{}}
	for _, t := range z.world.types {
		if q.Type == "" || q.Type == t.Type {
			list.Items = append(list.Items, t)
		}
	}
	return list, nil
}

func (z *fakeZend) find(ref string) (api.ServiceConnector, error) {
	for _, c := range z.world.connectors {
		if c.Name == ref || c.ID == ref {
			return c, nil
		}
	}
	return api.ServiceConnector{}, credential.NewError(credential.NoSuchEntity, fmt.Sprintf(
		"No service_connectors have been found that have a name/ID prefix that matches the provided "+
			"string '%s'.", ref),
		"see all: zen service-connector list")
}

func (z *fakeZend) list(q api.Query) (any, error) {
	items := []api.ServiceConnector{}
	for _, c := range z.world.connectors {
		keep := true
		for _, want := range q.Filters["name"] {
			_, name, _ := strings.Cut(want, ":")
			keep = keep && c.Name == name
		}
		if keep {
			items = append(items, c)
		}
	}
	return api.ConnectorList{
		Items: items,
		Page:  api.Page{Index: 1, MaxSize: 20, TotalPages: 1, Total: len(items)},
	}, nil
}

func (z *fakeZend) get(u api.UseConnector) (any, error) {
	c, err := z.find(u.Ref)
	return api.ConnectorResult{Connector: c}, err
}

func (z *fakeZend) found(c api.ServiceConnector) []api.Resource {
	if z.world.resources != nil {
		return z.world.resources
	}
	return []api.Resource{{
		ConnectorID: c.ID, ConnectorName: c.Name, ConnectorType: c.Type, ResourceType: "docker-registry",
		ResourceIDs: []string{c.ResourceID}, Verification: api.VerificationValid,
	}}
}

func (z *fakeZend) verify(u api.UseConnector) (any, error) {
	c, err := z.find(u.Ref)
	return api.ConnectorResult{Connector: c, Resources: z.found(c)}, err
}

func (z *fakeZend) register(params []byte, secrets map[string]string) (any, error) {
	req := decode[api.RegisterConnector](params)
	c := api.ServiceConnector{
		ID: "cf55339f-dbc8-4ee6-862e-c25aff411292", Name: req.Name, Type: req.Type,
		AuthMethod:  req.AuthMethod,
		Description: req.Description, ResourceID: "docker.io", ResourceTypes: []string{"docker-registry"},
		ExpiresAt: req.ExpiresAt,
	}
	if registry := secrets["registry"]; registry != "" {
		c.ResourceID = registry
	}
	if !req.DryRun {
		z.world.connectors = append(z.world.connectors, c)
		z.world.secrets[c.Name] = secrets
	}
	return api.ConnectorResult{Connector: c, Resources: z.found(c)}, nil
}

func (z *fakeZend) update(params []byte, secrets map[string]string) (any, error) {
	req := decode[api.UpdateConnector](params)
	c, err := z.find(req.Ref)
	if err != nil {
		return nil, err
	}
	maps.Copy(z.world.secrets[c.Name], secrets)
	if req.Name != nil {
		c.Name = *req.Name
	}
	return api.ConnectorResult{Connector: c, Resources: z.found(c)}, nil
}

func (z *fakeZend) delete(d api.DeleteConnector) (any, error) {
	c, err := z.find(d.Ref)
	return api.ConnectorResult{Connector: c, Ended: len(z.world.logins)}, err
}

func (z *fakeZend) resources(q api.ResourcesQuery) (any, error) {
	list := api.ResourceList{Items: []api.Resource{}}
	for _, c := range z.world.connectors {
		for _, r := range z.found(c) {
			if q.ResourceID == "" || slices.Contains(r.ResourceIDs, q.ResourceID) {
				list.Items = append(list.Items, r)
			}
		}
	}
	return list, nil
}

func (z *fakeZend) login(req api.LoginRequest) (any, error) {
	c, err := z.find(req.Name)
	if err != nil {
		return nil, err
	}
	if len(z.world.choices) > 0 && req.ResourceID == "" {
		return api.LoginResult{Connector: c, Choices: z.world.choices}, nil
	}
	if z.world.taken != nil && !req.Replace {
		return api.LoginResult{
			Connector: c,
			Login:     api.Login{Address: "eu.example", ResourceID: req.ResourceID},
			Taken:     z.world.taken,
		}, nil
	}
	result := api.LoginResult{
		Connector: c, TypeName: "Docker Service Connector", Resource: z.found(c)[0],
		Login: api.Login{
			Address:       c.ResourceID,
			ServerURL:     "https://index.docker.io/v1/",
			ConnectorName: c.Name,
			Source:        "connector",
		},
	}
	result.Login.IdentityToken = req.IdentityToken
	if req.TTLSeconds > 0 {
		until := noon().Add(time.Duration(req.TTLSeconds) * time.Second)
		result.Login.Until = &until
	}
	return result, nil
}

func (z *fakeZend) logout(req api.LogoutRequest) (any, error) {
	var ended []api.Login
	for _, l := range z.world.logins {
		if req.All || l.ConnectorName == req.Name || l.Address == req.Name {
			ended = append(ended, l)
		}
	}
	if len(ended) == 0 && !req.All {
		return nil, credential.NewError(credential.NotLoggedIn, "'"+req.Name+"' is not logged "+
			"in", "see who is logged in: zen status")
	}
	return api.LogoutResult{Ended: ended}, nil
}

func (z *fakeZend) auditEntries(q api.AuditQuery) (any, error) {
	list := api.AuditList{Items: []api.AuditEntry{}}
	for _, e := range z.world.audit {
		if e.Time.After(q.Since) {
			list.Items = append(list.Items, e)
		}
	}
	return list, nil
}

func (z *fakeZend) answerApproval(req api.AnswerApproval) (any, error) {
	list, open := api.ApprovalList{Items: []api.Approval{}}, []api.Approval{}
	for _, r := range z.world.approvals {
		if req.All || r.ID == req.ID {
			list.Items = append(list.Items, r)
		} else {
			open = append(open, r)
		}
	}
	z.world.approvals = open
	if len(list.Items) == 0 && !req.All {
		return nil, credential.NewError(credential.NoSuchEntity, "no request '"+req.ID+"' waits for "+
			"somebody to allow it", "see which do: zen approve")
	}
	return list, nil
}

// add makes a request wait.
func (z *fakeZend) add(r api.Approval) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.world.approvals = append(z.world.approvals, r)
}

func (z *fakeZend) unlock(_ []byte, secrets map[string]string) (any, error) {
	given, ok := secrets[api.SecretPassphrase]
	switch {
	case z.world.passphrase == "":
	case !ok:
		return nil, credential.NewError(credential.Locked, "the vault is locked", "")
	case given != z.world.passphrase:
		return nil, credential.NewError(credential.WrongPassphrase, "the passphrase does not open the "+
			"vault", "")
	}
	z.world.vault.State = "unlocked"
	return api.Empty{}, nil
}

// terminalOf is what a test's command sees as its terminal; the zero value is none.
type terminalOf struct {
	width int
	color bool
}

// ran is what became of a command.
type ran struct {
	stdout, stderr string
	code           int
}

// zen runs a command against a fake zend, in an empty home directory.
func zen(t *testing.T, z *fakeZend, stdin string, term terminalOf, args ...string) ran {
	t.Helper()
	home := t.TempDir()
	env := map[string]string{"HOME": home, "DOCKER_CONFIG": filepath.Join(home, ".docker"), "PATH": home}
	return zenWith(t, z, stdin, term, env, args...)
}

func zenWith(
	t *testing.T,
	z *fakeZend,
	stdin string,
	term terminalOf,
	env map[string]string,
	args ...string,
) ran {
	t.Helper()
	var stdout, stderr bytes.Buffer
	a := testAppWith(z, stdin, &stderr, env)
	a.Out = &ui.DataWriter{W: &stdout}
	a.Term = ui.Terminal{Width: term.width, Color: term.color}
	code := a.run(t.Context(), args)
	r := ran{stdout.String(), stderr.String(), code}
	if leaky := slices.ContainsFunc(args,
		func(arg string) bool { return arg == "--show-secrets" || arg == "-x" }); !leaky &&
		strings.Contains(r.stdout+r.stderr, canary) {
		t.Errorf("zen %q prints the secret:\n%s\n%s", args, r.stdout, r.stderr)
	}
	return r
}

// testApp is an app without a terminal in an empty home directory.
func testApp(t *testing.T, z *fakeZend, stdin string, stderr io.Writer) *app {
	t.Helper()
	home := t.TempDir()
	return testAppWith(z, stdin, stderr, map[string]string{"HOME": home, "PATH": home})
}

func testAppWith(z *fakeZend, stdin string, stderr io.Writer, env map[string]string) *app {
	return &app{
		UI: &ui.UI{
			In: strings.NewReader(stdin), Out: &ui.DataWriter{W: io.Discard}, Err: stderr,
			Getenv: func(name string) string { return env[name] },
		},
		now: noon,
		dirs: func() (paths.Dirs, error) {
			home := env["HOME"]
			return paths.Dirs{
				Data: home + "/data", Config: home + "/config", State: home + "/state", Runtime: home +
					"/run",
			}, nil
		},
		zend: func(bool) (zend.Caller, error) { return &ipc.Client{Socket: z.socket, Name: "zen/test"}, nil },
	}
}

// dockerType is ZenML's docker type.
func dockerType() api.ConnectorType {
	return api.ConnectorType{
		Name: "Docker Service Connector", Type: "docker", Emoji: "🐳", Local: true, Remote: true,
		Description: "The Docker Service Connector authenticates to a Docker or OCI container registry. " +
			"Its credentials are handed out as " +
			"they are.\n\nNothing else is needed.",
		AuthMethods: []api.AuthMethod{{
			Method: "password", Name: "Docker username and password/token",
			Description: "Use a username and password or access token to authenticate with a container " +
				"registry server.",
			Attributes: []api.Attribute{
				{Name: "username", Title: "Username", Type: "string", Required: true, Secret: true},
				{Name: "password", Title: "Password", Type: "string", Required: true, Secret: true},
				{Name: "registry", Title: "Registry server URL. Omit to use DockerHub.", Type: "string"},
			},
		}},
		ResourceTypes: []api.ResourceType{{
			Type: "docker-registry", Name: "Docker/OCI container registry", Emoji: "🐳",
			AuthMethods: []string{"password"},
			Description: "Allows users to access a Docker or OCI compatible container registry as a " +
				"resource.",
		}},
	}
}

// cloudType is a type with several methods, resource types and instances, and temporary
// credentials.
func cloudType() api.ConnectorType {
	return api.ConnectorType{
		Name: "Cloud Service Connector", Type: "cloud", Emoji: "🔶", Description: "A cloud.", Remote: true,
		AuthMethods: []api.AuthMethod{
			{
				Method: "secret-key", Name: "Secret Key", Description: "Long-lived keys.",
				Attributes: []api.Attribute{
					{Name: "access_key", Title: "Access Key", Type: "string", Required: true, Secret: true},
					{Name: "region", Title: "Region", Type: "string", Required: true, Default: "eu-1"},
				},
			}, {
				Method: "session", Name: "Session Token", Description: "Short-lived keys.",
				Attributes: []api.Attribute{
					{Name: "token", Title: "Token", Type: "string", Required: true, Secret: true},
					{Name: "role", Title: "Role", Type: "string"},
				},
				MinExpirationSeconds: 900, MaxExpirationSeconds: 7200, DefaultExpirationSeconds: 3600,
			},
		},
		ResourceTypes: []api.ResourceType{
			{
				Type: "docker-registry", Name: "Docker/OCI container registry", Emoji: "🐳",
				SupportsInstances: true,
				AuthMethods:       []string{"secret-key", "session"}, Description: "Registries.",
			},
			{
				Type:        "bucket",
				Name:        "Bucket",
				Emoji:       "📦",
				AuthMethods: []string{"secret-key"},
				Description: "Buckets.",
			},
		},
	}
}

// smallWorld has two connectors and a login.
func smallWorld() world {
	created := time.Date(2026, 11, 23, 9, 38, 52, 47088000, time.UTC)
	expires, long := noon().Add(7*24*time.Hour+14*time.Hour+12*time.Minute+30*time.Second),
		noon().Add(-time.Hour)
	until := noon().Add(2 * time.Hour)
	skew := 300
	return world{
		types: []api.ConnectorType{dockerType(), cloudType()},
		connectors: []api.ServiceConnector{
			{
				ID: "ba5046e8-ca5e-45e6-a7b7-6f969cac96e7", Name: "dockerhub", Type: "docker",
				AuthMethod: "password",
				ResourceTypes: []string{
					"docker-registry",
				}, ResourceID: "docker.io", SecretAttributes: []string{"password", "username"},
				Owner: "me", Created: created, Updated: created, Active: true,
				Verification: api.VerificationValid,
			}, {
				ID: "f2b0f01b-c4b1-4d47-a939-98479421c2f8", Name: "reg", Type: "docker",
				AuthMethod: "password",
				ResourceTypes: []string{
					"docker-registry",
				}, ResourceID: "127.0.0.1:5050", SecretAttributes: []string{"password", "username"},
				Configuration: map[string]string{
					"registry": "127.0.0.1:5050",
				}, Labels: map[string]string{"env": "dev", "a": "b"},
				Description: "the one in the cellar", Owner: "me", Created: created,
				Updated:   created.Add(time.Hour),
				ExpiresAt: &expires, ExpiresSkewTolerance: &skew,
			}, {
				ID: "25295eba-4bc5-423d-b2ae-edfc52edd4c3", Name: "old", Type: "docker",
				AuthMethod: "password",
				ResourceTypes: []string{
					"docker-registry",
				}, ResourceID: "old.example.com", SecretAttributes: []string{"password", "username"},
				Owner: "me", Created: created, Updated: created, ExpiresAt: &long, Expired: true,
			},
		},
		secrets: map[string]map[string]string{
			"dockerhub": {"username": "me", "password": canary},
			"reg":       {"username": "me", "password": canary},
		},
		logins: []api.Login{
			{
				Address: "docker.io", ServerURL: "https://index.docker.io/v1/", ConnectorName: "dockerhub",
				Username: "me",
				Source:   "connector", Until: &until,
			},
			{
				Address: "ghcr.io/team", ServerURL: "ghcr.io/team", Source: "docker " +
					"login", Username: "you", Dir: "/home/me/src", Profile: "work",
				Problem: "the vault is locked",
			},
		},
		vault: api.VaultStatus{
			File: "/home/me/.local/share/zen/vault.json", State: "unlocked", ID: "1f0e", Format: 1,
			Generation: 7, Records: 3,
			Slots: []api.VaultSlot{{ID: "a", Kind: "session", Detail: "the kernel's user keyring, until " +
				"the next boot", Created: created}},
		},
		audit: []api.AuditEntry{
			{
				Time:   noon().Add(-time.Minute),
				Action: "get", Address: "docker.io", Connector: "dockerhub", Result: "ok", PID: 99,
				Exe:     "/usr/local/bin/docker-credential-zen",
				Parents: []string{"/usr/bin/docker", "/usr/bin/bash"}, Dir: "/home/me",
				To: "client",
			},
			{
				Time:    noon(),
				Action:  "get",
				Address: "evil.example",
				Result:  "not_logged_in",
				Detail:  "no login\x1b[2J",
			},
		},
		why: api.WhyResult{
			Address: "ghcr.io/team/app", Steps: []string{"'ghcr.io/team/app' is the registry address " +
				"ghcr.io/team/app", "no login for ghcr.io"},
			Reason: "not_logged_in", Message: "nobody is logged in to ghcr.io", Hint: "log in first: zen " +
				"login NAME",
		},
		fail: map[string]error{},
	}
}
