package zenml

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/tokencache"
	"github.com/zen-agent/zen/internal/zenml/zenmltest"
)

// network is one in memory, so that its time can be synctest's. Nobody answers while it
// is down.
type network struct {
	conns chan net.Conn
	done  chan struct{}

	mu    sync.Mutex
	down  bool
	open  []net.Conn
	dials int
}

func (n *network) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dials++
	if n.down {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	near, far := net.Pipe()
	n.open = append(n.open, far)
	select {
	case n.conns <- far:
		return near, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// set takes the network down, with every connection, or up.
func (n *network) set(down bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down = down
	for _, c := range n.open {
		c.Close()
	}
	n.open = nil
}

func (n *network) tried() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.dials
}

func (n *network) Accept() (net.Conn, error) {
	select {
	case c := <-n.conns:
		return c, nil
	case <-n.done:
		return nil, net.ErrClosed
	}
}

func (n *network) Close() error   { return nil }
func (n *network) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8237} }

// life is a server with one connector, a client and a token cache, all in a synctest
// bubble.
type life struct {
	*testing.T
	*network
	server *zenmltest.Server
	client *Client
	engine *tokencache.Cache
}

// live runs a test in a bubble.
func live(t *testing.T, test func(l *life)) {
	synctest.Test(t, func(t *testing.T) {
		l := &life{
			T: t, network: &network{conns: make(chan net.Conn, 64), done: make(chan struct{})},
			server: zenmltest.New(), engine: tokencache.New(tokencache.Config{}),
		}
		l.server.Connectors = []*zenmltest.Connector{{
			ID: recordedID, Name: "reg", Type: "aws", ResourceID: "reg.example.com", Username: "AWS",
			Password: "minted-canary", Registry: "reg.example.com",
			Life: 30 * time.Second,
		}}
		l.client = client(t, l.server)
		l.client.http.Transport.(*http.Transport).DialContext = l.dial
		srv := &http.Server{Handler: l.server}
		var serving sync.WaitGroup
		serving.Go(func() {
			if err := srv.Serve(l.network); !errors.Is(err, net.ErrClosed) &&
				!errors.Is(err, http.ErrServerClosed) {
				t.Error(err)
			}
		})
		test(l)
		l.engine.Wipe()
		l.client.Close()
		l.set(true)
		close(l.done)
		srv.Close()
		serving.Wait()
		time.Sleep(time.Minute) // handlers see that their clients are gone
	})
}

// Mint makes the connector's credential, as the token cache wants it.
func (l *life) Mint(ctx context.Context) (credential.Credential, error) {
	minted, err := l.client.Credential(ctx, recordedID, "", parse(l.T, "reg.example.com"))
	return minted.Credential, err
}

func (l *life) get() error {
	cred, err := l.engine.Get(l.Context(), tokencache.Key{ConnectorID: recordedID, Revision: 1}, l)
	defer cred.Secret.Wipe()
	if err == nil && (string(cred.Secret.Reveal()) != "minted-canary" || !cred.Expires.After(time.Now())) {
		err = errors.New("another credential, or one that has run out")
	}
	return err
}

// With tokens of a minute and credentials of half a minute nobody ever notices that
// either ends.
func TestThreeMinutesWithTokensOfOneMinute(t *testing.T) {
	live(t, func(l *life) {
		l.server.TokenLife = 60
		for began := time.Now(); time.Since(began) < 3*time.Minute; time.Sleep(time.Second) {
			var all sync.WaitGroup
			for range 3 {
				all.Go(func() {
					if err := l.get(); err != nil {
						t.Errorf("after %v: %v", time.Since(began), err)
					}
				})
			}
			all.Wait()
		}
		logins, mints := count(l.server, "POST /api/v1/login"), l.server.Minted("reg")
		if logins < 3 || logins > 6 || mints < 6 || mints > 9 {
			t.Errorf("%d logins and %d credentials in three minutes", logins, mints)
		}
	})
}

// The key is revoked: what is there is served, then a sentence says so, and the server is
// not asked again and again.
func TestRevokedKeyOverTime(t *testing.T) {
	live(t, func(l *life) {
		if err := l.get(); err != nil {
			t.Fatal(err)
		}
		l.server.Lock()
		l.server.APIKey = "ZENKEY_another"
		l.server.Unlock()
		l.server.Revoke()
		before := len(l.server.Requests())
		var err error
		for began := time.Now(); time.Since(began) < 5*time.Minute; time.Sleep(100 * time.Millisecond) {
			if err = l.get(); err != nil && time.Since(began) < 29*time.Second {
				t.Fatalf("after %v, while there is a credential: %v", time.Since(began), err)
			}
		}
		if !credential.NeedsLogin.Is(err) || !strings.Contains(err.Error(), "refused the "+
			"login") || strings.Contains(err.Error(), "ZENKEY") {
			t.Errorf("error is %v", err)
		}
		if n := len(l.server.Requests()) - before; n > 4 {
			t.Errorf("the server was asked %d times in five minutes", n)
		}
	})
}

// The server stops and comes back.
func TestServerStopsAndStarts(t *testing.T) {
	live(t, func(l *life) {
		if err := l.get(); err != nil {
			t.Fatal(err)
		}
		l.set(true)
		began, dials := time.Now(), l.tried()
		for ; time.Since(began) < 29*time.Second; time.Sleep(100 * time.Millisecond) {
			if err := l.get(); err != nil {
				t.Fatalf("after %v, while there is a credential: %v", time.Since(began), err)
			}
		}
		time.Sleep(2 * time.Second)
		asked := time.Now()
		if err := l.get(); !credential.Unreachable.Is(err) || !strings.Contains(err.Error(), "connection "+
			"refused") || time.Since(asked) > 0 {
			t.Errorf("without a credential: %v after %v", err, time.Since(asked))
		}
		for ; time.Since(began) < 5*time.Minute; time.Sleep(100 * time.Millisecond) {
			if l.get() == nil {
				t.Fatal("a credential from nowhere")
			}
		}
		if n := l.tried() - dials; n > 16 {
			t.Errorf("the server was tried %d times in five minutes", n)
		}
		l.set(false)
		up := time.Now()
		for l.get() != nil {
			time.Sleep(100 * time.Millisecond)
			if time.Since(up) > time.Minute {
				t.Fatal("no credential within a back-off after the server came back")
			}
		}
	})
}

// A server that never ends an answer, or never begins one, is given up in time, and
// meanwhile a person can give up too.
func TestSlowAnswers(t *testing.T) {
	drip := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for r.Context().Err() == nil {
			io.WriteString(w, " ")
			w.(http.Flusher).Flush()
			time.Sleep(10 * time.Second)
		}
	}
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	for name, broken := range map[string]http.HandlerFunc{"drip": drip, "hang": hang} {
		for what, tt := range map[string]struct {
			call  func(ctx context.Context, c *Client) error
			limit time.Duration
		}{
			"info": {
				func(ctx context.Context, c *Client) error { _, err := c.Info(ctx); return err },
				shortTimeout,
			},
			"connectors": {func(ctx context.Context, c *Client) error {
				_,
					err := c.Connectors(ctx)
				return err
			}, shortTimeout},
			"credential": {func(ctx context.Context, c *Client) error {
				_, err := c.Credential(ctx, recordedID, "", parse(t, "reg.example.com"))
				return err
			}, longTimeout},
			"resources": {func(ctx context.Context, c *Client) error {
				_,
					err := c.Resources(ctx, recordedID)
				return err
			}, longTimeout},
		} {
			live(t, func(l *life) {
				if _, err := l.client.Login(l.Context()); err != nil {
					t.Fatal(err)
				}
				l.server.Lock()
				l.server.Broken = broken
				l.server.Unlock()
				began := time.Now()
				err := tt.call(l.Context(), l.client)
				if took := time.Since(began); !credential.Timeout.Is(err) || took > tt.limit ||
					!strings.Contains(err.Error(), "does not answer in time") {
					t.Errorf("%s of %s: %v after %v", name, what, err, took)
				}
			})
		}
	}
}
