package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safejson"
)

// pipe serves one connection that is not a socket, so that time can be made up.
func pipe(srv *Server) (client net.Conn, served chan struct{}) { return unstarted(srv).pipe() }

// unstarted is a server without a socket.
func unstarted(srv *Server) *running {
	r := &running{
		Server: srv, limits: srv.Limits.withDefaults(), log: srv.Log, base: context.Background(),
		larges: make(chan struct{}, maxLarge),
		turns:  make(chan struct{}, maxTurns), unsent: semaphore.NewWeighted(maxUnsent),
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	return r
}

func (r *running) pipe() (client net.Conn, served chan struct{}) {
	client, theirs := net.Pipe()
	c := &conn{running: r, Conn: theirs, peer: Peer{UID: 1}}
	served = make(chan struct{})
	go func() {
		defer close(served)
		c.serve()
		theirs.Close()
	}()
	return client, served
}

// reason is that of the error in a response line.
func reason(t *testing.T, line []byte) credential.Reason {
	t.Helper()
	var reply struct {
		Version string `json:"jsonrpc"`
		Error   *struct {
			Code int
			Data struct{ Reason credential.Reason }
		}
	}
	if err := json.Unmarshal(line, &reply); err != nil || reply.Version != "2.0" {
		t.Fatalf("%q is no response: %v", line, err)
	}
	if reply.Error == nil {
		return ""
	}
	if reply.Error.Code != reply.Error.Data.Reason.Info().Code {
		t.Errorf("%s has code %d", reply.Error.Data.Reason, reply.Error.Code)
	}
	return reply.Error.Data.Reason
}

const ping = `{"jsonrpc":"2.0","id":1,"method":"ping"}` + "\n"

func pingServer() *Server {
	return &Server{Methods: map[string]Handler{"ping": func(context.Context, *Call) error { return nil }}}
}

// A request has to come whole within 2 s, from the connection or from its first byte.
func TestTimeToFirstLine(t *testing.T) {
	tests := []struct {
		name  string
		first string        // sent at once
		drip  string        // sent byte by byte
		every time.Duration // between two bytes
		ends  time.Duration // after the connection
		say   credential.Reason
	}{
		{"nothing", "", "", 0, 2 * time.Second, credential.Timeout},
		{"half a line", `{"jsonrpc"`, "", 0, 2 * time.Second, credential.Timeout},
		{
			"drop by drop",
			"",
			strings.Repeat(" ", 100),
			300 * time.Millisecond,
			2 * time.Second,
			credential.Timeout,
		},
		// 1 s and then 60 s idle
		{"in time", "", ping[len(ping)-10:], 100 * time.Millisecond, 61 * time.Second, ""},
		{"at once", ping, "", 0, 60 * time.Second, ""},
		{"a second one in halves", ping + ping[:10], "", 0, 2 * time.Second, credential.Timeout},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				client, served := pipe(pingServer())
				var writer sync.WaitGroup
				defer writer.Wait()
				writer.Go(func() {
					if tt.name == "in time" {
						io.WriteString(client, ping[:len(ping)-10])
					}
					io.WriteString(client, tt.first)
					for i := range len(tt.drip) {
						time.Sleep(tt.every)
						if _, err := io.WriteString(client, tt.drip[i:i+1]); err != nil {
							return
						}
					}
				})
				said, _ := io.ReadAll(client)
				<-served
				if took := time.Since(begin); took != tt.ends {
					t.Errorf("ended after %v, not %v", took, tt.ends)
				}
				lines := bytes.SplitAfter(bytes.TrimSuffix(said, []byte("\n")), []byte("\n"))
				if got := reason(t, lines[len(lines)-1]); got != tt.say {
					t.Errorf("said %q", said)
				}
			})
		})
	}
}

// A request that came in time is served in any case: on a busy machine it may be zend
// that is late.
func TestWhatCameInTimeIsServed(t *testing.T) {
	long := func(n int) string { return strings.Repeat(" ", n) }
	for _, tt := range []struct {
		sent string
		say  credential.Reason
	}{
		{ping, ""},
		{long(2*firstBuffer) + ping, ""},
		{long(2*largeBuffer) + ping, ""},
		{ping[:10], credential.Timeout},
		{long(2*firstBuffer) + ping[:10], credential.Timeout},
		{"", credential.Timeout},
	} {
		fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		var ends [2]net.Conn
		for i, fd := range fds {
			f := os.NewFile(uintptr(fd), "")
			if ends[i], err = net.FileConn(f); err != nil {
				t.Fatal(err)
			}
			f.Close()
			defer ends[i].Close()
		}
		io.WriteString(ends[0], tt.sent)
		srv := pingServer()
		srv.Limits.FirstLine, srv.Limits.Idle = time.Nanosecond, time.Nanosecond
		c := &conn{running: unstarted(srv), Conn: ends[1], peer: Peer{UID: 1}}
		c.serve()
		ends[1].Close()
		said, err := io.ReadAll(ends[0])
		if err != nil || reason(t, said) != tt.say {
			t.Errorf("%d bytes: said %q (%v)", len(tt.sent), said, err)
		}
	}
}

// A client that does not read its answer is given up after 10 s.
func TestSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		client, served := pipe(pingServer())
		io.WriteString(client, ping)
		<-served
		if took := time.Since(begin); took != 10*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// After requests there is quiet once, and only when none is served.
func TestQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := make(chan time.Duration, 10)
		begin := time.Now()
		srv := pingServer()
		srv.Quiet = func() { calls <- time.Since(begin) }
		srv.Methods["wait"] = func(context.Context, *Call) error { time.Sleep(10 * time.Second); return nil }
		client, served := pipe(srv)
		go io.Copy(io.Discard, client)
		io.WriteString(client, ping)
		time.Sleep(3 * time.Second)
		io.WriteString(client, ping)
		time.Sleep(30 * time.Second)
		io.WriteString(client, strings.Replace(ping, "ping", "wait", 1))
		time.Sleep(time.Minute)
		client.Close()
		<-served
		var quiet []time.Duration
		for len(calls) > 0 {
			quiet = append(quiet, <-calls)
		}
		if len(quiet) != 2 || quiet[0] != 8*time.Second || quiet[1] < 48*time.Second ||
			quiet[1] > 53*time.Second {
			t.Errorf("there was quiet after %v", quiet)
		}
	})
}

// Only so many clients at a time may send large requests, however many want to, so that
// memory is bounded. The next one waits for its turn, and small requests are served
// meanwhile.
func TestLargeRequestsWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := unstarted(pingServer())
		padding := strings.Repeat(" ", 2*largeBuffer)
		for range maxLarge {
			client, served := r.pipe()
			io.WriteString(client, padding) // a pipe has no buffer: it has been read
			defer func() {
				said, _ := io.ReadAll(client)
				if got := reason(t, said); got != credential.Timeout {
					t.Errorf("said %q", said)
				}
				<-served
			}()
		}
		time.Sleep(time.Second)
		begin := time.Now()
		ask := func(line string) time.Duration {
			client, served := r.pipe()
			go io.WriteString(client, line)
			said, err := bufio.NewReader(client).ReadBytes('\n')
			if err != nil || reason(t, said) != "" {
				t.Errorf("said %q (%v)", said, err)
			}
			took := time.Since(begin)
			client.Close()
			<-served
			return took
		}
		if took := ask(ping); took != 0 {
			t.Errorf("a small request took %v", took)
		}
		if took := ask(padding + ping); took != time.Second { // until the others had their two seconds
			t.Errorf("one too many took %v", took)
		}
		synctest.Wait()
		if len(r.larges) != 0 {
			t.Errorf("%d are still counted", len(r.larges))
		}
	})
}

// largeServer answers "large" with a large answer, after waiting for its turn, and "huge"
// with one without having waited.
func largeServer() *Server {
	srv := pingServer()
	huge := func(_ context.Context, call *Call) error {
		call.Result.Append(
			func(dst []byte) []byte { return safejson.AppendString(dst, strings.Repeat("x", 3*largeBuffer)) },
		)
		return nil
	}
	srv.Methods["huge"] = huge
	srv.Methods["large"] = func(ctx context.Context, call *Call) error {
		if err := Large(ctx); err != nil {
			return err
		}
		return huge(ctx, call)
	}
	return srv
}

// Who does not read large answers can only have zend keep so many of them. Who asks for
// another one has to wait, and is told so when it takes too long; one that did not
// announce itself is refused. Small ones are sent all the same, and there is room again
// when one was read.
func TestLargeAnswersThatNobodyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := unstarted(largeServer())
		large := strings.Replace(ping, `"ping"`, `"large","timeout_ms":1000`, 1)
		huge := strings.Replace(ping, "ping", "huge", 1)
		const others = maxUnsent - 6*largeBuffer
		if !r.unsent.TryAcquire(others) {
			t.Fatal("no room")
		}
		ask := func(line string, want credential.Reason) {
			t.Helper()
			client, served := r.pipe()
			io.WriteString(client, line)
			said, err := bufio.NewReader(client).ReadBytes('\n')
			if err != nil || reason(t, said) != want || !bytes.Contains(said, []byte(`"id":1`)) {
				t.Errorf("said %.200q (%v), want %q", said, err, want)
			}
			client.Close()
			<-served
		}
		ask(large, "")
		ask(huge, "")
		slow, served := r.pipe()
		io.WriteString(slow, large)
		synctest.Wait() // it is being sent
		begin := time.Now()
		ask(huge, credential.RateLimited)
		ask(ping, "")
		if waited := time.Since(begin); waited != 0 {
			t.Errorf("they waited for %v", waited)
		}
		ask(large, credential.Timeout)
		if waited := time.Since(begin); waited != time.Second {
			t.Errorf("it waited for %v", waited)
		}
		next := make(chan struct{})
		go func() {
			defer close(next)
			ask(large, "")
		}()
		synctest.Wait() // it waits
		if said, err := bufio.NewReader(slow).ReadBytes('\n'); err != nil || reason(t, said) != "" ||
			len(said) < 3*largeBuffer {
			t.Errorf("the slow one was told %.200q (%v)", said, err)
		}
		<-next
		slow.Close()
		<-served
		ask(huge, "")
		if !r.unsent.TryAcquire(maxUnsent-others) || len(r.turns) != 0 {
			t.Error("something is still counted")
		}
	})
}

// Only so many large answers are built at the same time, however many are asked for; each
// gets its turn, also after one that failed or panicked, and small ones need none.
func TestLargeAnswersTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := largeServer()
		large := srv.Methods["large"]
		var building, most atomic.Int32
		var n atomic.Int32
		srv.Methods["large"] = func(ctx context.Context, call *Call) error {
			if err := Large(ctx); err != nil {
				return err
			}
			if err := Large(ctx); err != nil { // again: it has its turn
				return err
			}
			for now, old := building.Add(1), most.Load(); now > old &&
				!most.CompareAndSwap(old, now); old = most.Load() {
			}
			defer building.Add(-1)
			time.Sleep(time.Second)
			switch n.Add(1) % 3 {
			case 0:
				panic("at the disco")
			case 1:
				return credential.NewError(credential.Denied, "no", "")
			}
			return large(ctx, call)
		}
		r := unstarted(srv)
		var all sync.WaitGroup
		begin := time.Now()
		for range 5 * maxTurns {
			all.Go(func() {
				client, served := r.pipe()
				io.WriteString(client, strings.Replace(ping, "ping", "large", 1))
				if _, err := bufio.NewReader(client).ReadBytes('\n'); err != nil {
					t.Error(err)
				}
				client.Close()
				<-served
			})
		}
		synctest.Wait()
		client, served := r.pipe()
		io.WriteString(client, ping)
		if said, err := bufio.NewReader(client).ReadBytes('\n'); err != nil || reason(t, said) != "" ||
			time.Since(begin) != 0 {
			t.Errorf("a small one was told %q (%v) after %v", said, err, time.Since(begin))
		}
		client.Close()
		<-served
		all.Wait()
		if took := time.Since(begin); most.Load() != maxTurns || took != 5*time.Second || len(r.turns) != 0 {
			t.Errorf("up to %d were built at the same time, which took %v; %d turns are "+
				"left", most.Load(), took, len(r.turns))
		}
	})
}

// A handler gets the client's time limit, or the server's when that is shorter.
func TestTimeToAnswer(t *testing.T) {
	for sent, want := range map[string]time.Duration{
		``:                   3 * time.Minute,
		`,"timeout_ms":1500`: 1500 * time.Millisecond, `,"timeout_ms":99999999`: 3 * time.Minute,
		`,"timeout_ms":0`: 3 * time.Minute,
	} {
		synctest.Test(t, func(t *testing.T) {
			srv := &Server{Methods: map[string]Handler{"wait": func(ctx context.Context, _ *Call) error {
				<-ctx.Done()
				return ctx.Err()
			}}}
			begin := time.Now()
			client, served := pipe(srv)
			io.WriteString(client, `{"jsonrpc":"2.0","id":1,"method":"wait"`+sent+"}\n")
			line, err := bufio.NewReader(client).ReadBytes('\n')
			if err != nil || reason(t, line) != credential.Timeout {
				t.Errorf("%s: said %s (%v)", sent, line, err)
			}
			if took := time.Since(begin); took != want {
				t.Errorf("%s: took %v", sent, took)
			}
			client.Close()
			<-served
		})
	}
}

// Nothing of a request or response is left in the buffers, and nothing of it reaches the
// log.
func TestNothingIsLeft(t *testing.T) {
	const canary = "canary-4711"
	big := canary + strings.Repeat("x", 3*keepBuffer)
	var log bytes.Buffer
	var kept [][]byte
	keep := func(b []byte) { kept = append(kept, slices.Clip(b)) }
	methods := map[string]Handler{
		"echo": func(_ context.Context, call *Call) error {
			keep(call.Params)
			return safejson.Strings(call.Params, func(_ string, text []byte) {
				keep(text)
				for range 3 {
					call.Result.Append(func(dst []byte) []byte {
						dst = safejson.AppendString(dst, text)
						keep(dst)
						return dst
					})
				}
			})
		},
		"fail": func(_ context.Context, call *Call) error {
			keep(call.Params)
			call.Result.Append(
				func(dst []byte) []byte { dst = append(dst, call.Params...); keep(dst); return dst },
			)
			return credential.NewError(credential.Locked, "locked", "")
		},
		"panic": func(_ context.Context,
			call *Call,
		) error {
			keep(call.Params)
			panic(string(call.Params[:0]) + "boom")
		},
		"odd": func(_ context.Context, call *Call) error { keep(call.Params); panic(call) },
	}
	srv := &Server{Methods: methods, Log: slog.New(slog.NewTextHandler(&log, nil))}
	client, served := pipe(srv)
	go func() {
		for method := range methods {
			for _, secret := range []string{canary, big} {
				io.WriteString(
					client,
					`{"jsonrpc":"2.0","id":1,"method":"`+method+`","params":{"s":"`+secret+`"}}`+"\n",
				)
			}
		}
		// no JSON
		io.WriteString(
			client,
			`{"jsonrpc":"2.0","id":1,"method":"`+canary+`","params":{"s":"`+canary+"\x00\"}}\n",
		)
		// no end
		io.WriteString(client, `{"s":"`+canary)
		client.SetReadDeadline(time.Now().Add(10 * time.Second))
	}()
	go func() {
		r := bufio.NewReader(client)
		for range 2*len(methods) + 1 {
			r.ReadBytes('\n')
		}
		client.Close()
	}()
	<-served
	if len(kept) < 2*len(methods) {
		t.Fatalf("only %d buffers were seen", len(kept))
	}
	for _, b := range kept {
		if bytes.Contains(b, []byte(canary)) {
			t.Errorf("a buffer of %d bytes still has the secret", len(b))
		}
	}
	if strings.Contains(log.String(), canary) || !strings.Contains(log.String(), "Handler panicked") {
		t.Errorf("the log is:\n%s", log.String())
	}
}

var requests = []string{
	``, ` `, `garbage`, `{`, `{}`, `[]`, `null`, `1`, `"x"`,
	`{"jsonrpc":"2.0","id":1,"method":"echo","params":{"a":1}}`,
	`{"jsonrpc":"2.0","id":"x","method":"echo"}`, `{"jsonrpc":"2.0","method":"echo"}`,
	`{"jsonrpc":"1.0","id":1,"method":"echo"}`,
	`{"id":1,"method":"echo"}`, `{"jsonrpc":"2.0","id":1}`, `{"jsonrpc":"2.0","id":{},"method":"echo"}`,
	`{"jsonrpc":"2.0","id":1,"id":2,"method":"echo"}`,
	`{"jsonrpc":"2.0","id":1.5e3,"method":"echo","params":[1]}`, `[{"jsonrpc":"2.0","id":1,"method":"echo"}]`,
	"{\"jsonrpc\":\"2.0\",\"id\":\"\\u0000\\ud83d\\ude00\",\"method\":\"no\xffne\"}",
	`{"jsonrpc":"2.0","id":null,"method":"fail","client":"c","timeout_ms":1}`,
}

// checkAnswer: whatever line comes, the answer is one line with one JSON-RPC 2.0 response
// that repeats the request's id.
func checkAnswer(t *testing.T, line []byte) {
	line, _, _ = bytes.Cut(line, []byte("\n"))
	srv := &Server{Methods: map[string]Handler{
		"echo": func(_ context.Context, call *Call) error {
			call.Result.Append(func(dst []byte) []byte { return append(dst, call.Params...) })
			return nil
		},
		"fail": func(context.Context, *Call) error { return io.ErrUnexpectedEOF },
	}}
	r := &running{
		Server: srv,
		limits: srv.Limits.withDefaults(),
		log:    slog.New(slog.DiscardHandler),
		base:   t.Context(),
	}
	var reply Buffer
	before := bytes.Clone(line)
	wanted := r.answer(Peer{}, line, &reply)
	if !bytes.Equal(line, before) {
		t.Error("the request was changed")
	}
	text, ok := bytes.CutSuffix(reply.b, []byte("\n"))
	if !ok || bytes.IndexByte(text, '\n') >= 0 || !json.Valid(text) {
		t.Fatalf("%q is answered with %q", line, reply.b)
	}
	var response struct {
		Version string          `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Result  json.RawMessage `json:"result"`
		Error   json.RawMessage `json:"error"`
	}
	if err := json.Unmarshal(text, &response); err != nil || response.Version != "2.0" ||
		(response.Result == nil) == (response.Error == nil) {
		t.Fatalf("%q is answered with %q (%v)", line, text, err)
	}
	var request map[string]json.RawMessage
	id, sent := json.RawMessage("null"), false
	if json.Unmarshal(line, &request) == nil {
		id, sent = request["id"], request["id"] != nil
	}
	if response.Error == nil && wanted != sent {
		t.Errorf("%q: an answer is wanted: %v", line, wanted)
	}
	if response.Error == nil && sent && !bytes.Equal(response.ID, id) {
		t.Errorf("%q is answered with id %s", line, response.ID)
	}
}

func TestAnswer(t *testing.T) {
	for _, line := range requests {
		checkAnswer(t, []byte(line))
	}
}

func FuzzAnswer(f *testing.F) {
	for _, line := range requests {
		f.Add([]byte(line))
	}
	f.Fuzz(checkAnswer)
}
