package guard

import (
	"context"
	"hash/maphash"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/adopt"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/filewatch"
	"github.com/zen-agent/zen/internal/paths"
)

// Mode says what is done beside telling.
type Mode string

// The modes.
const (
	Off    Mode = "off"    // nothing, not even telling
	Report Mode = "report" // telling only
	Repair Mode = "repair" // clients that no longer ask zen are pointed at it again
	Import Mode = "import" // that, and credentials in plain text are moved into the vault
)

// Options are what a Guard needs.
type Options struct {
	Env clientconfig.Env // as zend has it; that of the user's shells may differ
	Zen adopt.Zen
	Log *slog.Logger
	Now func() time.Time // nil: time.Now
}

// How long files are left alone before they are looked at, and how long at most while
// somebody writes all the time: one command may rewrite several files.
const (
	settle    = 300 * time.Millisecond
	maxSettle = 3 * time.Second
)

// poll is how often files are looked at when the system cannot tell of changes.
const poll = time.Minute

// How long the guard reports what it did, and how much of it.
const (
	toldFor = 24 * time.Hour
	toldOf  = 20
)

// Guard is a guard. Its methods may be called at any time.
type Guard struct {
	env  clientconfig.Env
	zen  adopt.Zen
	log  *slog.Logger
	now  func() time.Time
	wake chan struct{}
	run  func(filewatch.Watch, context.Context) error // filewatch.Watch.Run

	// These are the looking goroutine's.
	memory memory
	seed   maphash.Seed
	// digest of the login that was last taken out of a place, or put back there
	taken map[place]uint64
	// digests of the logins that were in a file when it was last made to name zen again
	mended map[string][]uint64

	mu    sync.Mutex
	mode  Mode
	found []finding
	told  []remedy
	blind error // why changes are not noticed at once
}

// New returns a Guard that is off.
func New(o Options) *Guard {
	if o.Now == nil {
		o.Now = time.Now
	}
	seed := maphash.MakeSeed()
	return &Guard{
		env: dependable(o.Env), log: o.Log, now: o.Now, wake: make(chan struct{}, 1),
		run: filewatch.Watch.Run, mode: Off,
		memory: memory{file: memoryFile(o.Env.State)}, seed: seed,
		zen:   &patient{Zen: o.Zen, seed: seed, verdicts: map[uint64]api.CredentialReport{}},
		taken: map[place]uint64{}, mended: map[string][]uint64{},
	}
}

// SetMode makes a mode effective.
func (g *Guard) SetMode(m Mode) {
	g.mu.Lock()
	changed := g.mode != m
	g.mode = m
	g.mu.Unlock()
	if changed {
		g.Wake()
	}
}

// Wake asks for a look: what could not be done may be possible by now.
func (g *Guard) Wake() {
	select {
	case g.wake <- struct{}{}:
	default: // it is asked for already
	}
}

func (g *Guard) currentMode() Mode {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.mode
}

// Run guards until ctx ends.
func (g *Guard) Run(ctx context.Context) {
	for ctx.Err() == nil {
		if g.currentMode() == Off {
			g.publish(nil)
			select {
			case <-ctx.Done():
			case <-g.wake:
			}
			continue
		}
		select {
		case <-g.wake: // there is a look to come
		default:
		}
		err := g.watch(ctx)
		if ctx.Err() != nil || g.currentMode() == Off {
			continue
		}
		g.setBlind(err)
		g.look(ctx)
		select {
		case <-ctx.Done():
		case <-g.wake:
		case <-time.After(poll):
		}
	}
}

// watch looks whenever something may have changed, until ctx ends, the guard is switched
// off, or the system cannot do that.
func (g *Guard) watch(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	// While this directory is missing, the one above it would be watched, where zend
	// writes its logs. A failure has no other price, and in a directory that is not the
	// user's alone nothing is made.
	if dir := filepath.Dir(g.env.RecordFile()); paths.MakeDir(filepath.Dir(dir)) == nil {
		_ = paths.MakeDir(dir)
	}
	return g.run(filewatch.Watch{
		Paths: g.paths, Beside: isTemporary, Wake: g.wake, Settle: settle, MaxSettle: maxSettle,
		Look: func(ctx context.Context) time.Duration {
			if g.currentMode() == Off {
				stop()
				return 0
			}
			g.setBlind(nil)
			return g.look(ctx)
		},
	}, ctx)
}

// setBlind remembers why changes are not noticed at once; nil says that they are.
func (g *Guard) setBlind(err error) {
	g.mu.Lock()
	known := g.blind != nil
	g.blind = err
	g.mu.Unlock()
	if err != nil && !known {
		g.log.Warn("Cannot watch the clients' files; looking at them from time to time", "error", err)
	}
}

// publish replaces what was found by what is found now, and logs what is new.
func (g *Guard) publish(found []finding) {
	found = merge(found)
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range found {
		f := &found[i]
		f.since = g.now()
		if j := slices.IndexFunc(g.found, func(old finding) bool { return old.text() == f.text() }); j >= 0 {
			f.since = g.found[j].since
			continue
		}
		g.log.Warn("Guard: something is wrong", "what", f.text(), "hint", f.hint)
	}
	g.found = found
}

// remedy is something that was done, as it is reported.
type remedy struct {
	text     string
	time     time.Time
	file     string          // of docker's, which a login was taken out of; "" for anything else
	registry address.Address // of that login
}

// tell keeps what was done for people to see.
func (g *Guard) tell(d remedy) {
	g.log.Info("Guard: put something right", "what", d.text)
	d.time = g.now().UTC()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.told = append(g.told, d)
	if n := len(g.told) - toldOf; n > 0 {
		g.told = g.told[n:]
	}
}

// Notices are what a person should know: what is wrong now, and what the guard did in the
// last 24 hours.
func (g *Guard) Notices() (list []api.Notice) {
	g.mu.Lock()
	defer g.mu.Unlock()
	lately := slices.DeleteFunc(
		slices.Clone(g.told),
		func(d remedy) bool { return g.now().Sub(d.time) >= toldFor },
	)
	for _, f := range merge(append(slices.Clone(g.found), g.readersLeft(lately)...)) {
		list = append(list, api.Notice{Time: f.since.UTC(), Text: f.text(), Hint: f.hint})
	}
	for _, d := range lately {
		list = append(list, api.Notice{Time: d.time, Text: d.text, Done: true})
	}
	if g.blind != nil && g.mode != Off {
		list = append(list, api.Notice{
			Time: g.now().UTC(), Text: "the clients' files are looked at once a minute " +
				"only: " + g.blind.Error(),
			Hint: "let the system watch more files: sysctl fs.inotify",
		})
	}
	return list
}
