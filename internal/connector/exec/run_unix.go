//go:build unix

package exec

import (
	osexec "os/exec"
	"syscall"
)

// ownGroup makes the program the leader of a process group, so that what it starts can be
// found again. A controlling terminal is of no use to it: zend has none.
func ownGroup(cmd *osexec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

// killGroup ends what the program left behind. The group has the number of a process that
// was just waited for, which no other process gets so soon.
func killGroup(cmd *osexec.Cmd) {
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // mostly there is nobody left
}
