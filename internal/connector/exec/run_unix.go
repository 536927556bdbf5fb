//go:build unix

package exec

import (
	"errors"
	"io/fs"
	"os"
	osexec "os/exec"
	"syscall"
)

// ownGroup makes the program the leader of a process group, so that what it starts can be found again. A controlling
// terminal is of no use to it: zend has none.
func ownGroup(cmd *osexec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

// killGroup ends what the program left behind. The group has the number of a process that was just waited for, which no
// other process gets so soon.
func killGroup(cmd *osexec.Cmd) {
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // mostly there is nobody left
}

// checkOwner refuses a file that somebody else may change.
func checkOwner(info fs.FileInfo) error {
	if info.Mode()&0o002 != 0 {
		return errors.New("everybody may change it")
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != 0 && int(st.Uid) != os.Geteuid() {
		return errors.New("it belongs to another user")
	}
	return nil
}
