//go:build unix

package daemon

import (
	"fmt"
	"os"
	"syscall"

	"github.com/zen-agent/zen/internal/execsafe"
)

// reexec executes the installed zend in place of this one, after requests in flight were
// answered. The listening socket stays open and is handed over as a service manager
// would, so that clients which connect meanwhile wait instead of failing; so are the keys
// of a vault that lives in memory only.
func (d *daemon) reexec() error {
	if err := d.parts.close(); err != nil {
		d.log.Warn("Closing the vault", "error", err)
	}
	if err := d.parts.memory.handOver(); err != nil {
		return fmt.Errorf("keeping the vault's key: %w", err)
	}
	if err := d.ln.KeepForExec(); err != nil {
		return fmt.Errorf("keeping the socket open: %w", err)
	}
	// What lies at the path now was not looked at when this zend was started.
	program, err := execsafe.Resolve(d.opt.Executable)
	if err != nil {
		return err
	}
	args := []string{program}
	if d.opt.OnDemand {
		args = append(args, "--on-demand")
	}
	d.log.Info("Executing the installed zend", "path", program)
	err = syscall.Exec(program, args, os.Environ())
	return fmt.Errorf("executing %s: %w", program, err)
}
