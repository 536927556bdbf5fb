package daemon

import (
	"fmt"
	"log/slog"
	"os"
)

// maxLog is the size in bytes at which a log file is set aside as zend.log.1 when zend starts.
const maxLog = 4 << 20

// openLog sends the log to standard error in the foreground and under a service manager, else to the log file.
func (d *daemon) openLog() (closeLog func() error, err error) {
	opt := &slog.HandlerOptions{Level: d.level}
	if !d.opt.OnDemand {
		d.log = slog.New(slog.NewTextHandler(d.opt.Stderr, opt))
		return func() error { return nil }, nil
	}
	path := d.dirs.Log()
	if fi, err := os.Stat(path); err == nil && fi.Size() > maxLog {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, fmt.Errorf("setting the old log aside: %w", err)
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		// A full or read-only disk must not keep zend from answering.
		d.log = slog.New(slog.DiscardHandler)
		return func() error { return nil }, nil
	}
	d.log = slog.New(slog.NewTextHandler(f, opt))
	return f.Close, nil
}
