//go:build e2e && linux

package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// snapshot is the content of every file below a directory of the home.
func (h *home) snapshot(below string) map[string]string {
	h.t.Helper()
	files := map[string]string{}
	h.check(filepath.WalkDir(h.path(below), func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		files[path] = string(content)
		return err
	}))
	return files
}

func (h *home) unchanged(below string, before map[string]string) {
	h.t.Helper()
	after := h.snapshot(below)
	for path, content := range before {
		if after[path] != content {
			h.t.Errorf("%s was changed", path)
		}
	}
	for path := range after {
		if _, ok := before[path]; !ok {
			h.t.Errorf("%s is new", path)
		}
	}
}

// Input that makes no sense: an error on standard output for docker, exit status 1, and
// nothing is changed.
func TestHelperRefusesBadInput(t *testing.T) {
	h := newHome(t)
	h.storeSecret("known.example", "alice", "the-secret")
	before := h.snapshot(".local/share/zen")
	tests := []struct{ name, action, in string }{
		{"not JSON", "store", "hello"},
		{"half of it", "store", `{"ServerURL":"x.example","Username":"u","Sec`},
		{"nothing", "store", ""},
		{"an array", "store", `["x.example","u","s"]`},
		{"wrong types", "store", `{"ServerURL":1,"Username":"u","Secret":"s"}`},
		{"no server", "store", `{"Username":"u","Secret":"s"}`},
		{"no user name", "store", `{"ServerURL":"x.example","Secret":"s"}`},
		{"text after it", "store", `{"ServerURL":"x.example","Username":"u","Secret":"s"} {}`},
		{"deep", "store", strings.Repeat("[", 100000)},
		{
			"2 MiB of JSON",
			"store",
			`{"ServerURL":"x.example","Username":"u","Secret":"` + strings.Repeat("s", 2<<20) + `"}`,
		},
		{"2 MiB of an address", "get", strings.Repeat("a", 2<<20)},
		{"2 MiB to erase", "erase", strings.Repeat("a", 2<<20)},
		{"nothing to get", "get", ""},
		{"a line break", "get", "known.example\nother.example"},
		{"a carriage return", "get", "known.example\r\nHost: other.example"},
		{"an escape sequence", "get", "known.example\x1b[2J"},
		{"a NUL", "get", "known.example\x00"},
		{"a NUL to erase", "erase", "known.example\x00"},
		{
			"control characters to store",
			"store",
			`{"ServerURL":"known.example\u001b[2J","Username":"u","Secret":"s"}`,
		},
		{"a password in the address", "get", "https://user:pw@known.example/"},
		{"invalid UTF-8", "get", "known\xff.example"},
		{"a path traversal", "get", "https://known.example/../../etc/passwd"},
		{"unknown action", "steal", "known.example"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := execute(t, h.command("docker-credential-zen", tt.action), tt.in)
			if r.code != 1 || strings.TrimSpace(r.stdout+r.stderr) == "" {
				t.Errorf("not refused with a message:\n%.2000s", r)
			}
			if strings.ContainsAny(r.stdout+r.stderr, "\x1b\x00\r") || len(r.stdout)+len(r.stderr) > 4096 {
				t.Errorf("the message repeats the input as it is: %.300q", r.stdout+r.stderr)
			}
			h.unchanged(".local/share/zen", before)
		})
	}
	if got := h.secretOf("known.example"); got != "the-secret" {
		t.Errorf("after bad input the secret is %q", got)
	}
}

// zen's own arguments.
func TestCommandLineRefusesBadInput(t *testing.T) {
	h := newHome(t)
	h.storeSecret("known.example", "alice", "the-secret")
	before := h.snapshot(".local/share/zen")
	register := func(more ...string) []string {
		return append([]string{"service-connector", "register"}, more...)
	}
	tests := []struct {
		name string
		args []string
		code int
		text string
	}{
		{"unknown command", []string{"frobnicate"}, 2, "frobnicate"},
		{"unknown option", []string{"status", "--frobnicate"}, 2, "frobnicate"},
		{"no name", register("--type", "docker"), 1, "name"},
		{"unknown type", register("x", "--type", "nonsense", "--no-verify"), 1, "nonsense"},
		{"no password", register("x", "--type", "docker", "--username=u"), 1, "password"},
		{
			"control characters in a registry",
			register("x", "--type", "docker", "--username=u", "--password-stdin", "--no-verify",
				"--registry=a\x1b[2Jb"),
			1,
			"",
		},
		{"unknown connector", []string{"service-connector", "login", "nobody"}, 1, "nobody"},
		{"not logged in", []string{"logout", "nobody.example"}, 3, "nobody.example"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := ""
			if strings.Contains(strings.Join(tt.args, " "), "--password-stdin") {
				in = "s3cret"
			}
			r := h.run(in, "zen", tt.args...)
			if r.code != tt.code || !strings.Contains(r.stderr, tt.text) || r.stdout != "" {
				t.Errorf("want exit %d and %q on standard error:\n%s", tt.code, tt.text, r)
			}
			if strings.Contains(r.stdout+r.stderr, "\x1b") {
				t.Errorf("control characters get through to the terminal: %q", r.stderr)
			}
			h.unchanged(".local/share/zen", before)
		})
	}
}

// Directories that cannot be written to. The user is an ordinary one: root may write
// everywhere.
func TestUnwritableDirectory(t *testing.T) {
	const store = `{"ServerURL":"new.example","Username":"bob","Secret":"s"}`
	h := newHomeFor(t, nobody)
	h.storeSecret("known.example", "alice", "the-secret")
	for _, dir := range []string{".local/share/zen", ".local/state/zen"} {
		t.Run(dir, func(t *testing.T) {
			h.killZend()
			h.check(os.Chmod(h.path(dir), 0o500))
			before := h.read(".local/share/zen/vault.json")
			if got := h.secretOf("known.example"); got != "the-secret" {
				t.Errorf("reading needs no writing, but the secret is %q", got)
			}
			if dir == ".local/share/zen" {
				r := h.helper("store", store)
				if r.code != 1 || !strings.Contains(r.stdout, "permission denied") ||
					!strings.Contains(r.stdout, dir) {
					t.Errorf("storing into an unwritable directory:\n%s", r)
				}
				if after := h.read(".local/share/zen/vault.json"); after != before {
					t.Error("the vault was changed")
				}
			}
			h.unknownIsNotFound()
			h.check(os.Chmod(h.path(dir), 0o700))
			h.storeSecret("new.example", "bob", "s")
		})
	}
	t.Run("home", func(t *testing.T) {
		fresh := newHomeFor(t, nobody)
		fresh.check(os.Chmod(fresh.dir, 0o500))
		r := fresh.helper("store", store)
		if r.code != 1 || !strings.Contains(r.stdout, fresh.path(".local/share/zen")) {
			t.Errorf("storing without a writable home:\n%s", r)
		}
		fresh.unknownIsNotFound()
		if r := fresh.zen("status"); !strings.Contains(r.stderr, "permission denied") {
			t.Errorf("zen status without a writable home:\n%s", r)
		}
		fresh.check(os.Chmod(fresh.dir, 0o700))
		fresh.storeSecret("new.example", "bob", "s")
	})
}

// vault changes the vault's file as an accident or an attacker would, while zend is down.
func (h *home) vault(change func(content string) string) (written string) {
	h.t.Helper()
	h.killZend()
	written = change(h.read(".local/share/zen/vault.json"))
	h.write(".local/share/zen/vault.json", written)
	return written
}

func TestDamagedVault(t *testing.T) {
	damages := map[string]func(string) string{
		"cut short": func(s string) string { return s[:len(s)/2] },
		"empty":     func(string) string { return "" },
		"one bit":   func(s string) string { i := len(s) / 2; return s[:i] + string(s[i]^1) + s[i+1:] },
		"zeros":     func(s string) string { return strings.Repeat("\x00", len(s)) },
		"something": func(string) string { return "{\"hello\":\"world\"}\n" },
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			h := newHome(t)
			h.storeSecret("known.example", "alice", "the-secret")
			h.storeSecret("second.example", "bob", "another")
			written := h.vault(damage)

			h.unknownIsNotFound()
			h.knownIsAnError("zen vault restore")
			if v := h.status().Vault; v.State != "damaged" || !strings.Contains(v.Hint, "zen vault restore") {
				t.Errorf("the damaged vault: %+v", v)
			}
			r := h.helper("store", `{"ServerURL":"new.example","Username":"bob","Secret":"s"}`)
			if r.code != 1 || !strings.Contains(r.stdout+r.stderr, "zen vault restore") {
				t.Errorf("storing into a damaged vault:\n%s", r)
			}
			if got := h.read(".local/share/zen/vault.json"); got != written {
				t.Error("the damaged vault was replaced")
			}

			h.zenOK("vault", "restore", "--yes")
			if got := h.secretOf("known.example"); got != "the-secret" {
				t.Errorf("after zen vault restore the secret is %q", got)
			}
			kept, _ := filepath.Glob(h.path(".local/share/zen/vault.json.damaged-*"))
			if len(kept) != 1 {
				t.Errorf("the damaged file is not kept: %q", kept)
			}
			h.storeSecret("third.example", "carol", "third")
		})
	}
}

// resealed is a vault's text with a checksum that fits: what somebody who knows the
// format can do without the key.
func resealed(t *testing.T, content string) string {
	t.Helper()
	const mark = `","sha256":"`
	i := strings.LastIndex(content, mark)
	if i < 0 {
		t.Fatal("the vault has no checksum where it should be")
	}
	body := content[:i+len(mark)]
	sum := sha256.Sum256([]byte(body))
	return body + hex.EncodeToString(sum[:]) + "\"}}\n"
}

// Who can write the file, but has no key, cannot point a credential to a host of his own.
func TestForgedVault(t *testing.T) {
	h := newHome(t)
	h.storeSecret("known.example", "alice", "the-secret")
	h.storeSecret("second.example", "bob", "another")
	h.vault(func(s string) string {
		forged := strings.ReplaceAll(s, "known.example", "knowm.example")
		if forged == s {
			t.Fatal("the vault does not name the host")
		}
		return resealed(t, forged)
	})
	for _, host := range []string{"knowm.example", "known.example"} {
		if r := h.helper("get", host); r.code != 1 || strings.Contains(r.stdout, "the-secret") {
			t.Errorf("a forged vault is believed:\n%s", r)
		}
	}
	h.zenOK("vault", "restore", "--yes")
	if got := h.secretOf("known.example"); got != "the-secret" {
		t.Errorf("after zen vault restore the secret is %q", got)
	}
}

func TestVaultOfANewerZen(t *testing.T) {
	h := newHome(t)
	h.storeSecret("known.example", "alice", "the-secret")
	original := h.read(".local/share/zen/vault.json")
	written := h.vault(func(s string) string {
		newer := strings.Replace(s, `{"format":1,`, `{"format":2,`, 1)
		if newer == s {
			t.Fatal("the vault does not begin with its format")
		}
		return resealed(t, newer)
	})
	h.unknownIsNotFound()
	h.knownIsAnError("newer")
	if v := h.status().Vault; v.State != "too new" || v.Problem == "" {
		t.Errorf("the vault of a newer zen: %+v", v)
	}
	r := h.helper("store", `{"ServerURL":"new.example","Username":"bob","Secret":"s"}`)
	if r.code != 1 || !strings.Contains(r.stdout, "newer") {
		t.Errorf("storing into a newer vault:\n%s", r)
	}
	if r := h.zen("vault", "restore", "--yes"); r.code != 1 {
		t.Errorf("restoring a newer vault, which is not damaged:\n%s", r)
	}
	if got := h.read(".local/share/zen/vault.json"); got != written {
		t.Error("the newer vault was replaced")
	}
	h.vault(func(string) string { return original })
	if got := h.secretOf("known.example"); got != "the-secret" {
		t.Errorf("with the newer zen back the secret is %q", got)
	}
}

// While config.toml cannot be read, rules in it could forbid anything: zend hands out nothing, says why,
// and goes on when the file is corrected.
func TestBrokenConfig(t *testing.T) {
	h := newHome(t)
	h.storeSecret("known.example", "alice", "the-secret")
	h.zenOK("daemon", "stop")
	h.write(".config/zen/config.toml", "idle_exit = [what\n")
	r := h.run("known.example", "docker-credential-zen", "get")
	if r.code == 0 || !strings.Contains(r.stdout, "config.toml, line 1") ||
		!strings.Contains(r.stderr, "zen doctor settings") {
		t.Errorf("with rules that cannot be read:\n%s", r)
	}
	unknown := h.run("unknown.example", "docker-credential-zen", "get")
	if !strings.Contains(unknown.stdout, "not found") {
		t.Errorf("an unknown host:\n%s", unknown)
	}
	notices, err := json.Marshal(h.status().Notices)
	h.check(err)
	if !strings.Contains(string(notices), "config.toml") {
		t.Errorf("zen status does not tell of the broken config.toml: %s", notices)
	}
	h.write(".config/zen/config.toml", "")
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if r = h.run("known.example", "docker-credential-zen", "get"); r.code == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("after the file was corrected:\n%s", r)
		}
	}
}
