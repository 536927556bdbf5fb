//go:build e2e_packages

package packages

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// release makes a release for this platform, signed with a key that is made for the test.
func release(t *testing.T, key, address string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "release")
	cmd := exec.CommandContext(t.Context(), "sh", "tools/release.sh")
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "OUT="+out, "VERSION="+newZen, "MTIME=2026-01-01T00:00:00Z",
		"PLATFORMS=linux/amd64", "ARCHES=amd64", "ADDRESS="+address, "KEY="+key,
		"PROGRAMS=zend zen docker-credential-zen", "LDFLAGS=-s -w -X "+module+"/internal/api.Version="+newZen)
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("tools/release.sh: %v\n%s", err, b)
	}
	return out
}

func newKey(t *testing.T) string {
	t.Helper()
	key := filepath.Join(t.TempDir(), "key")
	run(t, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", key)
	return key
}

// machine is an empty home in which install.sh is run.
type machine struct {
	t    *testing.T
	home string
}

func newMachine(t *testing.T) machine {
	m := machine{t, t.TempDir()}
	t.Cleanup(func() { m.do(m.home+"/.local/bin/zen", "daemon", "stop") })
	return m
}

func (m machine) do(words ...string) (string, error) {
	cmd := exec.CommandContext(context.Background(), words[0], words[1:]...)
	cmd.Env = []string{"HOME=" + m.home, "PATH=/usr/bin:/bin", "LANG=C.UTF-8"}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

func (m machine) ok(words ...string) string {
	m.t.Helper()
	out, err := m.do(words...)
	if err != nil {
		m.t.Fatalf("%s: %v\n%s", strings.Join(words, " "), err, out)
	}
	return out
}

func (m machine) installed() bool {
	_, err := os.Stat(m.home + "/.local/bin/zend")
	return err == nil
}

// TestInstallScript installs a release that is served on loopback, runs it, and removes
// it again.
func TestInstallScript(t *testing.T) {
	var dir string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.FileServerFS(os.DirFS(dir)).ServeHTTP(w, r)
	}))
	defer server.Close()
	key := newKey(t)
	dir = release(t, key, server.URL)
	script := filepath.Join(dir, "install.sh")

	m := newMachine(t)
	out := m.ok("sh", script)
	for _, want := range []string{"Verified the signature and the checksum", "is not on your " +
		"PATH", "zen setup docker"} {
		if !strings.Contains(out, want) {
			t.Errorf("install.sh does not say %q:\n%s", want, out)
		}
	}
	zen := m.home + "/.local/bin/zen"
	m.ok("sh", "-c", `printf '%s' '`+stillSays+`' | "$HOME"/.local/bin/docker-credential-zen store`)
	if got := strings.Fields(m.ok(zen, "version")); strings.Join(got, " ") != "zen "+newZen+" zend "+newZen {
		t.Errorf("zen version: %q", got)
	}
	m.ok("sh", script) // over itself, while zend runs
	if out := m.ok("sh", script, "--uninstall"); !strings.Contains(out, "Your vault and settings "+
		"stay") || m.installed() {
		t.Errorf("after --uninstall:\n%s", out)
	}
	if _, err := os.Stat(m.home + "/.local/share/zen/vault.json"); err != nil {
		t.Errorf("the vault is gone: %v", err)
	}

	t.Run("refuses what was changed", func(t *testing.T) { refusals(t, &dir, script) })
	t.Run("same bytes again", func(t *testing.T) {
		first, second := read(
			t,
			dir+"/SHA256SUMS.sig",
		), read(
			t,
			release(t, key, server.URL)+"/SHA256SUMS.sig",
		)
		if first != second {
			t.Error("two releases of one commit differ")
		}
	})
}

// refusals serves releases that somebody changed on the way.
func refusals(t *testing.T, dir *string, script string) {
	good := *dir
	defer func() { *dir = good }()
	archive := "zen_" + newZen + "_linux_amd64.tar.gz"
	other := newKey(t)
	tests := map[string]struct {
		change func(dir string)
		says   string
	}{
		"another archive": {func(dir string) { spoil(t, dir+"/"+archive) }, "checksum"},
		"other checksums": {func(dir string) { spoil(t, dir+"/SHA256SUMS") }, "signature"},
		"no signature":    {func(dir string) { remove(t, dir+"/SHA256SUMS.sig") }, "cannot download"},
		"another's signature": {func(dir string) {
			remove(t, dir+"/SHA256SUMS.sig")
			run(t, "ssh-keygen", "-q", "-Y", "sign", "-f", other, "-n", "zen-release", dir+"/SHA256SUMS")
		}, "signature"},
		"an archive that is not in the checksums": {
			func(dir string) { remove(t, dir+"/"+archive) },
			"cannot download",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			*dir = filepath.Join(t.TempDir(), "release")
			run(t, "cp", "-r", good, *dir)
			test.change(*dir)
			m := newMachine(t)
			if out, err := m.do("sh", script); err == nil || !strings.Contains(out, test.says) ||
				m.installed() {
				t.Errorf("install.sh: %v\n%s", err, out)
			}
		})
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func spoil(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(read(t, path)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}
