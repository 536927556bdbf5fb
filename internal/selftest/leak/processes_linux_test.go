package leak

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zen-agent/zen/internal/credential"
)

// A /proc of our own, since a real process with a secret in its arguments would show it
// to the whole machine.
func TestWatcherSeesArgumentsAndEnvironment(t *testing.T) {
	proc := t.TempDir()
	for path, content := range map[string]string{
		"10/cmdline": "docker\x00login\x00-p\x00" + planted, "10/environ": "A=b",
		"11/cmdline": "true", "11/environ": "SECRET=" + planted,
		"12/cmdline": "clean", "12/environ": "A=b",
		"self/cmdline": planted,
	} {
		file := filepath.Join(proc, path)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w := &Watcher{
		needles: NeedlesOf(credential.SecretString(planted)),
		proc:    proc,
		uid:     uint32(os.Getuid()),
		seen:    map[string]bool{},
	}
	got := w.Look()
	if got.Processes != 3 {
		t.Errorf("looked at %d processes, want 3", got.Processes)
	}
	leaks := strings.Join(got.Leaks, " ")
	if len(got.Leaks) != 2 || !strings.Contains(leaks, "10/cmdline") ||
		!strings.Contains(leaks, "11/environ") {
		t.Errorf("leaks: %s", leaks)
	}
}
