package daemon

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/ipc"
	"github.com/zen-agent/zen/internal/keystore"
	"github.com/zen-agent/zen/internal/paths"
	"github.com/zen-agent/zen/internal/registryauth/isolated"
)

// roleVariable makes the test's own program be zend ("zend", with the key slot of
// fileSlot; "memory", with none but memory) or print how the process is hardened
// ("harden"). So zend is tested with the race detector, restarts included.
const roleVariable = "ZEND_TEST_ROLE"

// canary is every password in these tests.
const canary = "hunter2-canary"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == isolated.ChildArgument {
		os.Exit(isolated.ChildMain(os.Args[2:], os.Stdin, os.Stdout))
	}
	switch os.Getenv(roleVariable) {
	case "":
		os.Exit(m.Run())
	case "harden":
		keepPrivate()
		showHardening()
	case "zend":
		searchWhenAsked()
		os.Exit(zend([]keystore.KeySlot{fileSlot{filepath.Join(os.Getenv("HOME"), "key")}}))
	case "memory":
		os.Exit(zend([]keystore.KeySlot{}))
	}
}

// zend is what cmd/zend does.
func zend(keyrings []keystore.KeySlot) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	exe, err := os.Executable()
	if err == nil {
		onDemand := len(os.Args) > 1 && os.Args[1] == "--on-demand"
		err = Run(ctx, Options{OnDemand: onDemand, Stderr: os.Stderr, Executable: exe, Keyrings: keyrings})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "zend:", err)
		return 1
	}
	return 0
}

// fileSlot keeps one key in a file: a keyring for tests, which must not touch the real
// ones.
type fileSlot struct{ path string }

func (fileSlot) Kind() string                { return keystore.KindSession }
func (fileSlot) Detail() string              { return "a file" }
func (fileSlot) Probe(context.Context) error { return nil }

func (s fileSlot) Load(_ context.Context, id string) ([]byte, error) {
	content, err := os.ReadFile(s.path)
	key, ok := bytes.CutPrefix(content, []byte(id+"\n"))
	if err != nil || !ok {
		return nil, credential.NewError(credential.KeyLost, "no such key", "")
	}
	return key, nil
}

func (s fileSlot) Save(_ context.Context, id string, key []byte) error {
	return os.WriteFile(s.path, append([]byte(id+"\n"), key...), 0o600)
}

func (s fileSlot) Delete(context.Context, string) error { return nil }

// world is a home directory with a zend of its own. The process's environment is the
// world's.
type world struct {
	t      testing.TB
	home   string
	dirs   paths.Dirs
	socket string
	pass   []*os.File // what zend inherits, from descriptor 3 on
}

func newWorld(t testing.TB) *world {
	t.Helper()
	home, err := os.MkdirTemp("/tmp", "zen") // a short name: it has to fit into a socket's address
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	for k, v := range map[string]string{
		"HOME": home, "XDG_RUNTIME_DIR": filepath.Join(home, "run"), "XDG_DATA_HOME": "",
		"XDG_CONFIG_HOME": "", "XDG_STATE_HOME": "",
		"XDG_CACHE_HOME": "", "DBUS_SESSION_BUS_ADDRESS": "", "ZEN_SOCKET": "", roleVariable: "zend",
		"DOCKER_CONFIG": "", "REGISTRY_AUTH_FILE": "", "HELM_REGISTRY_CONFIG": "", "HELM_CONFIG_HOME": "",
		"REGCTL_CONFIG": "",
		"GORACE":        "atexit_sleep_ms=0", // else each end of a zend with the race detector takes a second
	} {
		t.Setenv(k, v)
	}
	w := &world{t: t, home: home}
	w.mkdir(filepath.Join(home, "run"))
	if w.dirs, err = paths.Find(); err != nil {
		t.Fatal(err)
	}
	if w.socket, err = w.dirs.Socket(); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) mkdir(path string) {
	w.t.Helper()
	if err := os.MkdirAll(path, 0o700); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) write(path, text string) {
	w.t.Helper()
	w.mkdir(filepath.Dir(path))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// process is a running zend.
type process struct {
	w    *world
	cmd  *exec.Cmd
	exit chan struct{} // closed when it ended

	mu  sync.Mutex
	log bytes.Buffer
	new *sync.Cond
}

// start runs zend in the foreground, or through what is given before it, and waits until
// it serves.
func (w *world) start(args ...string) *process {
	w.t.Helper()
	p := w.spawn(append(args, os.Args[0])...)
	p.awaitLog("msg=Serving")
	return p
}

func (w *world) spawn(args ...string) *process {
	w.t.Helper()
	p := &process{w: w, cmd: exec.Command(args[0], args[1:]...), exit: make(chan struct{})}
	p.new = sync.NewCond(&p.mu)
	p.cmd.ExtraFiles = w.pass
	out, err := p.cmd.StderrPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	go p.follow(out)
	w.t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.exit
		if strings.Contains(p.text(), canary) {
			w.t.Errorf("a secret is in the log:\n%s", p.text())
		}
		if w.t.Failed() {
			w.t.Logf("zend said:\n%s", p.text())
		}
	})
	return p
}

func (p *process) follow(out io.Reader) {
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		p.mu.Lock()
		p.log.WriteString(line)
		p.mu.Unlock()
		p.new.Broadcast()
		if err != nil {
			break
		}
	}
	_ = p.cmd.Wait()
	close(p.exit)
	p.new.Broadcast()
}

func (p *process) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// awaitLog waits until the log has the text.
func (p *process) awaitLog(text string) {
	p.w.t.Helper()
	p.awaitLogs(text, 1)
}

// awaitLogs waits until the log has the text n times.
func (p *process) awaitLogs(text string, n int) {
	p.w.t.Helper()
	late := time.AfterFunc(20*time.Second, p.new.Broadcast)
	defer late.Stop()
	deadline := time.Now().Add(20 * time.Second)
	p.mu.Lock()
	defer p.mu.Unlock()
	for strings.Count(p.log.String(), text) < n {
		if time.Now().After(deadline) || p.ended() {
			p.w.t.Fatalf("zend did not say %q; it said:\n%s", text, p.log.String())
		}
		p.new.Wait()
	}
}

func (p *process) ended() bool {
	select {
	case <-p.exit:
		return true
	default:
		return false
	}
}

// awaitExit waits for the end, and returns the exit status.
func (p *process) awaitExit() int {
	p.w.t.Helper()
	select {
	case <-p.exit:
	case <-time.After(20 * time.Second):
		p.w.t.Fatalf("zend does not end; it said:\n%s", p.text())
	}
	return p.cmd.ProcessState.ExitCode()
}

func (p *process) signal(s os.Signal) {
	p.w.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.w.t.Fatal(err)
	}
}

// eventually waits for something that nobody announces.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in 20 s: %s", what)
		}
	}
}

// client calls the running zend and starts none.
func (w *world) client() *ipc.Client { return &ipc.Client{Socket: w.socket, Name: "test/1"} }

func (w *world) call(method string, params any) (string, error) {
	w.t.Helper()
	encoded, err := json.Marshal(params)
	if err != nil {
		w.t.Fatal(err)
	}
	reply, err := w.client().Call(method, encoded, time.Now().Add(20*time.Second))
	return string(reply.Result), err
}

func (w *world) mustCall(method string, params any) string {
	w.t.Helper()
	result, err := w.call(method, params)
	if err != nil {
		w.t.Fatalf("%s: %v", method, err)
	}
	return result
}

func (w *world) status() (s api.Status) {
	w.t.Helper()
	if err := json.Unmarshal([]byte(w.mustCall(api.MethodStatus, api.Empty{})), &s); err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *world) store(host string) {
	w.t.Helper()
	w.mustCall(api.MethodStore, map[string]string{"ServerURL": host, "Username": "alice", "Secret": canary})
}

// get returns the secret, or the reason of the failure.
func (w *world) get(host string) string {
	w.t.Helper()
	result, err := w.call(api.MethodGet, map[string]string{"ServerURL": host})
	if err != nil {
		return string(credential.ReasonOf(err))
	}
	var reply struct{ Secret string }
	if err := json.Unmarshal([]byte(result), &reply); err != nil {
		w.t.Fatal(err)
	}
	return reply.Secret
}

func (w *world) wantGet(host, want string) {
	w.t.Helper()
	if got := w.get(host); got != want {
		w.t.Errorf("get %s: %s, want %s", host, got, want)
	}
}

// nobodyListens reports whether the socket's name is gone or leads to nobody.
func (w *world) nobodyListens() bool {
	c, err := net.Dial("unix", w.socket)
	if err == nil {
		c.Close()
	}
	return err != nil
}

// slowCall is a request that is in flight until it is released: a registration whose
// registry does not answer.
type slowCall struct {
	release func()
	done    chan error
}

func (w *world) slow() *slowCall {
	w.t.Helper()
	asked, answer := make(chan struct{}), make(chan struct{})
	registry := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		select {
		case asked <- struct{}{}:
		default:
		}
		<-answer
	}))
	c := &slowCall{release: sync.OnceFunc(func() { close(answer) }), done: make(chan error, 1)}
	w.t.Cleanup(func() {
		c.release()
		registry.Close()
	})
	go func() {
		params := fmt.Sprintf(
			`{"name":"slow","type":"docker","secrets":{"username":"alice","password":%q,"registry":%q}}`,
			canary,
			strings.TrimPrefix(registry.URL, "http://"),
		)
		reply, err := w.client().
			Call(api.MethodConnectorRegister, []byte(params), time.Now().Add(30*time.Second))
		if err == nil && !strings.Contains(string(reply.Result), `"slow"`) {
			err = errors.New(string(reply.Result))
		}
		c.done <- err
	}()
	select {
	case <-asked:
	case err := <-c.done:
		w.t.Fatalf("the slow call is not slow: %v", err)
	}
	return c
}

// finish lets the call end and returns its error.
func (c *slowCall) finish() error {
	c.release()
	return <-c.done
}
