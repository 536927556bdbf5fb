package cli

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A zend that was stopped answers nobody, and no command waits for it for minutes.
func TestStoppedZend(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	for _, args := range []string{"status", "service-connector list"} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], strings.Fields(args)...)
			cmd.Env = []string{
				playVariable + "=1", "HOME=" + dir, "ZEN_SOCKET=" + socket, "PATH=/usr/bin:/bin",
				"GORACE=atexit_sleep_ms=0",
			}
			begin := time.Now()
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "zend did not answer in time") {
				t.Errorf("%v: %s", err, out)
			}
			if took := time.Since(begin); took > time.Minute {
				t.Errorf("it took %v", took)
			}
		})
	}
}
