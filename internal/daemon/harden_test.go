//go:build unix

package daemon

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// showHardening prints how this process is hardened.
func showHardening() {
	var core unix.Rlimit
	_ = unix.Getrlimit(unix.RLIMIT_CORE, &core)
	fmt.Printf("dumpable %s, core %d %d, umask %03o\n", dumpable(), core.Cur, core.Max, unix.Umask(0))
}

func TestHardening(t *testing.T) {
	t.Setenv(roleVariable, "harden")
	out, err := exec.Command(os.Args[0]).Output()
	want := fmt.Sprintf("dumpable %s, core 0 0, umask 077", notDumpable)
	if got := strings.TrimSpace(string(out)); err != nil || got != want {
		t.Errorf("%q, want %q: %v", got, want, err)
	}
}
