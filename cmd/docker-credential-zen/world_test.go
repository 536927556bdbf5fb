package main

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/ipc/server"
	"github.com/zen-agent/zen/internal/safejson"
)

// TestMain builds the program once: what is tested is what docker executes.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("/tmp", "zen")
	if err != nil {
		panic(err)
	}
	build := exec.Command("go", "build", "-buildvcs=false", "-o", filepath.Join(dir, programName), ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		panic(string(out))
	}
	os.Setenv("BUILT", dir)
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// built is the directory of the program.
func built() string { return os.Getenv("BUILT") }

// world is a home directory with the program's environment.
type world struct {
	t    *testing.T
	home string
	env  map[string]string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	home, err := os.MkdirTemp("/tmp", "zen")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	w := &world{t: t, home: home, env: map[string]string{
		"HOME": home, "XDG_RUNTIME_DIR": filepath.Join(home, "run"), "ZEN_DAEMON": "/nonexistent/zend",
		"PATH": built(),
	}}
	for _, dir := range []string{"run", "run/zen", ".local", ".local/share", ".local/share/zen"} {
		if err := os.Mkdir(filepath.Join(home, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func (w *world) socket() string { return filepath.Join(w.home, "run/zen/zend.sock") }
func (w *world) hosts() string  { return filepath.Join(w.home, ".local/share/zen/hosts") }

func (w *world) environ() (list []string) {
	for k, v := range w.env {
		list = append(list, k+"="+v)
	}
	return list
}

// index writes the host index.
func (w *world) index(lines ...string) {
	w.t.Helper()
	if err := os.WriteFile(w.hosts(), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// result is how a run of the program ended.
type result struct {
	stdout, stderr string
	code           int // -1: by a signal
	took           time.Duration
}

func (w *world) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(w.t.Context(), filepath.Join(built(), programName), args...)
	cmd.Env, cmd.Dir = w.environ(), w.home
	return cmd
}

func (w *world) run(stdin string, args ...string) result {
	w.t.Helper()
	cmd := w.command(args...)
	cmd.Stdin = strings.NewReader(stdin)
	return w.finish(cmd)
}

func (w *world) finish(cmd *exec.Cmd) result {
	w.t.Helper()
	var stdout, stderr bytes.Buffer
	if cmd.Stdout == nil {
		cmd.Stdout = &stdout
	}
	cmd.Stderr = &stderr
	begin := time.Now()
	err := cmd.Run()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok && !errors.Is(err, syscall.EPIPE) {
		w.t.Fatal(err)
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode(), time.Since(begin)}
}

// check compares a run with what is wanted: the whole of standard output, the exit
// status, and that nothing is on standard error unless something is wanted there.
func (r result) check(t *testing.T, name, stdout, stderr string, code int) {
	t.Helper()
	if r.stdout != stdout || r.code != code || r.stderr != stderr {
		t.Errorf(
			"%s:\nsaid %d %q\non standard error %q\nwanted %d %q\nand %q",
			name,
			r.code,
			clip(r.stdout),
			r.stderr,
			code,
			clip(stdout),
			stderr,
		)
	}
}

// zend keeps credentials by address, as the real one does without its vault.
type zend struct {
	mu     sync.Mutex
	creds  map[string][2]string // address -> user name and secret
	seen   []params             // of each request
	fail   func(method, url string) error
	result string // of get and list, instead of a credential
}

type params struct{ method, url, username, secret, dir, profile string }

// startZend serves a zend at the world's socket.
func (w *world) startZend() *zend {
	w.t.Helper()
	z := &zend{creds: map[string][2]string{}}
	ln, err := server.Listen(w.socket(), filepath.Join(w.home, "run/zen/zend.lock"))
	if err != nil {
		w.t.Fatal(err)
	}
	srv := &server.Server{Methods: map[string]server.Handler{}}
	for name, f := range map[string]func(params, *server.Buffer) error{
		"get": z.get, "store": z.store,
		"erase": z.erase, "list": z.list,
	} {
		srv.Methods[name] = func(_ context.Context, call *server.Call) error {
			p := params{method: name}
			err := safejson.Strings(call.Params, func(key string, text []byte) {
				switch key {
				case "ServerURL":
					p.url = string(text)
				case "Username":
					p.username = string(text)
				case "Secret":
					p.secret = string(text)
				case "dir":
					p.dir = string(text)
				case "profile":
					p.profile = string(text)
				default:
					p.method = "unknown member " + key
				}
			})
			if err != nil {
				return err
			}
			z.mu.Lock()
			defer z.mu.Unlock()
			z.seen = append(z.seen, p)
			if z.fail != nil {
				if err := z.fail(name, p.url); err != nil {
					return err
				}
			}
			return f(p, call.Result)
		}
	}
	ctx, stop := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ctx, ln) }()
	w.t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
		ln.Close()
	})
	return z
}

// answers makes it send a result as it is given here, whatever it is asked for.
func (z *zend) answers(result string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.result = result
}

func (z *zend) get(p params, result *server.Buffer) error {
	a, err := address.Parse(p.url)
	if err != nil {
		return err
	}
	for ok := true; ok; a, ok = a.Parent() {
		if c, found := z.creds[a.String()]; found {
			raw := z.result
			result.Append(func(dst []byte) []byte {
				if raw != "" {
					return append(dst, raw...)
				}
				dst = safejson.AppendString(append(dst, `{"ServerURL":`...), p.url)
				dst = safejson.AppendString(append(dst, `,"Username":`...), c[0])
				dst = safejson.AppendString(append(dst, `,"Secret":`...), c[1])
				return append(dst, `,"Expires":"2030-01-01"}`...) // of a newer zend
			})
			return nil
		}
	}
	return credential.NewError(credential.NotLoggedIn, "not logged in to "+p.url, "")
}

func (z *zend) store(p params, _ *server.Buffer) error {
	a, err := address.Parse(p.url)
	if err == nil {
		z.creds[a.String()] = [2]string{p.username, p.secret}
	}
	return err
}

func (z *zend) erase(p params, _ *server.Buffer) error {
	a, err := address.Parse(p.url)
	delete(z.creds, a.String())
	return err
}

func (z *zend) list(_ params, result *server.Buffer) error {
	if raw := z.result; raw != "" {
		result.Append(func(dst []byte) []byte { return append(dst, raw...) })
		return nil
	}
	result.Append(func(dst []byte) []byte {
		dst = append(dst, `{"items":{`...)
		for i, a := range slices.Sorted(maps.Keys(z.creds)) {
			if i > 0 {
				dst = append(dst, ',')
			}
			parsed, _ := address.Parse(a)
			dst = append(safejson.AppendString(dst, parsed.ServerURL()), ':')
			dst = safejson.AppendString(dst, z.creds[a][0])
		}
		return append(dst, "}}"...)
	})
	return nil
}

// put is a credential that somebody stored before.
func (z *zend) put(address, username, secret string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.creds[address] = [2]string{username, secret}
}

// requests returns those since the last call.
func (z *zend) requests() []params {
	z.mu.Lock()
	defer z.mu.Unlock()
	seen := z.seen
	z.seen = nil
	return seen
}

// failWith lets every request fail.
func (z *zend) failWith(err error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.fail = func(string, string) error { return err }
}

const notFound = notFoundText + "\n"

// clip bounds what is shown of a text.
func clip(s string) string { return s[:min(len(s), 100)] }
