//go:build e2e && linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// programs is the directory with zend, zen and docker-credential-zen, as make install
// lays them out. Everybody may read it.
var programs string

// shared are the parts of the rig that all tests use; TestMain ends them.
var shared rig

func TestMain(m *testing.M) {
	if path := os.Getenv(impostorVariable); path != "" {
		os.Exit(impostor(path))
	}
	os.Exit(runAll(m))
}

func runAll(m *testing.M) int {
	if os.Geteuid() != 0 {
		fmt.Fprintln(os.Stderr, "the end-to-end tests start an engine and other users' processes: run "+
			"them as root")
		return 1
	}
	dir, err := os.MkdirTemp("/tmp", "zen-e2e-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	shared.dir = dir
	programs = filepath.Join(dir, "bin")
	if err := install(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	shared.stop()
	if left := processesOf(dir); len(left) > 0 {
		fmt.Fprintf(os.Stderr, "left running:\n%s\n", strings.Join(left, "\n"))
		return 1
	}
	return code
}

// install builds the programs the way users get them.
func install(prefix string) error {
	if os.Getenv("RIGONLY") != "" {
		return nil
	}
	cmd := exec.Command("make", "install", "PREFIX="+prefix)
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("make install: %w\n%s", err, out)
	}
	return nil
}
