package broker

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/broker/state"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/connector/docker"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/keystore"
	"github.com/zen-agent/zen/internal/registryauth"
	"github.com/zen-agent/zen/internal/tokencache"
)

// While the vault cannot be read nobody knows who is logged in to what: hosts that had a
// login get the reason, the others are not found, and the index that tells them apart is
// not overwritten.
func TestDamagedVault(t *testing.T) {
	r := newRig(t)
	r.store("ghcr.io/team", "bob", "one")
	r.Vault.Close()
	good, err := os.ReadFile(r.path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(r.path, good[:len(good)-10], 0o600); err != nil {
		t.Fatal(err)
	}
	index := r.index
	r.open()
	r.Broker.Index = index
	if err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	r.wantGet("quay.io", "not_logged_in")
	r.wantGet("ghcr.io", "not_logged_in")
	r.wantGet("ghcr.io/team/app", "vault_damaged")
	if err := r.Erase(t.Context(), access.Caller{}, "ghcr.io/team"); !credential.VaultDamaged.Is(err) {
		t.Errorf("erase: %v", err)
	}
	if err := r.Erase(t.Context(), access.Caller{}, "quay.io"); err != nil {
		t.Errorf("erase of what is absent: %v", err)
	}
	if why, err := r.Why(t.Context(), access.Caller{},
		api.WhyRequest{ServerURL: "ghcr.io/team"}); err != nil ||
		why.Reason != "vault_damaged" ||
		why.Hint == "" {
		t.Errorf("why: %+v, %v", why, err)
	}
	if err := r.Store(t.Context(), access.Caller{}, "quay.io",
		credential.Credential{
			Username: "u",
			Secret:   credential.SecretString("s"),
		}); !credential.VaultDamaged.Is(
		err,
	) {
		t.Errorf("store: %v", err)
	}
	if len(index.addresses) != 1 {
		t.Errorf("the index was overwritten: %q", index.addresses)
	}
	if list, err := r.List(t.Context(), access.Caller{}); err != nil || len(list) != 0 {
		t.Errorf("list: %v, %v", list, err)
	}
}

func TestRestore(t *testing.T) {
	r := newRig(t)
	r.store("ghcr.io", "bob", "one")
	r.store("quay.io", "bob", "two")
	r.Vault.Close()
	if err := os.WriteFile(r.path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.open()
	if err := r.Restore(t.Context(), access.Caller{}); err != nil {
		t.Fatal(err)
	}
	r.wantGet("ghcr.io", "bob:one")
	if len(r.index.addresses) != 1 {
		t.Errorf("index: %q", r.index.addresses)
	}
}

// Records that this zen does not understand are as good as a damaged vault: said, and
// left alone.
func TestRecordsThatMakeNoSense(t *testing.T) {
	r := newRig(t)
	r.store("ghcr.io", "bob", "one")
	err := r.Vault.Commit(t.Context(), func(tx *keystore.Tx) error {
		return tx.Put(keystore.Record{ID: "x", Kind: "login", Public: []byte(`"no login"`)}, nil)
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Vault.Close()
	index := r.index
	r.open()
	r.Broker.Index = index
	r.wantGet("quay.io", "not_logged_in")
	r.wantGet("ghcr.io", "vault_damaged")
	err = r.Store(
		t.Context(),
		access.Caller{},
		"quay.io",
		credential.Credential{Username: "u", Secret: credential.SecretString("s")},
	)
	if !credential.VaultDamaged.Is(err) || !strings.Contains(err.Error(), "does not understand") {
		t.Errorf("store: %v", err)
	}
	if n := len(r.Vault.Records()); n != 2 {
		t.Errorf("%d records", n)
	}
}

// A lock that is due happens with the get that comes too late, whether or not a timer
// ran: a laptop's sleep stops timers.
func TestAutoLock(t *testing.T) {
	r := newRig(t)
	r.store("ghcr.io", "bob", "one")
	r.wantGet("ghcr.io", "bob:one")
	r.SetSettings(state.Settings{AutoLock: 15 * time.Minute})
	for range 3 {
		r.clock.add(15*time.Minute - time.Second)
		r.wantGet("ghcr.io", "bob:one")
		r.wantGet("quay.io", "not_logged_in") // is no use
	}
	if locked, err := r.LockIfIdle(r.clock.Now().Add(15*time.Minute - time.Nanosecond)); locked ||
		err != nil {
		t.Errorf("locked %v, %v", locked, err)
	}
	r.clock.add(15 * time.Minute)
	r.wantGet("ghcr.io", "locked")
	if !strings.Contains(strings.Join(r.audit.lines, "\n"), "lock   ok idle") {
		t.Errorf("audit: %q", r.audit.lines)
	}
	if locked, err := r.LockIfIdle(r.clock.Now()); locked || err != nil {
		t.Errorf("a locked vault was locked again: %v, %v", locked, err)
	}
	if err := r.Unlock(t.Context(), access.Caller{}, nil); err != nil {
		t.Fatal(err)
	}
	r.wantGet("ghcr.io", "bob:one")
	r.SetSettings(state.Settings{})
	r.clock.add(1000 * time.Hour)
	r.wantGet("ghcr.io", "bob:one")
}

func TestLastUse(t *testing.T) {
	r := newRig(t)
	want := func(what string, at time.Time) {
		t.Helper()
		if got := r.LastUse(); !got.Equal(at) {
			t.Errorf("%s: last use at %v, want %v", what, got, at)
		}
	}
	begun := r.clock.Now()
	want("at the start", begun)
	r.clock.add(time.Minute)
	r.wantGet("ghcr.io", "not_logged_in")
	want("a host that nobody logged in to", begun)
	r.store("ghcr.io", "bob", "one")
	want("store", begun.Add(time.Minute))
	r.clock.add(time.Minute)
	r.allLogins(access.Caller{})
	r.VaultStatus()
	want("looking", begun.Add(time.Minute))
	r.wantGet("ghcr.io", "bob:one")
	want("get", begun.Add(2*time.Minute))
	r.clock.add(time.Minute)
	if err := r.Lock(access.Caller{}); err != nil {
		t.Fatal(err)
	}
	r.wantGet("ghcr.io", "locked")
	want("refused", begun.Add(2*time.Minute))
	if err := r.Unlock(t.Context(), access.Caller{}, nil); err != nil {
		t.Fatal(err)
	}
	want("unlock", begun.Add(3*time.Minute))
}

// Time limits are by the wall clock: the monotonic one stands still while a laptop
// sleeps.
func TestTimeLimitsHaveNoMonotonicReading(t *testing.T) {
	r := newRig(t)
	r.Now = time.Now
	if until := r.Sessions.until(60); *until != until.Round(0) {
		t.Errorf("%v", until)
	}
	if last := r.LastUse(); last != last.Round(0) {
		t.Errorf("%v", last)
	}
}

func TestPassphraseAndRotation(t *testing.T) {
	r := newRig(t)
	r.store("ghcr.io", "bob", "one")
	if err := r.SetPassphrase(t.Context(), access.Caller{}, credential.SecretString("correct horse "+
		"battery")); err != nil {
		t.Fatal(err)
	}
	if err := r.Rotate(t.Context(), access.Caller{}); err != nil {
		t.Fatal(err)
	}
	if err := r.Lock(access.Caller{}); err != nil {
		t.Fatal(err)
	}
	wrong, right := credential.SecretString("wrong"), credential.SecretString("correct horse battery")
	if err := r.Unlock(t.Context(), access.Caller{}, &wrong); !credential.WrongPassphrase.Is(err) {
		t.Errorf("wrong passphrase: %v", err)
	}
	r.wantGet("ghcr.io", "locked")
	if err := r.Unlock(t.Context(), access.Caller{}, &right); err != nil {
		t.Fatal(err)
	}
	r.wantGet("ghcr.io", "bob:one")
	if err := r.RemovePassphrase(t.Context(), access.Caller{}); err != nil {
		t.Fatal(err)
	}
	if slots := r.VaultStatus().Slots; len(slots) != 1 {
		t.Errorf("slots: %+v", slots)
	}
	if last := r.audit.last(); !strings.Contains(last, "vault   ok passphrase removed") {
		t.Errorf("audit: %q", last)
	}
}

// What a get costs when nothing has to be minted: a connector's credential from the
// engine, and docker login's from the vault.
func BenchmarkGet(b *testing.B) {
	vault, err := keystore.Open(
		keystore.Options{
			Path:  b.TempDir() + "/vault.json",
			Slots: []keystore.KeySlot{&keystore.MemorySlot{}},
		},
	)
	if err != nil {
		b.Fatal(err)
	}
	defer vault.Close()
	broker, err := New(Config{
		Vault: vault, Kinds: []connector.Kind{docker.New(registryauth.New())},
		Engine: tokencache.New(tokencache.Config{}), Settings: state.Settings{ListPolicy: "all"},
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx := b.Context()
	if err := broker.Credentials.Store(ctx, access.Caller{}, "stored.example",
		credential.Credential{Username: "u", Secret: credential.SecretString("s")}); err != nil {
		b.Fatal(err)
	}
	if _, err := broker.Connectors.RegisterConnector(ctx, access.Caller{},
		api.RegisterConnector{Name: "c", Type: "docker", NoVerify: true},
		secretsOf("username", "u", "password", "p", "registry", "connector.example")); err != nil {
		b.Fatal(err)
	}
	if _, err := broker.Sessions.Login(ctx, access.Caller{},
		api.LoginRequest{Name: "c", NoVerify: true}); err != nil {
		b.Fatal(err)
	}
	for _, host := range []string{"connector.example", "stored.example", "unknown.example"} {
		b.Run(host, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				cred, err := broker.Credentials.Get(ctx, access.Caller{}, host)
				if err != nil && !credential.NotLoggedIn.Is(err) {
					b.Fatal(err)
				}
				cred.Secret.Wipe()
			}
		})
	}
}
