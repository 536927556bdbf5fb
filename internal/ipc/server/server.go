package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

// Call is one request while it is served.
type Call struct {
	Peer   Peer
	Method string
	Client string // what the client calls itself, "zen/0.1.0"
	Params []byte // a JSON object; may hold secrets; valid, and not to be changed, until the handler returns
	Result *Buffer
}

// Handler serves a method. It appends a JSON value to call.Result (nothing means {}) or
// returns an error, of which clients see reason, message and hint if it is a
// *credential.Error and only that zend failed otherwise.
type Handler func(ctx context.Context, call *Call) error

// Limits bound what a client can cost. Zero fields mean the default.
type Limits struct {
	Connections int // at the same time; 4096, or what the limit on open files leaves
	// from the connection, or from the first byte of a further request, to its last byte;
	// 2 s
	FirstLine time.Duration
	Idle      time.Duration // between two requests; 60 s
	Call      time.Duration // for a handler; 3 min, enough for a person who is asked by the keyring
	Write     time.Duration // for the client to take a response; 10 s
	Drain     time.Duration // for requests in flight when Serve has to stop; 10 s
}

func (l Limits) withDefaults() Limits {
	l.Connections = orDefault(l.Connections, mostConnections())
	l.FirstLine = orDefault(l.FirstLine, 2*time.Second)
	l.Idle = orDefault(l.Idle, time.Minute)
	l.Call = orDefault(l.Call, 3*time.Minute)
	l.Write = orDefault(l.Write, 10*time.Second)
	l.Drain = orDefault(l.Drain, 10*time.Second)
	return l
}

func orDefault[T int | time.Duration](v, def T) T {
	if v == 0 {
		return def
	}
	return v
}

// Server serves methods on a listener. Its fields must not change once Serve was called.
type Server struct {
	Methods map[string]Handler
	Log     *slog.Logger // nil: nothing is logged
	Limits  Limits
	Quiet   func() // called when nothing was asked for quietAfter, once each time; may be nil

	active atomic.Int64 // requests being served
	last   atomic.Int64 // when one was last begun or done, Unix nanoseconds
	lively atomic.Bool  // Quiet is still to be called
}

// quietAfter is how long nothing must have been asked for.
const quietAfter = 5 * time.Second

// LastActivity is when a request was last begun or done: now while one is being served,
// zero when there was none yet. Connections without a request do not count.
func (s *Server) LastActivity() time.Time {
	if s.active.Load() > 0 {
		return time.Now()
	}
	if last := s.last.Load(); last != 0 {
		return time.Unix(0, last)
	}
	return time.Time{}
}

// withdrawer is a listener that can refuse new connections and still hand out those that
// wait.
type withdrawer interface{ Withdraw() }

// running is one Serve.
type running struct {
	*Server
	limits Limits
	log    *slog.Logger
	known  *ancestors
	base   context.Context     // of all handlers; ends when draining takes too long
	larges chan struct{}       // one for each connection with a large request
	turns  chan struct{}       // one for each large response under construction
	unsent *semaphore.Weighted // bytes of large responses that wait for their readers

	workers sync.WaitGroup
	waiting atomic.Int32 // workers that wait for a connection
	ended   chan error   // why no more connections come

	mu       sync.Mutex
	conns    map[*conn]struct{}
	draining bool // connections end when they are next idle
}

// Serve accepts connections until ctx ends or the listener fails. Then it takes no new
// ones, answers what was already connected or is in flight, for at most Limits.Drain,
// closes all connections, and returns nil if it was for ctx.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	r := &running{
		Server: s, limits: s.Limits.withDefaults(), log: s.Log, base: base, known: newAncestors(),
		larges: make(
			chan struct{},
			maxLarge,
		), turns: make(chan struct{}, maxTurns), unsent: semaphore.NewWeighted(maxUnsent),
		ended: make(chan error, 1), conns: map[*conn]struct{}{},
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	stop := context.AfterFunc(ctx, func() { withdraw(ln) })
	defer stop()
	r.workers.Go(func() { r.work(ctx, ln) })
	err := <-r.ended
	r.drain(cancel)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func withdraw(ln net.Listener) {
	if w, ok := ln.(withdrawer); ok {
		w.Withdraw()
		return
	}
	_ = ln.Close()
}

// maxWaiting is how many workers wait for connections at most; it bounds the memory.
const maxWaiting = 64

// work accepts connections and serves them, one after the other, until no more come or
// enough others wait for them. The one who accepts a connection serves it: to hand it to
// somebody else costs as much as a request does. What a connection leaves of its buffers
// is empty.
func (r *running) work(ctx context.Context, ln net.Listener) {
	var in []byte
	var reply Buffer
	for r.waiting.Add(1) <= maxWaiting {
		nc, err := r.accept(ctx, ln)
		if r.waiting.Add(-1) == 0 && err == nil {
			r.workers.Go(func() { r.work(ctx, ln) })
		}
		if err != nil {
			select {
			case r.ended <- err:
			default:
			}
			return
		}
		c, err := r.admit(nc)
		if err != nil {
			r.refuse(nc, err)
			continue
		}
		c.in, c.reply = in, reply
		c.serve()
		in, reply = c.in, c.reply
		r.forget(c)
	}
	r.waiting.Add(-1)
}

// accept waits for a connection, until the listener is closed or withdrawn. Running out
// of file descriptors passes.
func (r *running) accept(ctx context.Context, ln net.Listener) (net.Conn, error) {
	for {
		c, err := ln.Accept()
		if err == nil || ctx.Err() != nil || errors.Is(err, net.ErrClosed) || !isExhausted(err) {
			return c, err
		}
		r.log.Warn("Cannot accept a connection", "error", err)
		time.Sleep(10 * time.Millisecond)
	}
}

// admit checks who connects, and whether there is room.
func (r *running) admit(nc net.Conn) (*conn, error) {
	peer, err := peerOf(nc, r.known)
	if err == nil {
		err = peer.check()
	}
	c := &conn{running: r, Conn: nc, peer: peer}
	if err == nil {
		err = r.register(c)
	}
	if err != nil {
		r.log.Warn("Refused a connection", "error", err, "uid", peer.UID, "pid", peer.PID)
		return nil, err
	}
	return c, nil
}

// register keeps a connection, unless there are too many.
func (r *running) register(c *conn) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.conns) >= r.limits.Connections {
		return credential.NewError(credential.RateLimited, "zend has too many connections", "")
	}
	c.ending = r.draining
	r.conns[c] = struct{}{}
	return nil
}

// refuse tells why and closes the connection; it waits for nobody.
func (r *running) refuse(nc net.Conn, err error) {
	var b Buffer
	b.begin([]byte("null"))
	b.fail(err)
	b.end()
	_ = nc.SetDeadline(time.Now().Add(100 * time.Millisecond))
	_, _ = nc.Write(b.b)
	_ = nc.Close()
}

func (r *running) forget(c *conn) {
	_ = c.Close()
	r.mu.Lock()
	delete(r.conns, c)
	r.mu.Unlock()
}

// drain ends idle connections at once and the others when their request is answered or
// the time is over.
func (r *running) drain(cancel context.CancelFunc) {
	r.mu.Lock()
	r.draining = true
	r.mu.Unlock()
	r.each(func(c *conn) { c.endIfIdle() })
	late := time.AfterFunc(r.limits.Drain, func() {
		cancel()
		r.each(func(c *conn) { _ = c.Close() })
	})
	defer late.Stop()
	r.workers.Wait()
}

func (r *running) each(f func(*conn)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.conns {
		f(c)
	}
}

// answer serves one request line and builds the response; wanted is false when nobody
// waits for it.
func (r *running) answer(peer Peer, line []byte, reply *Buffer) (wanted bool) {
	r.active.Add(1)
	r.touch()
	defer func() {
		r.touch()
		r.active.Add(-1)
	}()
	req, err := parseRequest(line)
	wanted = err != nil || !req.notification
	reply.begin(req.id)
	if err == nil {
		err = r.handle(peer, req, reply)
	}
	if err != nil {
		reply.fail(err)
		reply.end()
	}
	return wanted
}

func (r *running) touch() {
	r.last.Store(time.Now().UnixNano())
	if r.Quiet != nil && !r.lively.Load() && r.lively.CompareAndSwap(false, true) {
		r.awaitQuiet(quietAfter)
	}
}

// awaitQuiet looks after a while whether there was quiet, and else again.
func (r *running) awaitQuiet(d time.Duration) {
	time.AfterFunc(d, func() {
		if left := quietAfter - time.Since(r.LastActivity()); left > 0 {
			r.awaitQuiet(left)
			return
		}
		r.lively.Store(false)
		r.Quiet()
	})
}

// handle has a method build the whole response; after an error there is none.
func (r *running) handle(peer Peer, req request, reply *Buffer) (err error) {
	handler, ok := r.Methods[req.method]
	if !ok {
		return credential.NewError(credential.UnknownMethod, "zend does not know the "+
			"method "+safetext.Quote(req.method), "")
	}
	ctx := withDeadline(r.base, req.limit(r.limits.Call))
	ctx.turn.turns = r.turns
	defer ctx.turn.end()
	defer ctx.end()
	defer func() {
		if v := recover(); v != nil {
			r.log.Error(
				"Handler panicked",
				"method",
				req.method,
				"panic",
				panicText(v),
				"stack",
				string(debug.Stack()),
			)
			err = credential.NewError(credential.Internal, "zend failed; its log says why", "")
		}
	}()
	err = handler(
		ctx,
		&Call{Peer: peer.anew(), Method: req.method, Client: req.client, Params: req.params, Result: reply},
	)
	if err == nil {
		reply.end()
		return r.makeRoom(ctx, reply)
	}
	if _, ok := errors.AsType[*credential.Error](err); ok {
		return err
	}
	if ctx.Err() != nil {
		return &credential.Error{Reason: credential.Timeout, Message: "zend gave up: it took too " +
			"long", Cause: err}
	}
	r.log.Error("Handler failed", "method", req.method, "error", err)
	return err
}

// panicText is what a panic said, unless it is an arbitrary value that could hold a
// secret.
func panicText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case interface{ RuntimeError() }:
		return v.(error).Error()
	}
	return "(a value that is not logged)"
}
