package server_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/ipc"
	"github.com/zen-agent/zen/internal/ipc/server"
)

// start serves methods on a socket of its own until the test ends, and returns the
// socket's path.
func start(t *testing.T, srv *server.Server) string {
	t.Helper()
	path, _ := startServer(t, srv)
	return path
}

func startServer(t *testing.T, srv *server.Server) (path string, stop func()) {
	t.Helper()
	dir := shortDir(t)
	ln, err := server.Listen(filepath.Join(dir, "s"), filepath.Join(dir, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ctx, ln) }()
	stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
		done <- nil
		ln.Close()
	}
	t.Cleanup(stop)
	return ln.Path(), stop
}

// shortDir is a directory whose name fits into a socket address.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "zen")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func soon() time.Time { return time.Now().Add(5 * time.Second) }

func echo(_ context.Context, call *server.Call) error {
	call.Result.Append(func(dst []byte) []byte { return append(dst, call.Params...) })
	return nil
}

func TestCallAnswers(t *testing.T) {
	type in struct{ A int }
	type out struct {
		B   int
		UID int
	}
	srv := &server.Server{Methods: map[string]server.Handler{
		"echo":  echo,
		"empty": func(context.Context, *server.Call) error { return nil },
		"typed": server.Typed(
			func(_ context.Context, p server.Peer, r in) (out, error) { return out{r.A + 1, p.UID}, nil },
		),
		"locked": func(context.Context, *server.Call) error {
			return credential.NewError(credential.Locked, "it is locked", "open it")
		},
		"plain": func(context.Context, *server.Call) error { return errors.New("inner text") },
		"panic": func(context.Context, *server.Call) error { panic("boom") },
	}}
	c := &ipc.Client{Socket: start(t, srv), Name: "test/1"}
	tests := []struct {
		method, params, want string
		reason               credential.Reason
		message              string
	}{
		{"echo", `{"a":"b"}`, `{"a":"b"}`, "", ""},
		{"echo", ``, `{}`, "", ""},
		{"empty", `{}`, `{}`, "", ""},
		{"typed", `{"A":1}`, `{"B":2,"UID":` + strconv.Itoa(os.Geteuid()) + `}`, "", ""},
		{"typed", `{"A":"x"}`, ``, credential.InvalidInput, "the params do not fit the method: A"},
		{"locked", ``, ``, credential.Locked, "it is locked"},
		{"plain", ``, ``, credential.Internal, "zend failed; its log says why"},
		{"panic", ``, ``, credential.Internal, "zend failed; its log says why"},
		{"nothing", ``, ``, credential.UnknownMethod, `zend does not know the method "nothing"`},
	}
	for _, tt := range tests {
		t.Run(tt.method, func(t *testing.T) {
			reply, err := c.Call(tt.method, []byte(tt.params), soon())
			if got := string(reply.Result); got != tt.want {
				t.Errorf("result %s, want %s", got, tt.want)
			}
			if credential.ReasonOf(err) != tt.reason || err != nil && err.Error() != tt.message {
				t.Errorf("error %v (%s)", err, credential.ReasonOf(err))
			}
		})
	}
}
