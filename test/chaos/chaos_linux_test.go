package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/ipc"
	"github.com/zen-agent/zen/internal/keystore"
	"github.com/zen-agent/zen/internal/keystore/kernelkeyring"
	"github.com/zen-agent/zen/internal/paths"
	"github.com/zen-agent/zen/internal/safejson"
)

// world is a home directory with a zend of its own.
type world struct {
	t    *testing.T
	dirs paths.Dirs
	zend string
}

// newWorld builds zend and gives it an empty home. The process's environment is the
// world's from here on.
func newWorld(t *testing.T) *world {
	t.Helper()
	home, err := os.MkdirTemp("/tmp", "zen")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, zend: filepath.Join(t.TempDir(), "zend")}
	build := exec.Command("go", "build", "-o", w.zend, "../../cmd/zend")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building zend: %v\n%s", err, out)
	}
	for k, v := range map[string]string{
		"HOME": home, "XDG_RUNTIME_DIR": filepath.Join(home, "run"), "XDG_DATA_HOME": "",
		"XDG_CONFIG_HOME": "", "XDG_STATE_HOME": "", "XDG_CACHE_HOME": "", "DBUS_SESSION_BUS_ADDRESS": "",
		"ZEN_SOCKET": "",
	} {
		t.Setenv(k, v)
	}
	if err := os.Mkdir(filepath.Join(home, "run"), 0o700); err != nil {
		t.Fatal(err)
	}
	if w.dirs, err = paths.Find(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.forget()
		w.kill()
		os.RemoveAll(home)
	})
	return w
}

// status is what this world's zend says of itself.
func (w *world) status() (s api.Status, err error) {
	reply, err := w.client().Call(api.MethodStatus, nil, time.Now().Add(20*time.Second))
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(reply.Result, &s)
}

// forget takes the vault's keys out of the kernel's keyring, where they would stay until
// the next boot.
func (w *world) forget() {
	s, err := w.status()
	if err != nil {
		w.t.Errorf("zend does not answer at the end: %v", err)
		return
	}
	for _, slot := range s.Vault.Slots {
		if slot.Kind == keystore.KindSession {
			if err := (kernelkeyring.Slot{}).Delete(context.Background(),
				s.Vault.ID+"/"+slot.ID); err != nil {
				w.t.Error(err)
			}
		}
	}
}

// needsKernelKeyring skips a test that kills zend where the vault's key lives in zend
// alone, as in most containers: what is stored then ends with it, and is meant to.
func (w *world) needsKernelKeyring() {
	w.t.Helper()
	if err := (kernelkeyring.Slot{}).Probe(w.t.Context()); err != nil {
		w.t.Skipf("killing zend would lose the vault, whose key can only be in its memory here: %v", err)
	}
}

func (w *world) client() *ipc.Client {
	c, err := ipc.NewClient(w.dirs, "chaos")
	if err != nil {
		w.t.Fatal(err)
	}
	c.Start = w.starting(w.zend)
	return c
}

// starting is what starts the program as zend.
func (w *world) starting(program string) func() (*ipc.Starter, error) {
	starter := ipc.NewStarter(w.dirs)
	starter.Path = program
	return func() (*ipc.Starter, error) { return starter, nil }
}

// configure writes config.toml.
func (w *world) configure(text string) {
	w.t.Helper()
	if err := os.MkdirAll(filepath.Dir(w.dirs.ConfigFile()), 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(w.dirs.ConfigFile(), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// daemons returns the ids of the running processes that execute this world's zend.
func (w *world) daemons() (pids []int) {
	entries, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range entries {
		cmdline, err := os.ReadFile(path)
		if err == nil && strings.HasPrefix(string(cmdline), w.zend+"\x00") &&
			!strings.Contains(string(cmdline), "__") {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			pids = append(pids, pid)
		}
	}
	return pids
}

// kill ends this world's zend with SIGKILL and waits until the socket refuses.
func (w *world) kill() {
	for _, pid := range w.daemons() {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	for len(w.daemons()) > 0 {
		// a killed process ends when the kernel says so; there is nothing to wait on
		time.Sleep(time.Millisecond)
	}
}

func (w *world) store(host, user, secret string) error {
	params := safejson.AppendString([]byte(`{"ServerURL":`), host)
	params = safejson.AppendString(append(params, `,"Username":`...), user)
	params = safejson.AppendString(append(params, `,"Secret":`...), secret)
	_, err := w.client().Call(api.MethodStore, append(params, '}'), time.Now().Add(20*time.Second))
	return err
}

// get returns the secret for a host.
func (w *world) get(host string) (secret string, err error) {
	params := append(safejson.AppendString([]byte(`{"ServerURL":`), host), '}')
	reply, err := w.client().Call(api.MethodGet, params, time.Now().Add(20*time.Second))
	if err != nil {
		return "", err
	}
	defer reply.Wipe()
	err = safejson.Strings(reply.Result, func(key string, text []byte) {
		if key == "Secret" {
			secret = string(text)
		}
	})
	return secret, err
}

// together runs f n times at once, released at the same moment, and returns the errors.
func together(n int, f func(i int) error) error {
	var wg sync.WaitGroup
	start := make(chan struct{})
	errs := make([]error, n)
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	wg.Wait()
	return errors.Join(errs...)
}

func TestManyFirstClientsStartOneDaemon(t *testing.T) {
	w := newWorld(t)
	for round := range rounds {
		var pids sync.Map
		err := together(50, func(int) error {
			s, err := w.status()
			pids.Store(s.PID, true)
			return err
		})
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		n := 0
		pids.Range(func(any, any) bool { n++; return true })
		if n != 1 || len(w.daemons()) != 1 {
			t.Fatalf("round %d: %d daemons answered, %d run", round, n, len(w.daemons()))
		}
		w.kill()
	}
}

// killer kills zend again and again. Each zend gets to live for a while once it serves,
// some of them less than a request takes.
type killer struct {
	stop  chan struct{}
	done  sync.WaitGroup
	kills atomic.Int64
}

func (w *world) startKiller(life time.Duration) *killer {
	k := &killer{stop: make(chan struct{})}
	k.done.Go(func() {
		for {
			select {
			case <-k.stop:
				return
			case <-time.After(life):
			}
			for _, pid := range w.daemons() {
				syscall.Kill(pid, syscall.SIGKILL)
				k.kills.Add(1)
			}
			// It is the clients that start the next one, and they only do when there is
			// load.
			for len(w.daemons()) == 0 {
				select {
				case <-k.stop:
					return
				case <-time.After(time.Millisecond):
				}
			}
		}
	})
	return k
}

func (k *killer) end() {
	close(k.stop)
	k.done.Wait()
}

// life is how long a zend may live: 37 ms, or more where a store takes so long that none
// would ever end in that time.
func (w *world) life() time.Duration {
	w.t.Helper()
	const samples = 5
	begin := time.Now()
	for i := range samples {
		if err := w.store("hub.example", "alice", fmt.Sprint(i)); err != nil {
			w.t.Fatal(err)
		}
	}
	return max(37*time.Millisecond, 5*time.Since(begin)/samples)
}

// zend is killed again and again under load: no request fails, and everything that was
// acknowledged is there.
func TestKilledUnderLoad(t *testing.T) {
	w := newWorld(t)
	w.needsKernelKeyring()
	life := w.life()
	if err := w.store("hub.example", "alice", "secret"); err != nil {
		t.Fatal(err)
	}
	k := w.startKiller(life)
	const workers = 8
	var done atomic.Int64
	var last [workers]string
	err := together(workers, func(i int) error {
		own := fmt.Sprintf("w%d.example", i)
		for n := 0; done.Add(1) <= requests || k.kills.Load() < rounds; n++ {
			if n%storeEvery == 0 {
				secret := fmt.Sprint(n)
				if err := w.store(own, "alice", secret); err != nil {
					return fmt.Errorf("store: %w", err)
				}
				last[i] = secret
			}
			host, want := "hub.example", "secret"
			if n%3 == 0 {
				host, want = own, last[i]
			}
			got, err := w.get(host)
			if err != nil || got != want {
				return fmt.Errorf("get %s: %q, want %q: %w", host, got, want, err)
			}
		}
		return nil
	})
	k.end()
	if err != nil {
		t.Fatal(err)
	}
	w.kill()
	for i, want := range last {
		if got, err := w.get(fmt.Sprintf("w%d.example", i)); err != nil || got != want {
			t.Errorf("worker %d's last: %q, want %q: %v", i, got, want, err)
		}
	}
	t.Logf("%d requests, %d kills, one each %v", done.Load(), k.kills.Load(), life)
}

// zend leaves whenever it has nothing to do for 2 ms: no request fails for it.
func TestIdleExitUnderLoad(t *testing.T) {
	w := newWorld(t)
	w.needsKernelKeyring()
	w.configure("idle_exit = \"2ms\"\n")
	if err := w.store("hub.example", "alice", "secret"); err != nil {
		t.Fatal(err)
	}
	left := 0
	for range max(3, requests/1000) {
		err := together(4, func(int) error {
			for n := range 10 {
				if got, err := w.get("hub.example"); err != nil || got != "secret" {
					return fmt.Errorf("get: %q: %w", got, err)
				}
				// the load itself: pauses around the idle time
				time.Sleep(time.Duration(n%5) * time.Millisecond)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(20 * time.Second); len(w.daemons()) > 0; {
			if time.Now().After(end) {
				t.Fatal("zend has nothing to do and does not leave")
			}
			time.Sleep(time.Millisecond) // zend is nobody's child; there is nothing to wait on
		}
		left++
	}
	t.Logf("zend left at least %d times", left)
}
