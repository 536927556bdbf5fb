//go:build unix

package logins

import (
	"os/exec"
	"syscall"
)

// ownGroup makes the helper the leader of a process group, so that what it starts ends
// with it.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

// killGroup ends what the helper left behind in its group; agents that are meant to stay
// leave it.
func killGroup(cmd *exec.Cmd) {
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // nothing may be left
}
