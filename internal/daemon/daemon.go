package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/broker"
	"github.com/zen-agent/zen/internal/config"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/execsafe"
	"github.com/zen-agent/zen/internal/harden"
	"github.com/zen-agent/zen/internal/ipc/server"
	"github.com/zen-agent/zen/internal/keystore"
	"github.com/zen-agent/zen/internal/paths"
)

// Options are what the command line decides.
type Options struct {
	OnDemand   bool      // started by a client: log to the file, tell readiness through the pipe
	Stderr     io.Writer // where a foreground zend logs
	Executable string    // absolute path of zend itself, for the guarded keyring child and for restart

	// Keyrings are the key slots that outlive zend, in order of preference for a new
	// vault; its memory comes last. Nil means those of this system: the OS keyring and
	// the kernel's.
	Keyrings []keystore.KeySlot
}

// gcPercent, once it serves, keeps the heap of a process that mostly idles small: 2 MB
// less than with the default, at no measurable cost.
const gcPercent = 50

// softMemory is how much memory, in bytes, zend takes before it rather spends time on
// collecting garbage: large answers to many clients at once leave a lot of it.
const softMemory = 96 << 20

// errRestart asks Run's caller to execute zend again in place; the listening socket stays
// open for the new one.
var errRestart = errors.New("restart requested")

// daemon is one running zend.
type daemon struct {
	opt     Options
	dirs    paths.Dirs
	started time.Time
	log     *slog.Logger
	level   *slog.LevelVar
	logFile string // "" when it logs to standard error
	ln      *server.Listener
	srv     *server.Server
	broker  *broker.Broker
	parts   *parts
	stop    context.CancelCauseFunc

	mu     sync.Mutex
	cfg    config.Config
	cfgErr error
}

// Run serves until ctx ends, a client asks for it, zend is idle for as long as
// configured, or its socket was replaced. A nil error is a clean end.
func Run(ctx context.Context, opt Options) (err error) {
	keepPrivate()
	// until it serves: a third of the time that it takes to load many logins, and there
	// is little garbage
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(softMemory)
	ready := server.InheritedReady()
	defer func() { ready.Failed(err) }()
	dirs, err := paths.Find()
	if err != nil {
		return err
	}
	if err := paths.SecureDir(dirs.Runtime); err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	d := &daemon{opt: opt, dirs: dirs, started: time.Now(), stop: stop, level: new(slog.LevelVar)}
	unfit := unfitDirs(dirs)
	closeLog := d.openLog()
	defer func() { _ = closeLog() }()
	if d.ln, err = listen(dirs); err != nil {
		return err
	}
	defer d.ln.Close()
	if err := d.build(); err != nil {
		return err
	}
	defer func() { _ = d.parts.close() }()
	debug.SetGCPercent(gcPercent)
	d.tellOf(unfit)
	err = d.serve(ctx, ready)
	if errors.Is(err, errRestart) {
		return d.reexec()
	}
	return err
}

// listen takes the socket systemd passed, or binds zen's own.
func listen(dirs paths.Dirs) (*server.Listener, error) {
	socket, err := dirs.Socket()
	if err != nil {
		return nil, err
	}
	ln, err := server.Activated(socket, dirs.Lock())
	if ln != nil || err != nil {
		return ln, err
	}
	return server.Listen(socket, dirs.Lock())
}

// unfitDirs returns what is wrong with the directories of the vault and the logs. zend
// starts all the same: nothing is read from them or written to them, and hosts that
// nobody logged in to have to be answered all the same. The socket's directory is another
// matter.
func unfitDirs(dirs paths.Dirs) (list []error) {
	for _, dir := range []string{dirs.Data, dirs.State} {
		if err := paths.MakeDir(dir); err != nil {
			list = append(list, err)
		}
	}
	return list
}

// tellOf makes notices of directories that are unfit, and of those that were asked for
// and are not used.
func (d *daemon) tellOf(unfit []error) {
	for _, err := range unfit {
		hint := ""
		if e, ok := errors.AsType[*credential.Error](err); ok {
			hint = e.HintText()
		}
		d.parts.note(err.Error(), hint)
		d.log.Warn("A directory is unfit", "error", err)
	}
	for _, f := range d.dirs.Fallbacks {
		d.log.Info(
			"Using another directory",
			"variable",
			f.Variable,
			"wanted",
			f.Wanted,
			"used",
			f.Used,
			"why",
			f.Why,
		)
		if f.Wanted != "" {
			d.parts.note(
				fmt.Sprintf("%s %s (%s); %s is used instead", f.Variable, f.Why, f.Wanted, f.Used),
				"",
			)
		}
	}
}

// serve runs the server and the watchers until one of them ends the daemon; errRestart
// means that it is to be executed again.
func (d *daemon) serve(ctx context.Context, ready *server.Ready) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var watchers sync.WaitGroup
	defer watchers.Wait()
	defer cancel()
	watchers.Go(func() { d.watchConfig(ctx) })
	watchers.Go(func() { d.watchSocket(ctx) })
	watchers.Go(func() { d.watchIdle(ctx) })
	watchers.Go(func() { d.parts.guard.Run(ctx) })
	watchers.Go(d.broker.WriteIndex)
	d.log.Info(
		"Serving",
		"version",
		api.Version,
		"pid",
		os.Getpid(),
		"socket",
		d.ln.Path(),
		"activation",
		d.activation(),
	)
	ready.Done()
	err := d.srv.Serve(ctx, d.ln)
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("serving %s: %w", d.ln.Path(), err)
	}
	cause := context.Cause(ctx)
	d.log.Info("Stopped", "why", reasonText(cause))
	if errors.Is(cause, errRestart) {
		return errRestart
	}
	return nil
}

// Why a zend ends without being told to by a signal.
var (
	errIdle     = errors.New("idle")
	errReplaced = errors.New("socket replaced")
	errAsked    = errors.New("asked to by a client")
)

func reasonText(cause error) string {
	if cause == nil || errors.Is(cause, context.Canceled) {
		return "signal"
	}
	return cause.Error()
}

func (d *daemon) activation() string {
	switch {
	case d.ln.IsActivated():
		return "socket activation"
	case d.opt.OnDemand:
		return "on demand"
	}
	return "foreground"
}

func (d *daemon) config() config.Config {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.cfg
}

func (d *daemon) status(ctx context.Context, _ server.Peer, req api.StatusRequest) (api.Status, error) {
	cfg := d.config()
	logins, err := d.broker.Sessions.Logins(ctx, access.Caller{Dir: req.Dir, Profile: req.Profile})
	if err != nil {
		return api.Status{}, err
	}
	s := api.Status{
		Version: api.Version, PID: os.Getpid(), Started: d.started.UTC(), Socket: d.ln.Path(),
		LogFile:  d.logFile,
		Activity: d.activation(), IdleExit: int(time.Duration(cfg.IdleExit) / time.Second),
		Guard: string(cfg.Guard),
		Vault: d.broker.Keys.VaultStatus(), Logins: logins, Counts: d.broker.Connectors.Counts(),
		Notices: d.notices(),
	}
	if s.Logins == nil {
		s.Logins = []api.Login{}
	}
	for i := range s.Logins {
		if d.parts.gate.Refusal() != nil && s.Logins[i].Problem == "" {
			s.Logins[i].Problem = "config.toml is broken"
		}
	}
	if limit := time.Duration(cfg.AutoLock); limit > 0 && s.Vault.State == keystore.StateUnlocked {
		at := d.broker.LastUse().Add(limit).UTC()
		s.AutoLock = &at
	}
	return s, nil
}

// notices are the things a person should know: first a broken config.toml, then what the
// parts report.
func (d *daemon) notices() (list []api.Notice) {
	d.mu.Lock()
	err := d.cfgErr
	d.mu.Unlock()
	if refusal := d.parts.gate.Refusal(); refusal != nil {
		list = append(
			list,
			api.Notice{Time: time.Now().UTC(), Text: refusal.Message, Hint: refusal.Hint, Urgent: true},
		)
	} else if err != nil {
		list = append(list, api.Notice{
			Time: time.Now().UTC(), Text: err.Error() + "; zend keeps the settings from before, and " +
				"after a restart hands out nothing",
			Hint: "edit " + d.dirs.ConfigFile() + ", then check it: zen doctor settings", Urgent: true,
		})
	}
	return append(
		append(append(list, d.parts.notices()...), d.policyNotices()...),
		d.broker.Connectors.PlainNotices()...)
}

func (d *daemon) logins(ctx context.Context, _ server.Peer, _ api.Empty) (api.LoginList, error) {
	items, err := d.broker.Sessions.Logins(ctx, access.Caller{})
	return api.LoginList{Items: items}, err
}

func (d *daemon) vaultStatus(context.Context, server.Peer, api.Empty) (api.VaultStatus, error) {
	return d.broker.Keys.VaultStatus(), nil
}

// stopRequest answers first and ends zend then: the server finishes requests in flight.
func (d *daemon) stopRequest(context.Context, server.Peer, api.Empty) (api.Empty, error) {
	d.stop(errAsked)
	return api.Empty{}, nil
}

// restartRequest ends zend as stopRequest does; the installed zend then takes over the
// socket, on which clients wait.
func (d *daemon) restartRequest(context.Context, server.Peer, api.Empty) (api.Empty, error) {
	if _, err := execsafe.Resolve(d.opt.Executable); errors.Is(err, fs.ErrNotExist) {
		return api.Empty{}, credential.NewError(credential.Unavailable, "zend is not where it was "+
			"started from: "+d.opt.Executable, "install zen again")
	} else if err != nil {
		return api.Empty{}, err
	}
	d.ln.KeepOpen()
	d.stop(errRestart)
	return api.Empty{}, nil
}

// keepPrivate keeps others away from this process's memory and files.
func keepPrivate() {
	harden.Process()
	unix.Umask(0o077)
}
