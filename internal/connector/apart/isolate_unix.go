//go:build unix

package apart

import (
	"os/exec"
	"syscall"
)

// isolate gives the child a process group of its own, so that its end reaches what it started and a terminal's signals do not
// reach it.
func isolate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

// kill ends the child, which must not have been waited for: until then its number is nobody else's.
func kill(cmd *exec.Cmd) { _ = cmd.Cancel() }
