package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/ipc"
	"github.com/zen-agent/zen/internal/ipc/server"
)

// wire is a connection without a client's courtesy.
type wire struct {
	net.Conn
	in *bufio.Reader
}

func dial(t *testing.T, path string) *wire {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(soon())
	return &wire{c, bufio.NewReader(c)}
}

func (w *wire) send(s string) { io.WriteString(w, s) }

func (w *wire) line() (string, error) { return w.in.ReadString('\n') }

// reasonOf is the reason in a response line.
func reasonOf(t *testing.T, line string) (credential.Reason, string) {
	t.Helper()
	var reply struct {
		ID    json.RawMessage
		Error struct {
			Message string
			Data    struct{ Reason credential.Reason }
		}
	}
	if err := json.Unmarshal([]byte(line), &reply); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	return reply.Error.Data.Reason, string(reply.ID)
}

func echoServer() *server.Server {
	return &server.Server{Methods: map[string]server.Handler{"echo": echo}}
}

// What is wrong with a request is said, and the connection goes on.
func TestBadRequests(t *testing.T) {
	path := start(t, echoServer())
	tests := []struct {
		line   string
		reason credential.Reason
		id     string
	}{
		{`{"jsonrpc":"2.0","id":7,"method":"echo"}`, "", "7"},
		{`{"jsonrpc":"2.0","id":"seven","method":"echo","unknown":[1]}`, "", `"seven"`},
		{`{"jsonrpc":"2.0","id":null,"method":"echo"}`, "", "null"},
		{` {"jsonrpc":"2.0","id":7,"method":"echo","client":"c/1"} ` + "\r", "", "7"},
		{``, credential.ParseError, "null"},
		{`garbage`, credential.ParseError, "null"},
		{`{"jsonrpc":"2.0","id":7,"method":"echo"`, credential.ParseError, "null"},
		{`{"jsonrpc":"2.0","id":7,"method":"echo"}}`, credential.ParseError, "null"},
		{"{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"\xff\"}", credential.ParseError, "null"},
		{
			`{"jsonrpc":"2.0","id":7,"method":"echo","params":` + strings.Repeat(
				`{"a":`,
				100,
			) + `1` + strings.Repeat(
				`}`,
				101,
			),
			credential.ParseError,
			"null",
		},
		{strings.Repeat(`[`, 100000), credential.ParseError, "null"},
		{`[]`, credential.BadRequest, "null"},
		{`[{"jsonrpc":"2.0","id":7,"method":"echo"}]`, credential.BadRequest, "null"},
		{`1`, credential.BadRequest, "null"},
		{`{}`, credential.BadRequest, "null"},
		{`{"jsonrpc":"1.0","id":7,"method":"echo"}`, credential.BadRequest, "null"},
		{`{"jsonrpc":2.0,"id":7,"method":"echo"}`, credential.BadRequest, "null"},
		{`{"id":7,"method":"echo"}`, credential.BadRequest, "7"},
		{`{"jsonrpc":"2.0","id":7}`, credential.BadRequest, "7"},
		{`{"jsonrpc":"2.0","id":7,"method":""}`, credential.BadRequest, "7"},
		{`{"jsonrpc":"2.0","id":7,"method":1}`, credential.BadRequest, ""},
		{`{"jsonrpc":"2.0","id":7,"method":"` + strings.Repeat("m", 200) + `"}`, credential.BadRequest, ""},
		{`{"jsonrpc":"2.0","id":7,"id":8,"method":"echo"}`, credential.BadRequest, "null"},
		{`{"jsonrpc":"2.0","id":[7],"method":"echo"}`, credential.BadRequest, ""},
		{`{"jsonrpc":"2.0","id":true,"method":"echo"}`, credential.BadRequest, ""},
		{
			`{"jsonrpc":"2.0","id":"` + strings.Repeat("7", 300) + `","method":"echo"}`,
			credential.BadRequest,
			"",
		},
		{`{"jsonrpc":"2.0","id":7,"method":"echo","params":[1]}`, credential.BadRequest, ""},
		{`{"jsonrpc":"2.0","id":7,"method":"echo","params":null}`, credential.BadRequest, ""},
		{`{"jsonrpc":"2.0","id":7,"method":"echo","timeout_ms":-1}`, credential.BadRequest, ""},
		{`{"jsonrpc":"2.0","id":7,"method":"echo","timeout_ms":"1"}`, credential.BadRequest, ""},
		{`{"jsonrpc":"2.0","id":7,"method":"Echo"}`, credential.UnknownMethod, "7"},
		{`{"jsonrpc":"2.0","id":7,"method":"rpc.discover"}`, credential.UnknownMethod, "7"},
	}
	c := dial(t, path)
	for _, tt := range tests {
		c.send(tt.line + "\n")
		got, err := c.line()
		if err != nil {
			t.Fatalf("%.60s: %v", tt.line, err)
		}
		reason, id := reasonOf(t, got)
		if reason != tt.reason || tt.id != "" && id != tt.id {
			t.Errorf("%.60s: %s", tt.line, got)
		}
	}
	// A notification is carried out and not answered.
	c.send(
		`{"jsonrpc":"2.0","method":"echo"}` + "\n" + `{"jsonrpc":"2.0","id":"next","method":"echo"}` + "\n",
	)
	if got, err := c.line(); err != nil || !strings.Contains(got, `"next"`) {
		t.Errorf("%s, %v", got, err)
	}
}

// A line may have ipc.MaxMessage bytes and not one more.
func TestMessageSize(t *testing.T) {
	path := start(t, echoServer())
	const head, tail = `{"jsonrpc":"2.0","id":7,"method":"echo","client":"`, `"}` + "\n"
	client := `c","params":{"a":"`
	for _, tt := range []struct {
		size   int
		reason credential.Reason
	}{
		{ipc.MaxMessage, ""},
		{ipc.MaxMessage + 1, credential.TooLarge},
		{2 * ipc.MaxMessage, credential.TooLarge},
	} {
		line := head + client + strings.Repeat(
			"x",
			tt.size-len(head)-len(client)-len(tail)-1,
		) + `"}` + tail[1:]
		if len(line) != tt.size {
			t.Fatalf("made %d bytes instead of %d", len(line), tt.size)
		}
		c := dial(t, path)
		go c.send(line)
		got, err := c.line()
		if err != nil {
			t.Fatal(err)
		}
		if reason, _ := reasonOf(t, got); reason != tt.reason {
			t.Errorf("%d bytes: %.100s", tt.size, got)
		}
	}
}

// A line without an end is told of as well.
func TestHalfLine(t *testing.T) {
	path := start(t, echoServer())
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, `{"jsonrpc":"2.0","id":7,"method":"echo"}`)
	c.CloseWrite()
	c.SetDeadline(soon())
	got, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	if reason, id := reasonOf(t, string(got)); reason != credential.BadRequest || id != "null" {
		t.Errorf("%s", got)
	}
}

// Requests that come together are answered one after the other.
func TestPipelining(t *testing.T) {
	c := dial(t, start(t, echoServer()))
	var all strings.Builder
	for i := range 50 {
		all.WriteString(
			`{"jsonrpc":"2.0","id":` + string(
				rune('0'+i%10),
			) + `,"method":"echo","params":{"s":"` + strings.Repeat(
				"x",
				i*100,
			) + `"}}` + "\n",
		)
	}
	go c.send(all.String())
	for i := range 50 {
		got, err := c.line()
		if err != nil {
			t.Fatal(err)
		}
		if _, id := reasonOf(t, got); id != string(rune('0'+i%10)) || strings.Count(got, "x") != i*100 {
			t.Errorf("answer %d is %.80s", i, got)
		}
	}
}

// One connection more than the limit is told so, and there is room again when one ends.
func TestConnectionLimit(t *testing.T) {
	srv := echoServer()
	srv.Limits.Connections = 2
	path := start(t, srv)
	var open []net.Conn
	for range 2 {
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		open = append(open, c)
		io.WriteString(c, `{"jsonrpc":"2.0","id":7,"method":"echo"}`+"\n")
		if line, err := bufio.NewReader(c).ReadString('\n'); err != nil || !strings.Contains(line, "result") {
			t.Fatalf("%s, %v", line, err)
		}
	}
	client := &ipc.Client{Socket: path, Name: "test/1"}
	if _, err := client.Call("echo", nil, soon()); !credential.RateLimited.Is(err) {
		t.Errorf("%v", err)
	}
	open[0].Close()
	for end := soon(); ; {
		if _, err := client.Call("echo", nil, soon()); err == nil {
			break
		} else if !credential.RateLimited.Is(err) || time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

func TestManyClients(t *testing.T) {
	path := start(t, echoServer())
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			client := &ipc.Client{Socket: path, Name: "test/1"}
			for range 10 {
				if reply, err := client.Call("echo", []byte(`{"a":"b"}`), soon()); err != nil ||
					string(reply.Result) != `{"a":"b"}` {
					t.Errorf("%s, %v", reply.Result, err)
				}
			}
		})
	}
	wg.Wait()
}

// Until a request is begun there was no activity; while one is served there is.
func TestLastActivity(t *testing.T) {
	inside, leave := make(chan struct{}), make(chan struct{})
	srv := &server.Server{}
	srv.Methods = map[string]server.Handler{"wait": func(context.Context, *server.Call) error {
		close(inside)
		<-leave
		return nil
	}}
	path := start(t, srv)
	dial(t, path) // a connection alone is none
	if !srv.LastActivity().IsZero() {
		t.Error("there was none yet")
	}
	begin := time.Now()
	done := make(chan error, 1)
	go func() {
		_, err := (&ipc.Client{Socket: path}).Call("wait", nil, soon())
		done <- err
	}()
	<-inside
	if now := time.Now(); srv.LastActivity().Before(now) {
		t.Error("a request is being served")
	}
	close(leave)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if last := srv.LastActivity(); last.Before(begin) || last.After(time.Now()) {
		t.Errorf("the last was %v", last)
	}
}
