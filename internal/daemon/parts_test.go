package daemon

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/config"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/ipc/server"
	"github.com/zen-agent/zen/internal/keystore"
)

// newDaemon is a daemon with all its parts and no listener, in a world of its own.
func newDaemon(t testing.TB, keyrings ...keystore.KeySlot) *daemon {
	t.Helper()
	w := newWorld(t)
	d := &daemon{
		opt: Options{
			Executable: os.Args[0],
			Keyrings:   append([]keystore.KeySlot{}, keyrings...),
		}, dirs: w.dirs, started: time.Now(),
		log: slog.New(slog.DiscardHandler), level: new(slog.LevelVar), stop: func(error) {},
	}
	if err := d.build(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.parts.close() })
	return d
}

func (d *daemon) storeCanary(t testing.TB, host string) {
	t.Helper()
	err := d.broker.Credentials.Store(
		t.Context(),
		access.Caller{},
		host,
		credential.Credential{Username: "alice", Secret: credential.SecretString(canary)},
	)
	if err != nil {
		t.Fatal(err)
	}
}

// Each method of the wire is served, and none that nobody knows.
func TestEveryMethodIsServed(t *testing.T) {
	var want []string
	for _, m := range api.Methods() {
		want = append(want, m.Name)
	}
	var got []string
	for name := range newDaemon(t).methods() {
		got = append(got, name)
	}
	slices.Sort(want)
	slices.Sort(got)
	if len(want) < 40 || !slices.Equal(got, want) {
		t.Errorf("served: %q\nknown: %q", got, want)
	}
}

func TestHostIndex(t *testing.T) {
	index := hostIndex{filepath.Join(t.TempDir(), "hosts")}
	if list, err := index.Read(); err != nil || len(list) != 0 {
		t.Errorf("missing: %v, %v", list, err)
	}
	var addrs []address.Address
	for _, s := range []string{"quay.io", "ghcr.io/team", "docker.io", "quay.io", "[::1]:5000"} {
		a, err := address.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		addrs = append(addrs, a)
	}
	if err := index.Write(addrs); err != nil {
		t.Fatal(err)
	}
	content, _ := os.ReadFile(index.path)
	if want := "zen-hosts 1\n[::1]:5000\ndocker.io\nghcr.io/team\nquay.io\n"; string(content) != want {
		t.Errorf("%q", content)
	}
	before, _ := os.Stat(index.path)
	if err := index.Write(addrs[1:]); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.Stat(index.path); !os.SameFile(before, after) {
		t.Error("an index that says the same was written again")
	}
	list, err := index.Read()
	if err != nil || len(list) != 4 || list[0].String() != "[::1]:5000" {
		t.Errorf("%v, %v", list, err)
	}
	if err := index.Write(nil); err != nil {
		t.Fatal(err)
	}
	if list, err := index.Read(); err != nil || len(list) != 0 {
		t.Errorf("empty: %v, %v", list, err)
	}
	for _, foreign := range []string{"zen-hosts 2\nghcr.io\n", "zen-hosts 1\nnot a host\n", ""} {
		if err := os.WriteFile(index.path, []byte(foreign), 0o600); err != nil {
			t.Fatal(err)
		}
		if list, err := index.Read(); err == nil {
			t.Errorf("%q: %v", foreign, list)
		}
	}
	if err := os.Remove(index.path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(index.path, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := index.Read(); err == nil {
		t.Error("a directory was read")
	}
	if err := index.Write(addrs); err == nil {
		t.Error("a directory was overwritten")
	}
}

func TestMemoryKeysAreHandedOver(t *testing.T) {
	t.Setenv(memoryVariable, "")
	key := func(c byte) []byte { return bytes.Repeat([]byte{c}, keystore.KeySize) }
	old := newMemorySlot()
	for i, id := range []string{"vault/a", "vault/b", "vault/gone"} {
		if err := old.Save(t.Context(), id, key(byte(i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := old.Delete(t.Context(), "vault/gone"); err != nil {
		t.Fatal(err)
	}
	if err := old.handOver(); err != nil {
		t.Fatal(err)
	}
	next := newMemorySlot()
	if err := next.takeOver(); err != nil {
		t.Fatal(err)
	}
	for i, id := range []string{"vault/a", "vault/b"} {
		if got, err := next.Load(t.Context(), id); err != nil || !bytes.Equal(got, key(byte(i))) {
			t.Errorf("%s: %v, %v", id, got, err)
		}
	}
	if _, err := next.Load(t.Context(), "vault/gone"); !credential.KeyLost.Is(err) {
		t.Errorf("a deleted key: %v", err)
	}
	if os.Getenv(memoryVariable) != "" {
		t.Error("the variable is left for children")
	}
	if err := newMemorySlot().takeOver(); err != nil {
		t.Errorf("nothing to take over: %v", err)
	}
}

func TestHandOverRefuses(t *testing.T) {
	t.Setenv(memoryVariable, "")
	m := newMemorySlot()
	if err := m.handOver(); err != nil || os.Getenv(memoryVariable) != "" {
		t.Errorf("without keys: %v, %q", err, os.Getenv(memoryVariable))
	}
	for i := range 200 {
		if err := m.Save(t.Context(), "vault/"+strconv.Itoa(i), make([]byte, keystore.KeySize)); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.handOver(); err == nil {
		t.Error("more keys than a pipe holds")
	}
	pid := strconv.Itoa(os.Getpid())
	for _, value := range []string{"nonsense", "1:3", pid + ":x", pid + ":0", pid + ":-1"} {
		t.Setenv(memoryVariable, value)
		if err := newMemorySlot().takeOver(); err != nil {
			t.Errorf("%q is for somebody else: %v", value, err)
		}
	}
	t.Setenv(memoryVariable, pid+":9999")
	if err := newMemorySlot().takeOver(); err == nil {
		t.Error("a descriptor that is not open")
	}
	for _, in := range [][]byte{
		{0},
		{0, 9, 'a'},
		append([]byte{0, 1, 'a'}, make([]byte, keystore.KeySize-1)...),
	} {
		if err := newMemorySlot().restore(in); err == nil {
			t.Errorf("%v was taken", in)
		}
	}
}

// What is due when: to the millisecond, on a clock that the test reads for the daemon.
func TestIdleSteps(t *testing.T) {
	start := time.Now()
	at := func(d time.Duration) time.Time { return start.Add(d) }
	setup := func(t *testing.T, cfg config.Config, keyrings ...keystore.KeySlot) (*daemon, *error) {
		d := newDaemon(t, keyrings...)
		d.started = start
		d.storeCanary(t, "ghcr.io")
		cfg.List, cfg.LogLevel = config.ListAll, "info"
		d.apply(cfg)
		stopped := new(error)
		d.stop = func(err error) { *stopped = err }
		return d, stopped
	}
	slot := func(t *testing.T) keystore.KeySlot { return fileSlot{filepath.Join(t.TempDir(), "key")} }

	t.Run("nothing is due", func(t *testing.T) {
		d, stopped := setup(t, config.Config{}, slot(t))
		if next := d.idleStep(at(1000 * time.Hour)); next != 0 || *stopped != nil {
			t.Errorf("next look in %v, stopped for %v", next, *stopped)
		}
	})
	t.Run("exit", func(t *testing.T) {
		d, stopped := setup(t, config.Config{IdleExit: config.Duration(time.Hour)}, slot(t))
		if next := d.idleStep(at(time.Hour - time.Millisecond)); next != time.Millisecond || *stopped != nil {
			t.Errorf("next look in %v, stopped for %v", next, *stopped)
		}
		if d.idleStep(at(time.Hour)); !errors.Is(*stopped, errIdle) {
			t.Errorf("stopped for %v", *stopped)
		}
	})
	t.Run("no exit that loses the vault", func(t *testing.T) {
		d, stopped := setup(t, config.Config{IdleExit: config.Duration(time.Millisecond)})
		if next := d.idleStep(at(time.Hour)); next != stayCheck || *stopped != nil {
			t.Errorf("next look in %v, stopped for %v", next, *stopped)
		}
		if err := d.broker.Keys.SetPassphrase(t.Context(), access.Caller{},
			credential.SecretString("correct horse battery")); err != nil {
			t.Fatal(err)
		}
		if d.idleStep(at(time.Hour)); !errors.Is(*stopped, errIdle) {
			t.Errorf("with a passphrase, stopped for %v", *stopped)
		}
	})
	t.Run("lock", func(t *testing.T) {
		d, stopped := setup(
			t,
			config.Config{AutoLock: config.Duration(time.Hour), IdleExit: config.Duration(3 * time.Hour)},
			slot(t),
		)
		last := d.broker.LastUse().Sub(start.Round(0))
		if next := d.idleStep(at(last + time.Hour - time.Second)); next != time.Second ||
			d.broker.Keys.VaultStatus().State != keystore.StateUnlocked {
			t.Errorf("next look in %v, the vault is %s", next, d.broker.Keys.VaultStatus().State)
		}
		if next := d.idleStep(at(last + time.Hour)); next != time.Hour ||
			d.broker.Keys.VaultStatus().State != keystore.StateLocked {
			t.Errorf("next look in %v, the vault is %s", next, d.broker.Keys.VaultStatus().State)
		}
		if next := d.idleStep(at(2*time.Hour + time.Minute)); next != 59*time.Minute || *stopped != nil {
			t.Errorf("next look in %v, stopped for %v", next, *stopped)
		}
	})
}

func TestReasonTexts(t *testing.T) {
	for err, want := range map[error]string{
		nil: "signal", context.Canceled: "signal", errIdle: "idle",
		errRestart: "restart requested",
	} {
		if got := reasonText(err); got != want {
			t.Errorf("%v: %q", err, got)
		}
	}
}

// A restart to a program that is gone, or that is not executed, would end zend.
func TestRestartNeedsTheProgram(t *testing.T) {
	d := newDaemon(t)
	d.opt.Executable = filepath.Join(t.TempDir(), "zend")
	if _, err := d.restartRequest(t.Context(), server.Peer{}, api.Empty{}); !credential.Unavailable.Is(err) {
		t.Errorf("%v", err)
	}
	if err := os.WriteFile(d.opt.Executable, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(d.opt.Executable, 0o702); err != nil {
		t.Fatal(err)
	}
	_, err := d.restartRequest(t.Context(), server.Peer{}, api.Empty{})
	if err == nil || !strings.Contains(err.Error(), "is not safe to execute: it can be changed by everyone") {
		t.Errorf("%v", err)
	}
}
