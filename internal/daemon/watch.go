package daemon

import (
	"context"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/zen-agent/zen/internal/broker"
	"github.com/zen-agent/zen/internal/config"
)

// watchConfig obeys an edited config.toml; a broken one is reported and the old settings stay.
func (d *daemon) watchConfig(ctx context.Context) {
	err := config.Watch(ctx, d.dirs.ConfigFile(), func(cfg config.Config, err error) {
		if err != nil {
			d.log.Warn("Kept the old settings: config.toml is broken", "error", err)
			d.setConfigError(err)
			return
		}
		d.apply(cfg)
		d.log.Info("Took over the edited config.toml")
	})
	if err != nil && ctx.Err() == nil {
		d.log.Warn("Cannot watch config.toml", "error", err)
	}
}

func (d *daemon) setConfigError(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cfgErr = err
}

// apply makes settings effective.
func (d *daemon) apply(cfg config.Config) {
	d.mu.Lock()
	d.cfg, d.cfgErr = cfg, nil
	d.mu.Unlock()
	var level slog.Level
	if level.UnmarshalText([]byte(cfg.LogLevel)) == nil {
		d.level.Set(level)
	}
	d.broker.SetSettings(broker.Settings{ListPolicy: string(cfg.List), LoginTTL: time.Duration(cfg.LoginTTL)})
	d.parts.apply(cfg)
}

// watchSocket ends zend when its socket was removed or replaced: nobody can reach it any more, and whoever took the place
// is the daemon now.
func (d *daemon) watchSocket(ctx context.Context) {
	if d.ln.IsActivated() {
		return // the socket is the service manager's
	}
	w, err := fsnotify.NewWatcher()
	if err != nil {
		d.log.Warn("Cannot watch the socket", "error", err)
		return
	}
	defer w.Close()
	if err := w.Add(filepath.Dir(d.ln.Path())); err != nil {
		d.log.Warn("Cannot watch the socket", "error", err)
		return
	}
	for d.ln.Owned() {
		select {
		case <-ctx.Done():
			return
		case <-w.Events:
		case err := <-w.Errors:
			d.log.Warn("Watching the socket", "error", err)
		}
	}
	d.stop(errReplaced)
}

// watchIdle ends zend when nothing was asked for as long as configured, unless that would lose something, and locks the
// vault when the configuration wants that. It sleeps until the next moment that matters: an idle zend does not wake up.
func (d *daemon) watchIdle(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.parts.settingsChanged:
		case <-timer.C:
		}
		next := d.idleStep(time.Now())
		timer.Stop()
		if next > 0 {
			timer.Reset(next)
		}
	}
}

// idleStep does what is due and returns how long nothing will be; 0 is until the settings change.
func (d *daemon) idleStep(now time.Time) (next time.Duration) {
	cfg := d.config()
	if limit := time.Duration(cfg.AutoLock); limit > 0 {
		left := limit - now.Sub(d.lastUse())
		if left <= 0 {
			d.autoLock()
			left = limit
		}
		next = left
	}
	if limit := time.Duration(cfg.IdleExit); limit > 0 && !d.ln.IsActivated() {
		left := limit - now.Sub(d.srv.LastActivity())
		if left <= 0 && !d.losesByExit() {
			d.stop(errIdle)
			return 0
		}
		if left <= 0 {
			left = limit
		}
		if next == 0 || left < next {
			next = left
		}
	}
	return next
}

func (d *daemon) lastUse() time.Time {
	if t := d.broker.LastUse(); t.After(d.started) {
		return t
	}
	return d.started
}

func (d *daemon) autoLock() {
	if d.broker.VaultStatus().State != "unlocked" {
		return
	}
	if err := d.broker.Lock(broker.Caller{}); err != nil {
		d.log.Warn("Cannot lock the vault after idle time", "error", err)
		return
	}
	d.log.Info("Locked the vault after idle time")
}

// losesByExit reports whether the vault's key lives in this process only.
func (d *daemon) losesByExit() bool {
	v := d.broker.VaultStatus()
	for _, s := range v.Slots {
		if s.Kind != "memory" {
			return false
		}
	}
	return len(v.Slots) > 0
}
