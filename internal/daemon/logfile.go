package daemon

import (
	"log/slog"
	"os"

	"github.com/zen-agent/zen/internal/paths"
)

// maxLog is the size in bytes at which a log file is set aside as zend.log.1 when zend
// starts.
const maxLog = 4 << 20

// openLog sends the log to standard error in the foreground and under a service manager,
// else to the log file. A full or read-only disk, or a log that cannot be set aside, must
// not keep zend from answering.
func (d *daemon) openLog() (closeLog func() error) {
	opt := &slog.HandlerOptions{Level: d.level}
	nothing := func() error { return nil }
	if !d.opt.OnDemand {
		d.log = slog.New(slog.NewTextHandler(d.opt.Stderr, opt))
		return nothing
	}
	path := d.dirs.Log()
	if fi, err := os.Lstat(path); err == nil && fi.Size() > maxLog {
		_ = paths.Rename(path, path+".1")
	}
	fd, err := paths.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY)
	if err != nil {
		d.log = slog.New(slog.DiscardHandler)
		return nothing
	}
	f := os.NewFile(uintptr(fd), path)
	d.log, d.logFile = slog.New(slog.NewTextHandler(f, opt)), path
	return f.Close
}
