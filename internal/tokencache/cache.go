package tokencache

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/zen-agent/zen/internal/clock"
	"github.com/zen-agent/zen/internal/credential"
)

// Minter makes one new credential. It need not cache, retry, or be quick; it must return
// when ctx ends. An error's credential.Reason decides for how long it is remembered; see
// also RetryAfter.
type Minter interface {
	Mint(ctx context.Context) (credential.Credential, error)
}

// Key names a credential. Input is whatever else of the request the credential depends
// on. A greater Revision makes all credentials of the connector's older ones worthless.
type Key struct {
	ConnectorID string
	Revision    int
	Input       string
}

// Config holds what can be set; zero fields mean the default.
type Config struct {
	Wall         func() time.Time // the wall clock; time.Now
	Timeout      time.Duration    // for one minting, waiting for its turn included; 60 s
	Concurrency  int              // mintings at the same time; 8
	PerConnector int              // mintings of one connector at the same time; 2

	// Network is a text that differs when this machine has moved to another network:
	// failures to reach something in the old one do not count in the new one. It is
	// called only while there are such failures. Without it there is one network.
	Network func() string
}

// Cache keeps minted credentials. It is safe for concurrent use.
type Cache struct {
	clock        clock.Clock
	timeout      time.Duration
	perConnector int
	network      func() string
	turns        chan struct{}

	mu         sync.Mutex // never held over a minting
	connectors map[string]*connector
}

// connector is what belongs to one connector.
type connector struct {
	revision int
	entries  map[string]*entry // by Key.Input
	turns    chan struct{}
}

// New returns an empty cache.
func New(cfg Config) *Cache {
	if cfg.Network == nil {
		cfg.Network = func() string { return "" }
	}
	return &Cache{
		clock: clock.New(
			cfg.Wall,
		), timeout: orDefault(cfg.Timeout, time.Minute), perConnector: orDefault(cfg.PerConnector, 2),
		network: cfg.Network, turns: make(chan struct{}, orDefault(cfg.Concurrency, 8)),
		connectors: make(map[string]*connector),
	}
}

func orDefault[T int | time.Duration](v, def T) T {
	if v > 0 {
		return v
	}
	return def
}

// Get returns the key's credential, which the caller wipes. It mints only when there is
// none that may still be used, or when so little of its life is left that waiting is
// better; ctx limits the waiting, not the minting, whose result serves the next caller. A
// failure is returned again, at once, for as long as trying makes no sense; a valid
// credential beats it.
func (c *Cache) Get(ctx context.Context, key Key, m Minter) (credential.Credential, error) {
	c.mu.Lock()
	now := c.clock.Now()
	ent := c.entry(key)
	ent.minter, ent.used = m, now
	valid, failed := ent.valid(now), ent.failure.counts(now)
	if ent.wantsRenewal(now) && !failed && ent.flight == nil {
		c.launch(ent)
	}
	switch {
	case valid && (ent.flight == nil || !ent.nearlyOver(now)):
		defer c.mu.Unlock()
		return ent.clone(), nil
	case failed && ent.flight == nil:
		failure := ent.failure
		c.mu.Unlock()
		if !failure.ofNetwork || c.network() == failure.network {
			return credential.Credential{}, failure.err
		}
		c.forgive(ent, failure)
		return c.Get(ctx, key, m)
	}
	f, ch := ent.flight, make(chan result, 1)
	f.waiting[ch] = struct{}{}
	c.mu.Unlock()
	select {
	case r := <-ch:
		return r.cred, r.err
	case <-ctx.Done():
		return c.leave(ctx, ent, f, ch)
	}
}

// forgive lets a failure not count any more.
func (c *Cache) forgive(ent *entry, f *failure) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ent.failure == f {
		ent.failure = nil
	}
}

// leave takes a caller off a flight whose result it cannot wait for, with what there is.
func (c *Cache) leave(
	ctx context.Context,
	ent *entry,
	f *flight,
	ch chan result,
) (credential.Credential, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(f.waiting, ch)
	select {
	case r := <-ch:
		return r.cred, r.err
	default:
	}
	if ent.valid(c.clock.Now()) {
		return ent.clone(), nil
	}
	return credential.Credential{}, gaveUp(ctx)
}

func gaveUp(ctx context.Context) error {
	return &credential.Error{
		Reason: credential.Timeout, Message: "the credential was not there in time; zend goes on getting it",
		Hint: "try again in a moment", Cause: context.Cause(ctx),
	}
}

// entry finds or makes the key's entry. Credentials of older revisions are dropped; a
// caller that still comes with an older revision gets an entry of its own, which nobody
// else sees.
func (c *Cache) entry(key Key) *entry {
	conn := c.connectors[key.ConnectorID]
	if conn == nil || key.Revision > conn.revision {
		c.drop(key.ConnectorID)
		conn = &connector{
			revision: key.Revision,
			entries:  make(map[string]*entry),
			turns:    make(chan struct{}, c.perConnector),
		}
		c.connectors[key.ConnectorID] = conn
	}
	if key.Revision < conn.revision {
		return &entry{key: key, dropped: true}
	}
	ent := conn.entries[key.Input]
	if ent == nil {
		ent = &entry{key: key}
		conn.entries[key.Input] = ent
	}
	return ent
}

// Drop forgets everything about a connector: its credentials are wiped, its failures do
// not count any more. Those who wait for a minting already begun still get it; nobody
// else does.
func (c *Cache) Drop(connectorID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(connectorID)
}

// Wipe drops every connector.
func (c *Cache) Wipe() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id := range c.connectors {
		c.drop(id)
	}
}

func (c *Cache) drop(id string) {
	conn := c.connectors[id]
	if conn == nil {
		return
	}
	for _, ent := range conn.entries {
		ent.drop()
	}
	delete(c.connectors, id)
}

// Expires is when the first of the connector's credentials ends; nil when it has none or
// they do not expire.
func (c *Cache) Expires(connectorID string) (first *time.Time) {
	now := c.clock.Now()
	c.each(connectorID, func(ent *entry) {
		if ent.valid(now) && ent.expires && (first == nil || ent.cred.Expires.Before(*first)) {
			t := ent.cred.Expires
			first = &t
		}
	})
	return first
}

// Failure is why the connector's last minting failed, unless a valid credential makes
// that unimportant; nil if it did not.
func (c *Cache) Failure(connectorID string) (err error) {
	now := c.clock.Now()
	c.each(connectorID, func(ent *entry) {
		if ent.failure != nil && ent.failure.class != vault && !ent.valid(now) {
			err = ent.failure.err
		}
	})
	return err
}

func (c *Cache) each(connectorID string, f func(*entry)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if conn := c.connectors[connectorID]; conn != nil {
		for _, ent := range conn.entries {
			f(ent)
		}
	}
}

// schedule sets the entry's timer to the next moment something is due, or forgets the
// entry. Timers are not bounded to notice a sleeping laptop: a late one costs nothing,
// because Get looks at the clocks itself.
func (c *Cache) schedule(ent *entry, now clock.Instant) {
	if ent.dropped {
		return
	}
	wait, ok := ent.nextLook(now)
	if !ok {
		c.forget(ent)
		return
	}
	if ent.timer == nil {
		ent.timer = time.AfterFunc(wait, func() { c.look(ent) })
		return
	}
	ent.timer.Reset(wait)
}

// look does what is due for an entry: renew it, wipe what ran out, or forget it.
func (c *Cache) look(ent *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ent.dropped || ent.flight != nil {
		return // landing schedules again
	}
	now := c.clock.Now()
	if !ent.valid(now) {
		ent.wipe()
	}
	if ent.wantsRenewal(now) && ent.isRenewed(now) && ent.pause(now) == 0 {
		c.launch(ent)
		return
	}
	c.schedule(ent, now)
}

func (c *Cache) forget(ent *entry) {
	ent.drop()
	conn := c.connectors[ent.key.ConnectorID]
	delete(conn.entries, ent.key.Input)
	if len(conn.entries) == 0 {
		delete(c.connectors, ent.key.ConnectorID)
	}
}

// flight is one minting for all who ask meanwhile.
type flight struct {
	waiting map[chan result]struct{} // guarded by Cache.mu
	cancel  context.CancelFunc
}

type result struct {
	cred    credential.Credential
	err     error
	issued  clock.Instant
	network string // where err happened
}

// launch begins a minting. It runs on its own time: callers may come and go.
func (c *Cache) launch(ent *entry) {
	ctx, cancel := context.WithTimeout(context.Background(), c.timeout)
	f := &flight{waiting: make(map[chan result]struct{}), cancel: cancel}
	ent.flight = f
	go func(m Minter, own chan struct{}) {
		defer cancel()
		r := c.fly(ctx, m, own, c.turns)
		if ofNetwork(r.err) {
			r.network = c.network()
		}
		c.land(ent, f, r)
	}(ent.minter, c.connectors[ent.key.ConnectorID].turns)
}

// fly waits for its turn and mints. A minter that does not obey the deadline is left
// behind: it keeps its turn until it returns, and what it brings then is wiped.
func (c *Cache) fly(ctx context.Context, m Minter, turns ...chan struct{}) result {
	for i, t := range turns {
		select {
		case t <- struct{}{}:
		case <-ctx.Done():
			giveBack(turns[:i])
			return result{err: late(ctx)}
		}
	}
	done := make(chan result, 1)
	go func() {
		defer giveBack(turns)
		done <- c.mint(ctx, m)
	}()
	select {
	case r := <-done:
		return r
	case <-ctx.Done():
		go func() { (<-done).cred.Secret.Wipe() }()
		return result{err: late(ctx)}
	}
}

func giveBack(turns []chan struct{}) {
	for _, t := range turns {
		<-t
	}
}

func late(ctx context.Context) error {
	return &credential.Error{Reason: credential.Timeout, Message: "getting the credential took too " +
		"long", Cause: ctx.Err()}
}

// mint calls the minter; its panic must not take zend down.
func (c *Cache) mint(ctx context.Context, m Minter) (r result) {
	r.issued = c.clock.Now()
	defer func() {
		if v := recover(); v != nil {
			r.err = &credential.Error{Reason: credential.Internal, Message: "zend failed to get the " +
				"credential", Cause: panicked(v)}
		}
	}()
	r.cred, r.err = m.Mint(ctx)
	return r
}

// panicked is what a panic said, unless it is an arbitrary value that could hold a
// secret.
func panicked(v any) error {
	if err, ok := v.(interface {
		error
		RuntimeError()
	}); ok {
		return fmt.Errorf("panic: %w", err)
	}
	return errors.New("panic")
}

// land takes over what a flight brought and serves those who wait.
func (c *Cache) land(ent *entry, f *flight, r result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.clock.Now()
	ent.flight = nil
	if r.err == nil && !r.cred.Expires.IsZero() &&
		now.Reached(
			clock.Instant{Wall: r.cred.Expires.Round(0), Mono: r.issued.Mono + lifeOf(r.cred, r.issued)},
		) {
		r.cred.Secret.Wipe()
		r = result{err: &credential.Error{
			Reason: credential.Expired, Message: "the credential had already run out when it came",
			Hint: "check the clock of this machine", Cause: errStale,
		}}
	}
	if r.err == nil {
		ent.keep(r.cred, r.issued)
	} else {
		r.cred.Secret.Wipe()
		ent.failure = ent.failure.next(r.err, r.network, now)
	}
	c.deliver(ent, f, r.err, now)
	if ent.dropped {
		ent.wipe()
		return
	}
	c.schedule(ent, now)
}

// deliver gives each waiting caller a copy of its own. A credential that is still valid
// beats the failure to renew it.
func (c *Cache) deliver(ent *entry, f *flight, err error, now clock.Instant) {
	for ch := range f.waiting {
		if ent.valid(now) {
			ch <- result{cred: ent.clone()}
		} else {
			ch <- result{err: err}
		}
	}
	f.waiting = nil
}
