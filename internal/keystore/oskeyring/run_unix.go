//go:build unix

package oskeyring

import (
	"os/exec"
	"syscall"
)

// isolate gives the child a process group of its own, so that kill reaches what it starts and a terminal's signals do not
// reach it.
func isolate(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func kill(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
