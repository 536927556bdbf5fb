//go:build e2e && linux

package e2e

import (
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/keystore/keystoretest"
	"github.com/zen-agent/zen/internal/selftest/leak"
)

// onBus puts the home into a session with a message bus of its own.
func (h *home) onBus() *keystoretest.Bus {
	h.t.Helper()
	for _, program := range []string{"dbus-daemon", "gnome-keyring-daemon", "secret-tool"} {
		h.lookPath(program)
	}
	bus := keystoretest.StartDaemon(h.t)
	h.env["DBUS_SESSION_BUS_ADDRESS"] = bus.Address
	return bus
}

// keyringHome is a home in a session with gnome-keyring, its login keyring unlocked.
func keyringHome(t *testing.T) (*home, *keystoretest.Bus) {
	t.Helper()
	h := newHome(t)
	bus := h.onBus()
	bus.StartGnomeKeyring(t)
	return h, bus
}

// secretTool runs secret-tool in the home's session.
func (h *home) secretTool(stdin string, args ...string) result {
	h.t.Helper()
	return h.run(stdin, "secret-tool", args...)
}

// keyItem is the vault's key as the keyring holds it.
func (h *home) keyItem() (secret string) {
	h.t.Helper()
	user := "vault-key:" + h.status().Vault.ID
	r := h.secretTool("", "search", "service", "zen")
	if r.code != 0 || !strings.Contains(r.stdout+r.stderr, user) {
		// The id of the key's slot may follow the vault's.
		h.t.Fatalf("the keyring has no item of zen for %s:\n%s", user, r)
	}
	for line := range strings.Lines(r.stdout) {
		if s, ok := strings.CutPrefix(line, "secret = "); ok {
			return strings.TrimSpace(s)
		}
	}
	h.t.Fatalf("the keyring's item has no secret:\n%s", r)
	return ""
}

// itemAttributes are the attributes by which secret-tool finds the item again.
func (h *home) itemAttributes() []string {
	h.t.Helper()
	r := h.secretTool("", "search", "service", "zen")
	for line := range strings.Lines(r.stdout + r.stderr) {
		if user, ok := strings.CutPrefix(line, "attribute.username = "); ok {
			return []string{"service", "zen", "username", strings.TrimSpace(user)}
		}
	}
	h.t.Fatalf("the keyring's item has no username:\n%s", r)
	return nil
}

func TestVaultKeyIsAnItemOfGnomeKeyring(t *testing.T) {
	r := basicRegistry(t)
	h, bus := keyringHome(t)
	h.register("reg", r)
	h.zenOK("login", "reg")
	if kind := h.slot(); kind != "os-keyring" {
		t.Fatalf("with gnome-keyring the vault's key is in slot %q", kind)
	}
	for _, args := range [][]string{{"status"}, {"vault", "status"}} {
		if out := h.zenOK(args...); !strings.Contains(strings.ToLower(out.stdout), "keyring") {
			t.Errorf("zen %s does not say where the key is:\n%s", args, out)
		}
	}
	item := h.keyItem()
	h.hasNoKey(item)
	h.zenOK("daemon", "stop")
	h.hasNoKey(item)
	if got := h.secretOf(r.host); got != r.password {
		t.Errorf("a new zend does not get the key from the keyring: the secret is %q", got)
	}
	h.killZend()
	bus.Stop()
	h.unknownIsNotFound()
	if r := h.helper("get", r.host); r.code != 1 || r.stdout == notFound {
		t.Errorf("a vault without its keyring:\n%s", r)
	}
	if r := h.zen("login", "reg"); r.code != 5 || !strings.Contains(r.stderr, "keyring") {
		t.Errorf("a vault without its keyring:\n%s", r)
	}
}

// hasNoKey fails when the key of an item is in any file of the home, in any spelling, or
// in the kernel's keyring.
func (h *home) hasNoKey(item string) {
	h.t.Helper()
	_, text, _ := strings.Cut(item, ".")
	key, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(key) < 32 {
		h.t.Fatalf("the item is no key of 32 bytes: %d bytes, %v", len(key), err)
	}
	for _, spelling := range []string{string(key), hex.EncodeToString(key), text} {
		found, err := leak.Files(
			h.t.Context(),
			[]string{h.dir},
			leak.NeedlesOf(credential.SecretString(spelling)),
		)
		h.check(err)
		for _, place := range found.Leaks {
			h.t.Errorf("the vault's key is in %s", place)
		}
	}
	keys, err := os.ReadFile("/proc/keys")
	h.check(err)
	if id := h.vaultID(); strings.Contains(string(keys), id) {
		h.t.Errorf("the kernel's keyring has a key of vault %s as well", id)
	}
}

// vaultID reads the vault's id from its file.
func (h *home) vaultID() string {
	h.t.Helper()
	_, rest, _ := strings.Cut(h.read(".local/share/zen/vault.json"), `"vault":"`)
	id, _, ok := strings.Cut(rest, `"`)
	if !ok {
		h.t.Fatalf("the vault has no id: %.100q", rest)
	}
	return id
}

// Without the item nobody opens the vault, and zen says so; with the item back, all is as
// before.
func TestDeletedKeyringItem(t *testing.T) {
	h, _ := keyringHome(t)
	h.storeSecret("known.example", "alice", "the-secret")
	item, attributes := h.keyItem(), h.itemAttributes()
	before := h.read(".local/share/zen/vault.json")
	if r := h.secretTool("", append([]string{"clear"}, attributes...)...); r.code != 0 {
		t.Fatal(r)
	}
	h.killZend()

	h.unknownIsNotFound()
	h.knownIsAnError("key")
	if v := h.status().Vault; v.State != "key lost" || v.Problem == "" || v.Hint == "" {
		t.Errorf("the vault without its key: %+v", v)
	}
	said := h.zenOK("status")
	if !strings.Contains(said.stdout+said.stderr, "key") ||
		!strings.Contains(strings.ToLower(said.stdout+said.stderr), "lost") {
		t.Errorf("zen status does not say that the key is lost:\n%s", said)
	}
	r := h.zen("unlock")
	if r.code != 6 {
		t.Errorf("zen unlock without a key:\n%s", r)
	}
	if r := h.helper("store", `{"ServerURL":"new.example","Username":"bob","Secret":"s"}`); r.code != 1 {
		t.Errorf("stored into a vault that nobody can open:\n%s", r)
	}
	if after := h.read(".local/share/zen/vault.json"); after != before {
		t.Error("a vault without its key was written to")
	}

	h.ok(item, "secret-tool", append([]string{"store", "--label=zen"}, attributes...)...)
	h.zenOK("unlock")
	if got := h.secretOf("known.example"); got != "the-secret" {
		t.Errorf("with the key back the secret is %q", got)
	}
}

// A vault that is carried to another machine, by a thief or a backup, cannot be opened
// there.
func TestStolenFiles(t *testing.T) {
	h, _ := keyringHome(t)
	h.storeSecret("known.example", "alice", "the-secret")
	h.zenOK("daemon", "stop")
	for _, name := range []string{"with another keyring", "without a keyring"} {
		t.Run(name, func(t *testing.T) {
			thief := newHome(t)
			if name == "with another keyring" {
				thief.onBus().StartGnomeKeyring(t)
			}
			if r := execute(t, command(t, "cp", "-a", h.path(".local"), thief.path(".local")),
				""); r.code != 0 {
				t.Fatal(r)
			}
			thief.knownIsAnError("key")
			if v := thief.status().Vault; v.State == "unlocked" {
				t.Errorf("the stolen vault is open: %+v", v)
			}
		})
	}
}

// kernelKeyring reports whether the kernel offers a user keyring here.
func kernelKeyring() bool {
	id, err := unix.AddKey("user", "zen-e2e-probe", []byte("x"), unix.KEY_SPEC_USER_KEYRING)
	if err == nil {
		_, err = unix.KeyctlInt(unix.KEYCTL_UNLINK, id, unix.KEY_SPEC_USER_KEYRING, 0, 0)
	}
	return err == nil
}

// With no Secret Service the key lives for the session only; zen chooses that by itself
// and says so.
func TestSessionVaultWithoutSecretService(t *testing.T) {
	want := "memory"
	if kernelKeyring() {
		want = "session"
	}
	for _, session := range []string{"no bus", "bus without a Secret Service", "bus is gone"} {
		t.Run(session, func(t *testing.T) {
			h := newHome(t)
			switch session {
			case "bus without a Secret Service":
				h.onBus()
			case "bus is gone":
				h.env["DBUS_SESSION_BUS_ADDRESS"] = "unix:path=" + h.path("run/bus")
			}
			h.storeSecret("known.example", "alice", "the-secret")
			if kind := h.slot(); kind != want {
				t.Errorf("the vault's key is in slot %q, want %q", kind, want)
			}
			for _, args := range [][]string{{"status"}, {"vault", "status"}} {
				if out := strings.ToLower(h.zenOK(args...).stdout); !strings.Contains(out, want) ||
					!strings.Contains(out, "boot") {
					t.Errorf("zen %s does not say how long the vault lasts:\n%s", args, out)
				}
			}
			if want == "memory" {
				return
			}
			h.killZend()
			if got := h.secretOf("known.example"); got != "the-secret" {
				t.Errorf("the session vault did not survive its zend: the secret is %q", got)
			}
			h.reboot()
			h.unknownIsNotFound()
			h.knownIsAnError("key")
			// The machine was started anew: a login simply works, and the old vault is
			// kept aside.
			h.storeSecret("known.example", "alice", "the-new-secret")
			if got := h.secretOf("known.example"); got != "the-new-secret" {
				t.Errorf("after a reboot the secret is %q", got)
			}
			if lost, _ := filepath.Glob(h.path(".local/share/zen/vault.json.lost-*")); len(lost) != 1 {
				t.Errorf("the vault of before the reboot is not kept: %q", lost)
			}
		})
	}
}

// A passphrase keeps a headless machine's vault over reboots.
func TestPassphraseSurvivesReboot(t *testing.T) {
	const passphrase = "correct horse battery staple"
	h := newHome(t)
	h.storeSecret("known.example", "alice", "the-secret")
	h.ok(passphrase, "zen", "vault", "passphrase", "--passphrase-stdin")
	h.killZend()
	if got := h.secretOf("known.example"); got != "the-secret" {
		t.Errorf("within the session no passphrase is needed; the secret is %q", got)
	}
	h.reboot()
	h.knownIsAnError("zen unlock")
	h.ok(passphrase, "zen", "unlock", "--passphrase-stdin")
	if got := h.secretOf("known.example"); got != "the-secret" {
		t.Errorf("after a reboot the secret is %q", got)
	}
}

// A locked login keyring on a machine without a display: nobody can answer a prompt, so
// zen must not wait for one.
func TestLockedKeyringWithoutADisplay(t *testing.T) {
	h, _ := keyringHome(t)
	h.storeSecret("known.example", "alice", "the-secret")
	h.killZend()
	h.ok(
		"",
		"dbus-send",
		"--session",
		"--dest=org.freedesktop.secrets",
		"--print-reply",
		"/org/freedesktop/secrets",
		"org.freedesktop.Secret.Service.Lock",
		"array:objpath:/org/freedesktop/secrets/collection/login",
	)
	h.unknownIsNotFound()
	h.knownIsAnError("keyring")
	if r := h.zen("unlock"); r.code == 0 || !strings.Contains(r.stderr, "keyring") {
		t.Errorf("zen unlock with a locked keyring and no display:\n%s", r)
	}
}

// Where there is no kernel keyring either, as in most containers, the key is in zend's
// memory. It survives an upgrade of zend, and nothing else.
func TestMemoryVaultWithoutAnyKeyring(t *testing.T) {
	const uid = nobody - 2 // of whose quota nobody else needs anything
	h := newHomeFor(t, uid)
	if r := execute(t, impostorCommand(t, uid, "fill", "zen-e2e-filler"), ""); r.code != 0 {
		t.Fatal(r)
	}
	t.Cleanup(func() { execute(t, impostorCommand(t, uid, "forget", "zen-e2e-filler"), "") })
	h.storeSecret("known.example", "alice", "the-secret")
	if kind := h.slot(); kind != "memory" {
		t.Fatalf("without any keyring the vault's key is in slot %q", kind)
	}
	for _, args := range [][]string{{"status"}, {"vault", "status"}} {
		if out := strings.ToLower(h.zenOK(args...).stdout); !strings.Contains(out, "memory") {
			t.Errorf("zen %s does not say where the key is:\n%s", args, out)
		}
	}
	h.zenOK("daemon", "restart")
	if got := h.secretOf("known.example"); got != "the-secret" {
		t.Errorf("after zen daemon restart the secret is %q", got)
	}
	h.killZend()
	h.unknownIsNotFound()
	h.knownIsAnError("key")
	h.storeSecret("known.example", "alice", "the-new-secret")
	if got := h.secretOf("known.example"); got != "the-new-secret" {
		t.Errorf("in the new vault the secret is %q", got)
	}
}
