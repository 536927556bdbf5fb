package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/broker"
	"github.com/zen-agent/zen/internal/broker/state"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/connector/docker"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/ipc"
	"github.com/zen-agent/zen/internal/ipc/server"
	"github.com/zen-agent/zen/internal/keystore"
	"github.com/zen-agent/zen/internal/registryauth"
	"github.com/zen-agent/zen/internal/registrytest"
	"github.com/zen-agent/zen/internal/tokencache"
)

// realZend is a broker with a vault and a registry that demands a password, behind a real
// socket: what the commands about container registries and stacks print follows from the
// rules of the catalog, which no fake could follow.
type realZend struct {
	*fakeZend

	registry *registrytest.Registry
	clock    *steppedClock
}

// steppedClock stands still while a command runs.
type steppedClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *steppedClock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *steppedClock) step() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Minute)
}

// startRealZend serves until the test ends. Its registry accepts alice with the canary.
func startRealZend(t *testing.T, owner string) *realZend {
	t.Helper()
	z := &realZend{registry: registrytest.StartBasic("alice", canary), clock: &steppedClock{now: noon()}}
	t.Cleanup(z.registry.Close)
	z.fakeZend = served(t, brokered(realBroker(t, owner, z.clock.read)))
	return z
}

// realBroker is a broker with an empty vault.
func realBroker(tb testing.TB, owner string, now func() time.Time) *broker.Broker {
	tb.Helper()
	vault, err := keystore.Open(keystore.Options{
		Path: filepath.Join(tb.TempDir(), "vault.json"), Slots: []keystore.KeySlot{&keystore.MemorySlot{}},
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { vault.Close() })
	b, err := broker.New(broker.Config{
		Vault: vault, Kinds: []connector.Kind{docker.New(registryauth.New())},
		Engine: tokencache.New(tokencache.Config{}), Now: now, Owner: owner,
		Settings: state.Settings{ListPolicy: "all"},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// served is a zend with these handlers.
func served(t *testing.T, methods map[string]server.Handler) *fakeZend {
	t.Helper()
	return &fakeZend{t: t, socket: serve(t, methods)}
}

// serve answers with handlers until the test ends, and returns the socket.
func serve(tb testing.TB, methods map[string]server.Handler) string {
	tb.Helper()
	dir, err := os.MkdirTemp("/tmp", "zen")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "zend.sock")
	ln, err := server.Listen(socket, filepath.Join(dir, "zend.lock"))
	if err != nil {
		tb.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	srv := &server.Server{Methods: methods}
	var done sync.WaitGroup
	done.Go(func() {
		if err := srv.Serve(ctx, ln); err != nil {
			tb.Error(err)
		}
	})
	tb.Cleanup(func() {
		stop()
		done.Wait()
		ln.Close()
	})
	return socket
}

// brokered are zend's own handlers as far as these commands need them.
func brokered(b *broker.Broker) map[string]server.Handler {
	return map[string]server.Handler{
		api.MethodLogin: asking(b.Sessions.Login),
		api.MethodConnectorTypes: simple(func(q api.ConnectorTypesQuery) (api.ConnectorTypes, error) {
			return b.Connectors.ConnectorTypes(context.Background(), q)
		}),
		api.MethodConnectorRegister: secretly(b.Connectors.RegisterConnector),
		api.MethodConnectorUpdate:   secretly(b.Connectors.UpdateConnector),
		api.MethodConnectorVerify:   asking(b.Connectors.VerifyConnector),
		api.MethodConnectorDelete:   asking(b.Connectors.DeleteConnector),
		api.MethodConnectorReveal: func(ctx context.Context, call *server.Call) error {
			_, secrets, err := b.Connectors.RevealConnector(
				ctx,
				access.Caller{},
				decode[api.UseConnector](call.Params),
			)
			if err != nil {
				return err
			}
			call.Result.Append(func(dst []byte) []byte {
				return append(ipc.AppendSecrets(append(dst, `{"secrets":`...), secrets), '}')
			})
			return nil
		},
		api.MethodConnectorList:      simple(b.Connectors.QueryConnectors),
		api.MethodConnectorGet:       waiting(b.Connectors.Connector),
		api.MethodConnectorResources: waiting(b.Connectors.Resources),

		api.MethodRegistryFlavors: simple(
			func(api.Empty) (api.Flavors, error) { return b.Registries.Flavors(), nil },
		),
		api.MethodRegistryList:       waiting(b.Registries.ListRegistries),
		api.MethodRegistryGet:        waiting(b.Registries.Registry),
		api.MethodRegistryRegister:   waiting(b.Registries.RegisterRegistry),
		api.MethodRegistryUpdate:     waiting(b.Registries.UpdateRegistry),
		api.MethodRegistryCopy:       waiting(b.Registries.CopyRegistry),
		api.MethodRegistryDelete:     naming(b.Registries.DeleteRegistry),
		api.MethodRegistryConnect:    waiting(b.Registries.ConnectRegistry),
		api.MethodRegistryDisconnect: waiting(b.Registries.DisconnectRegistry),

		api.MethodStackList:     waiting(b.Stacks.ListStacks),
		api.MethodStackGet:      waiting(b.Stacks.Stack),
		api.MethodStackRegister: waiting(b.Stacks.RegisterStack),
		api.MethodStackUpdate:   waiting(b.Stacks.UpdateStack),
		api.MethodStackDelete:   waiting(b.Stacks.DeleteStack),
		api.MethodStackCopy:     waiting(b.Stacks.CopyStack),
		api.MethodStackSet:      naming(b.Stacks.SetStack),
		api.MethodStackExport: simple(
			func(r api.Ref) (api.StackFile, error) { return b.Stacks.ExportStack(r.Name) },
		),
		api.MethodStackImport: waiting(b.Stacks.ImportStack),
	}
}

func simple[Req, Resp any](f func(Req) (Resp, error)) server.Handler {
	return server.Typed(func(_ context.Context, _ server.Peer, r Req) (Resp, error) { return f(r) })
}

func waiting[Req, Resp any](f func(context.Context, Req) (Resp, error)) server.Handler {
	return server.Typed(func(ctx context.Context, _ server.Peer, r Req) (Resp, error) { return f(ctx, r) })
}

func naming[Resp any](f func(context.Context, string) (Resp, error)) server.Handler {
	return waiting(func(ctx context.Context, r api.Ref) (Resp, error) { return f(ctx, r.Name) })
}

func asking[Req, Resp any](f func(context.Context, access.Caller, Req) (Resp, error)) server.Handler {
	return server.Typed(
		func(ctx context.Context, _ server.Peer, r Req) (Resp, error) { return f(ctx, access.Caller{}, r) },
	)
}

func secretly[Req, Resp any](f func(context.Context, access.Caller, Req, map[string]credential.Secret) (Resp,
	error),
) server.Handler {
	return func(ctx context.Context, call *server.Call) error {
		secrets, err := ipc.Secrets(call.Params)
		if err != nil {
			return err
		}
		return asking(
			func(ctx context.Context, c access.Caller, r Req) (Resp, error) { return f(ctx, c, r, secrets) },
		)(
			ctx,
			call,
		)
	}
}

// answering is a handler that always gives the same answer.
func answering(v any) server.Handler {
	return simple(func(api.Empty) (any, error) { return v, nil })
}

// refusing is a handler that always fails.
func refusing(err *credential.Error) server.Handler {
	return simple(func(api.Empty) (any, error) { return nil, err })
}

// shownHost is what transcripts call the registry; it is as long as its real address.
const shownHost = "127.0.0.1:55050"

// run runs one command line, in which HOST is the registry.
func (z *realZend) run(width int, stdin, line string) ran {
	z.t.Helper()
	z.clock.step()
	args := words(line)
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "HOST", z.registry.Host)
	}
	return zen(z.t, z.fakeZend, stdin, terminalOf{width: width}, args...)
}

// must is run for what a test needs to be so before it begins.
func (z *realZend) must(lines ...string) {
	z.t.Helper()
	for _, line := range lines {
		if r := z.run(0, canary, line); r.code != 0 {
			z.t.Fatalf("zen %s: exit %d: %s%s", line, r.code, r.stdout, r.stderr)
		}
	}
}

// stable is a text in which nothing depends on chance: ids are numbered in the order of
// their appearance, and the registry has the same port always. No width changes.
type stable struct {
	host string
	ids  map[string]string
}

func (z *realZend) stable() *stable { return &stable{host: z.registry.Host, ids: map[string]string{}} }

func uuids() *regexp.Regexp { return regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`) }

func (s *stable) text(text string) string {
	text = strings.ReplaceAll(text, s.host, shownHost)
	return uuids().ReplaceAllStringFunc(text, func(id string) string {
		if s.ids[id] == "" {
			s.ids[id] = fmt.Sprintf("00000000-0000-4000-8000-%012d", len(s.ids)+1)
		}
		return s.ids[id]
	})
}

// transcript runs commands and writes down what they print, in the form of a recorded
// session.
func (z *realZend) transcript(width int, cases []goldenCase) string {
	z.t.Helper()
	var b strings.Builder
	s := z.stable()
	for _, c := range cases {
		r := z.run(width, c.stdin, c.line)
		fmt.Fprintf(&b, "$ zen %s\n", c.line)
		if r.stdout != "" {
			fmt.Fprintf(&b, "[stdout]\n%s", s.text(r.stdout))
		}
		if r.stderr != "" {
			fmt.Fprintf(&b, "[stderr]\n%s", s.text(r.stderr))
		}
		fmt.Fprintf(&b, "[exit %d]\n\n", r.code)
	}
	return strings.ReplaceAll(b.String(), canary, "CANARY")
}
