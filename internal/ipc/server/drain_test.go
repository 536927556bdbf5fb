package server_test

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/ipc"
	"github.com/zen-agent/zen/internal/ipc/server"
)

// gate is a server whose method wait says when it was reached and returns when it is told
// to.
type gate struct {
	*server.Server
	inside chan struct{}
	leave  chan struct{}
}

func newGate() gate {
	g := gate{inside: make(chan struct{}, 100), leave: make(chan struct{})}
	g.Server = &server.Server{Methods: map[string]server.Handler{
		"echo": echo,
		"wait": func(ctx context.Context, call *server.Call) error {
			g.inside <- struct{}{}
			select {
			case <-g.leave:
				return echo(ctx, call)
			case <-ctx.Done():
				return ctx.Err()
			}
		},
	}}
	return g
}

// Told to stop, zend answers what is in flight and what waits in its queue, and refuses
// the rest.
func TestDrain(t *testing.T) {
	dir := shortDir(t)
	path := filepath.Join(dir, "s")
	ln, err := server.Listen(path, filepath.Join(dir, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	g := newGate()
	ctx, stop := context.WithCancel(t.Context())
	const queued = 20
	var queue []*wire
	for range queued { // nobody accepts yet
		c := dial(t, path)
		c.send(`{"jsonrpc":"2.0","id":7,"method":"echo","params":{"a":"queued"}}` + "\n")
		queue = append(queue, c)
	}
	idle := dial(t, path)
	idle.send(`{"jsonrpc":"2.0","id":7,"method":"echo"}` + "\n")
	busy := dial(t, path)
	busy.send(`{"jsonrpc":"2.0","id":7,"method":"wait","params":{"a":"in flight"}}` + "\n")
	done := make(chan error, 1)
	go func() { done <- g.Serve(ctx, ln) }()
	if line, err := idle.line(); err != nil || !strings.Contains(line, "result") {
		t.Fatalf("%s, %v", line, err)
	}
	<-g.inside
	stop()
	if line, err := idle.line(); !errors.Is(err, io.EOF) {
		t.Errorf("the idle connection got %q, %v", line, err)
	}
	for end := soon(); ; { // the name is gone, or nobody is behind it
		c, err := net.Dial("unix", path)
		if err != nil {
			break
		}
		c.Close()
		if time.Now().After(end) {
			t.Fatal("it still takes connections")
		}
	}
	select {
	case err := <-done:
		t.Fatalf("ended with a request in flight: %v", err)
	default:
	}
	for i, c := range queue {
		if line, err := c.line(); err != nil || !strings.Contains(line, "queued") {
			t.Errorf("queued client %d got %q, %v", i, line, err)
		}
	}
	close(g.leave)
	if line, err := busy.line(); err != nil || !strings.Contains(line, "in flight") {
		t.Errorf("the request in flight got %q, %v", line, err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Whoever is connected when zend is told to stop gets an answer, whatever the moment.
func TestStopLosesNobody(t *testing.T) {
	for range 100 {
		dir := shortDir(t)
		path := filepath.Join(dir, "s")
		ln, err := server.Listen(path, filepath.Join(dir, "lock"))
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- echoServer().Serve(ctx, ln) }()
		go stop()
		for range 5 {
			c, err := net.Dial("unix", path)
			if err != nil {
				break
			}
			c.SetDeadline(soon())
			_, sent := io.WriteString(c, `{"jsonrpc":"2.0","id":7,"method":"echo"}`+"\n")
			got, err := io.ReadAll(io.LimitReader(c, 10))
			if sent == nil && len(got) == 0 {
				t.Fatalf("no answer: %v", err)
			}
			c.Close()
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		ln.Close()
	}
}

// A request that does not end is given up when the time to drain is over.
func TestDrainEnds(t *testing.T) {
	g := newGate()
	g.Limits.Drain = 30 * time.Millisecond
	path, stop := startServer(t, g.Server)
	failed := make(chan error, 1)
	go func() {
		_, err := (&ipc.Client{Socket: path}).Call("wait", nil, soon())
		failed <- err
	}()
	<-g.inside
	begin := time.Now()
	stop()
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	if err := <-failed; !credential.Unavailable.Is(err) && !credential.Timeout.Is(err) {
		t.Errorf("the client got %v", err)
	}
}

// Serve tells when it was not asked to end.
func TestServeFails(t *testing.T) {
	dir := shortDir(t)
	ln, err := server.Listen(filepath.Join(dir, "s"), filepath.Join(dir, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- echoServer().Serve(t.Context(), ln) }()
	ln.Close()
	if err := <-done; !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v", err)
	}
}
