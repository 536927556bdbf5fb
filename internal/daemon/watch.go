package daemon

import (
	"context"
	"log/slog"
	"time"

	"github.com/zen-agent/zen/internal/broker/state"
	"github.com/zen-agent/zen/internal/config"
	"github.com/zen-agent/zen/internal/filewatch"
	"github.com/zen-agent/zen/internal/keystore"
)

// watchConfig obeys an edited config.toml; a broken one is reported and the old settings
// stay. If there are none, since it has been broken from the start, zend goes on handing
// out nothing.
func (d *daemon) watchConfig(ctx context.Context) {
	err := config.Watch(ctx, d.dirs.ConfigFile(), func(cfg config.Config, err error) {
		if err != nil {
			d.setConfigError(err)
			if d.parts.gate.Refusal() != nil {
				d.parts.gate.Refuse(err)
				return
			}
			d.log.Warn("Kept the old settings: config.toml is broken", "error", err)
			return
		}
		edited := !cfg.Equal(d.config()) || d.parts.gate.Refusal() != nil
		d.apply(cfg)
		if edited {
			d.log.Info("Took over the edited config.toml")
		}
	})
	if err != nil && ctx.Err() == nil {
		d.log.Warn("Cannot watch config.toml", "error", err)
		d.parts.note("an edited config.toml is not noticed: "+err.Error(), "zen daemon restart, after "+
			"editing it")
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
	d.broker.SetSettings(state.Settings{
		ListPolicy: string(
			cfg.List,
		), LoginTTL: time.Duration(cfg.LoginTTL), AutoLock: time.Duration(cfg.AutoLock),
		Misses: cfg.Misses,
	})
	d.parts.apply(cfg)
}

// How often the socket's name is looked at when the system cannot tell of changes, and
// how soon when it can.
const (
	socketPoll   = 30 * time.Second
	socketSettle = time.Millisecond
)

// watchSocket ends zend when its socket was removed or replaced: nobody can reach it any
// more, and whoever took the place is the daemon now.
func (d *daemon) watchSocket(ctx context.Context) {
	if d.ln.IsActivated() {
		return // the socket is the service manager's
	}
	watching, lost := context.WithCancel(ctx)
	defer lost()
	err := filewatch.Watch{
		Paths:  func() []string { return []string{d.ln.Path()} },
		Settle: socketSettle,
		Look: func(context.Context) time.Duration {
			if !d.ln.Owned() {
				lost()
			}
			return 0
		},
	}.Run(watching)
	if watching.Err() == nil {
		d.log.Warn("Cannot watch the socket; looking at it from time to time", "error", err)
		d.pollSocket(ctx)
	}
	if ctx.Err() == nil {
		d.stop(errReplaced)
	}
}

// pollSocket returns when the socket was removed or replaced, or ctx ends.
func (d *daemon) pollSocket(ctx context.Context) {
	ticker := time.NewTicker(socketPoll)
	defer ticker.Stop()
	for d.ln.Owned() {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// watchIdle ends zend when nothing was asked for as long as configured, unless that would
// lose something, and locks the vault when the configuration wants that. It sleeps until
// the next moment that matters: an idle zend does not wake up.
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

// idleStep does what is due and returns how long nothing will be; 0 is until the settings
// change.
func (d *daemon) idleStep(now time.Time) (next time.Duration) {
	cfg := d.config()
	if limit := time.Duration(cfg.AutoLock); limit > 0 {
		next = d.lockStep(now, limit)
	}
	if limit := time.Duration(cfg.IdleExit); limit > 0 {
		left := d.exitStep(now, limit)
		if next == 0 || left < next {
			next = left
		}
	}
	return next
}

// lockStep locks the vault if it was not used for the limit, and returns when to look
// again.
func (d *daemon) lockStep(now time.Time, limit time.Duration) time.Duration {
	locked, err := d.broker.Keys.LockIfIdle(now)
	if err != nil {
		d.log.Warn("Cannot lock the vault after idle time", "error", err)
	}
	if locked {
		d.log.Info("Locked the vault after idle time")
	}
	if left := limit - now.Sub(d.broker.LastUse()); left > 0 {
		return left
	}
	return limit // whoever unlocks it uses it, which puts the next lock at least this far off
}

// stayCheck is how often a zend that must not end looks whether it may, when it is idle.
const stayCheck = time.Minute

// exitStep ends zend if nothing was asked of it for the limit, and returns when to look
// again.
func (d *daemon) exitStep(now time.Time, limit time.Duration) time.Duration {
	last := d.started
	if t := d.srv.LastActivity(); t.After(last) {
		last = t
	}
	left := limit - now.Sub(last)
	switch {
	case left > 0:
		return left
	case d.losesByExit():
		return max(limit, stayCheck)
	}
	d.stop(errIdle)
	return stayCheck
}

// losesByExit reports whether the vault's key lives in this process only.
func (d *daemon) losesByExit() bool {
	v := d.broker.Keys.VaultStatus()
	for _, s := range v.Slots {
		if s.Kind != keystore.KindMemory {
			return false
		}
	}
	return len(v.Slots) > 0
}
