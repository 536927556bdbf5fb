package paths

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestElsewhere(t *testing.T) {
	home, run := t.TempDir(), t.TempDir()
	if err := os.Chmod(run, 0o700); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"HOME": home, "XDG_RUNTIME_DIR": run}
	getenv := func(name string) string { return env[name] }
	own := filepath.Join(run, "zen", "zend.sock")
	cached := filepath.Join(home, cacheDir, "run", "zend.sock")
	uid := os.Geteuid()

	here := Dirs{Runtime: filepath.Join(run, "zen")}
	if got := here.Elsewhere(getenv, uid); slices.Contains(got, own) ||
		len(cached) <= MaxSocketPath && !slices.Contains(got, cached) {
		t.Errorf("with the system's directory: %q", got)
	}
	other := Dirs{Runtime: "/elsewhere"} // ZEN_SOCKET
	if got := other.Elsewhere(getenv, uid); len(own) <= MaxSocketPath && !slices.Contains(got, own) {
		t.Errorf("with a socket of its own: %q", got)
	}
	if err := os.Chmod(run, 0o777); err != nil {
		t.Fatal(err)
	}
	if got := other.Elsewhere(getenv, uid); slices.Contains(got, own) {
		t.Errorf("in a directory that nobody would use: %q", got)
	}
	if got := other.Elsewhere(getenv, 4711); runtimeIsXDG &&
		!slices.Contains(got, "/run/user/4711/zen/zend.sock") {
		t.Errorf("in the system's directory: %q", got)
	}
}
