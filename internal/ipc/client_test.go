package ipc_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/ipc"
	"github.com/zen-agent/zen/internal/ipc/server"
)

// raw serves connections by hand and counts them.
func raw(t *testing.T, handle func(c net.Conn)) (c *ipc.Client, connections *atomic.Int64) {
	t.Helper()
	path := filepath.Join(shortDir(t), "s")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	connections = new(atomic.Int64)
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			go func() {
				defer conn.Close()
				handle(conn)
			}()
		}
	}()
	return &ipc.Client{Socket: path, Name: "test/1"}, connections
}

func readRequest(c net.Conn) { bufio.NewReaderSize(c, 4<<20).ReadBytes('\n') }

// someConnections: it depends on how much of the request the client was rid of when the
// server went.
const someConnections = -1

func TestServersThatMisbehave(t *testing.T) {
	tests := []struct {
		name        string
		method      string
		handle      func(c net.Conn)
		within      time.Duration
		connections int64
		reason      credential.Reason
		message     string
	}{
		{
			"garbage",
			"get",
			func(c net.Conn) { readRequest(c); io.WriteString(c, "garbage\n") },
			0,
			1,
			credential.Internal,
			"zend's answer makes no sense",
		},
		{
			"empty line",
			"get",
			func(c net.Conn) { readRequest(c); io.WriteString(c, "\n") },
			0,
			1,
			credential.Internal,
			"zend's answer makes no sense",
		},
		{
			"goes at once",
			"get",
			func(net.Conn) {},
			0,
			someConnections,
			credential.Unavailable,
			"zend went away before it answered",
		},
		{"goes after the request", "get", readRequest, 0, 8, credential.Unavailable, "zend went away " +
			"before it answered"},
		{"goes after a login", "login", readRequest, 0, 1, credential.Unavailable, "zend went away " +
			"before it answered"},
		{
			"half an answer",
			"get",
			func(c net.Conn) { readRequest(c); io.WriteString(c, `{"result":{`) },
			0,
			8,
			credential.Unavailable,
			"zend went away before it answered",
		},
		{
			"never answers",
			"get",
			func(c net.Conn) { io.Copy(io.Discard, c) },
			80 * time.Millisecond,
			1,
			credential.Timeout,
			"zend did not answer in time",
		},
		{
			"never ends the line",
			"get",
			func(c net.Conn) { io.WriteString(c, `{"result":`); io.Copy(io.Discard, c) },
			80 * time.Millisecond,
			1,
			credential.Timeout,
			"zend did not answer in time",
		},
		{
			"never reads",
			"store",
			func(c net.Conn) { c.(*net.UnixConn).SetReadBuffer(1); time.Sleep(300 * time.Millisecond) },
			80 * time.Millisecond,
			1,
			credential.Timeout,
			"zend did not answer in time",
		},
		{"refuses without reading", "store", func(c net.Conn) {
			io.WriteString(c, `{"id":null,"error":{"message":"too `+
				`many","data":{"reason":"rate_limited"}}}`+"\n")
		}, 0, someConnections, credential.RateLimited, "too many"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, connections := raw(t, tt.handle)
			deadline := soon()
			if tt.within > 0 {
				deadline = time.Now().Add(tt.within)
			}
			var params []byte
			if tt.method == "store" {
				params = []byte(`{"Secret":"` + strings.Repeat("x", 1<<20) + `"}`)
			}
			reply, err := c.Call(tt.method, params, deadline)
			if credential.ReasonOf(err) != tt.reason || err.Error() != tt.message || reply.Result != nil {
				t.Errorf("%q, %v (%s)", reply.Result, err, credential.ReasonOf(err))
			}
			for end := soon(); connections.Load() < tt.connections && time.Now().Before(end); {
				time.Sleep(time.Millisecond) // the kernel accepts before the server's loop gets to count
			}
			if n := connections.Load(); n != tt.connections &&
				!(tt.connections == someConnections && n < 18) {
				t.Errorf("%d connections, not %d", n, tt.connections)
			}
		})
	}
}

// A client that was told that its request did not come in time sends it again, until its
// own deadline: on a busy machine it can be late through no fault of its own, and zend
// carried nothing out.
func TestTooLateIsRepeated(t *testing.T) {
	const told = `{"jsonrpc":"2.0","id":null,"error":{"code":-32011,"message":"no whole request came in ` +
		`time","data":{"reason":"timeout"}}}` + "\n"
	for _, method := range []string{"get", "login"} {
		for _, reads := range []bool{true, false} {
			var calls atomic.Int64
			c, connections := raw(t, func(conn net.Conn) {
				if calls.Add(1) < 3 {
					io.WriteString(conn, told)
					if reads {
						readRequest(conn)
					}
					return
				}
				readRequest(conn)
				io.WriteString(conn, `{"jsonrpc":"2.0","id":1,"result":{}}`+"\n")
			})
			if _, err := c.Call(method, nil, soon()); err != nil || connections.Load() != 3 {
				t.Errorf("%s, read %v: %v after %d connections", method, reads, err, connections.Load())
			}
		}
	}
	c, _ := raw(t, func(conn net.Conn) { io.WriteString(conn, told); readRequest(conn) })
	if _, err := c.Call("get", nil, soon()); !credential.Timeout.Is(err) || err.Error() != "no whole "+
		"request came in time" {
		t.Errorf("always late: %v", err)
	}
}

// While the queue of a zend that is busy is full, clients wait for a place in it, until
// their deadline.
func TestFullQueue(t *testing.T) {
	path := filepath.Join(shortDir(t), "s")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	listener := os.NewFile(uintptr(fd), path)
	defer listener.Close()
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: path}), unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	fill, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer fill.Close()
	c := &ipc.Client{Socket: path, Name: "test/1"}
	if _, err := c.Call("get", nil, time.Now().Add(20*time.Millisecond)); !credential.Timeout.Is(err) {
		t.Errorf("a queue that stays full: %v", err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := c.Call("login", nil, soon())
		done <- err
	}()
	ln, err := net.FileListener(listener)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	first, err := ln.Accept() // makes room
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	second, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	readRequest(second)
	io.WriteString(second, `{"jsonrpc":"2.0","id":1,"result":{}}`+"\n")
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// An answer comes in pieces, and a large one does too.
func TestAnswersInPieces(t *testing.T) {
	big := strings.Repeat("0123456789", 700_000) // more than any request
	c, _ := raw(t, func(c net.Conn) {
		readRequest(c)
		for _, piece := range []string{`{"res`, `ult":{"a":"`, big, `"}`, "}", "\n"} {
			io.WriteString(c, piece)
		}
	})
	reply, err := c.Call("get", nil, soon())
	if err != nil || string(reply.Result) != `{"a":"`+big+`"}` {
		t.Fatalf("%d bytes, %v", len(reply.Result), err)
	}
	reply.Wipe()
	if string(reply.Result) != strings.Repeat("\x00", len(reply.Result)) {
		t.Error("the answer was not wiped")
	}
}

func TestTooLargeRequestIsNotSent(t *testing.T) {
	c, _ := raw(t, func(c net.Conn) {
		if n, _ := c.Read(make([]byte, 1)); n > 0 {
			t.Error("something was sent")
		}
	})
	params := []byte(`{"a":"` + strings.Repeat("x", ipc.MaxMessage) + `"}`)
	if _, err := c.Call("get", params, soon()); !credential.TooLarge.Is(err) {
		t.Errorf("%v", err)
	}
}

func TestSeveralCallsOverOneConnection(t *testing.T) {
	dir := shortDir(t)
	c := newClient(t, dir, "serve")
	conn, err := c.Dial(soon())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for range 3 {
		if reply, err := conn.Call("status", []byte(`{}`), soon()); err != nil ||
			!strings.HasPrefix(string(reply.Result), `{"pid":`) {
			t.Fatalf("%s, %v", reply.Result, err)
		}
		if _, err := conn.Call("nothing", nil, soon()); !credential.UnknownMethod.Is(err) {
			t.Fatalf("%v", err)
		}
	}
}

// What is at the socket's path and is no zend of the user's.
func TestOddSockets(t *testing.T) {
	tests := []struct {
		name    string
		make    func(path string) error
		message string // after the path
		hint    string
	}{
		{"nothing", func(string) error { return nil }, "zend is not running (nothing answers at " +
			"%)", "zen daemon status"},
		{"left behind", func(path string) error {
			ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
			if err == nil {
				ln.SetUnlinkOnClose(false)
				err = ln.Close()
			}
			return err
		}, "zend is not running (nothing answers at %)", "zen daemon status"},
		{"FIFO", func(path string) error { return unix.Mkfifo(path, 0o600) }, "% is not a socket", "rm %"},
		{"file", func(path string) error { return os.WriteFile(path, nil, 0o600) }, "% is not a " +
			"socket", "rm %"},
		{"directory", func(path string) error { return os.Mkdir(path, 0o700) }, "% is not a socket", "rm %"},
		{"link to a socket", func(path string) error {
			ln, err := net.Listen("unix", path+".real")
			if err != nil {
				return err
			}
			t.Cleanup(func() { ln.Close() }) // what nobody knows any more is closed as garbage
			return os.Symlink(path+".real", path)
		}, "% is not a socket", "rm %"},
		{"link to nowhere", func(path string) error { return os.Symlink("nowhere", path) }, "% is not a " +
			"socket", "rm %"},
		{"datagrams", func(path string) error {
			ln, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
			if err == nil {
				t.Cleanup(func() { ln.Close() })
			}
			return err
		}, "zend cannot be reached at %: protocol wrong type for socket", "zen daemon status"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(shortDir(t), "s")
			if err := tt.make(path); err != nil {
				t.Fatal(err)
			}
			c := &ipc.Client{Socket: path, Name: "test/1"}
			_, err := c.Call("get", nil, soon())
			e, ok := errors.AsType[*credential.Error](err)
			if !ok || e.Reason != credential.Unavailable ||
				e.Error() != strings.ReplaceAll(tt.message, "%", path) ||
				!strings.Contains(e.HintText(), strings.ReplaceAll(tt.hint, "%", path)) {
				t.Errorf("%v (%v)", err, e)
			}
		})
	}
	below := &ipc.Client{Socket: filepath.Join(shortDir(t), "file", "s")}
	os.WriteFile(filepath.Dir(below.Socket), nil, 0o600)
	if _, err := below.Call("get", nil, soon()); !credential.Unavailable.Is(err) {
		t.Errorf("below a file: %v", err)
	}
	long := &ipc.Client{Socket: filepath.Join(shortDir(t), strings.Repeat("x", 120))}
	if _, err := net.Listen("unix", long.Socket); err == nil {
		t.Fatal("this path should be too long")
	}
	if _, err := long.Call("get", nil, soon()); !credential.Unavailable.Is(err) {
		t.Errorf("a path that is too long: %v", err)
	}
}

// A client that has to start zend starts it in place of a socket left behind, not in
// place of anything else.
func TestStartsInPlaceOfStaleSocket(t *testing.T) {
	dir := shortDir(t)
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "s"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	ln.SetUnlinkOnClose(false)
	ln.Close()
	if _, err := newClient(t, dir, "serve").Call("status", nil, soon()); err != nil {
		t.Error(err)
	}
	dir = shortDir(t)
	os.WriteFile(filepath.Join(dir, "s"), []byte("mine"), 0o600)
	if _, err := newClient(t, dir, "serve").Call("status", nil, soon()); !credential.Unavailable.Is(err) {
		t.Errorf("%v", err)
	}
	if content, _ := os.ReadFile(filepath.Join(dir, "s")); string(content) != "mine" ||
		lines(dir, "starts") != 0 {
		t.Error("a file was taken for an old socket")
	}
}

// nobody is a user that no test runs as.
const nobody = 65534

// asNobody returns a command that runs this test binary as another user in a directory of
// theirs.
func asNobody(t *testing.T, role string) (cmd *exec.Cmd, dir string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can be another user")
	}
	dir = shortDir(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "program"), program, 0o755),
		os.Chown(dir, nobody, nobody), os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	cmd = exec.CommandContext(t.Context(), filepath.Join(dir, "program"), "play", role, dir)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	return cmd, dir
}

// A socket that another user owns, or behind which another user's process listens, is not
// talked to.
func TestForeignServers(t *testing.T) {
	for _, role := range []string{"listen", "foreign"} {
		t.Run(role, func(t *testing.T) {
			cmd, dir := asNobody(t, role)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			said := bufio.NewReader(out)
			if line, err := said.ReadString('\n'); line != "ready\n" {
				t.Fatalf("%q, %v", line, err)
			}
			socket := filepath.Join(dir, "s")
			want := "the socket " + socket + " belongs to another user; nothing was sent"
			if role == "foreign" {
				want = "the process behind " + socket + " belongs to another user; nothing was sent"
				if err := os.Chown(socket, 0, 0); err != nil {
					t.Fatal(err)
				}
			}
			c := &ipc.Client{
				Socket: socket,
				Name:   "test/1",
				Start:  starting(ipc.Starter{Lock: filepath.Join(dir, "lock"), Path: "/bin/false"}),
			}
			_, err = c.Call("store", []byte(`{"Secret":"canary"}`), soon())
			if !credential.ForeignPeer.Is(err) || err.Error() != want {
				t.Errorf("%v", err)
			}
			if role == "listen" { // it was not even connected to
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			} else if line, err := said.ReadString('\n'); line != "got \"\"\n" {
				t.Errorf("the other user's server %s (%v)", line, err)
			}
			cmd.Wait()
		})
	}
}

// The largest secret that is certain to pass does, in both directions, whatever
// characters it has.
func TestLargeSecrets(t *testing.T) {
	dir := shortDir(t)
	ln, err := server.Listen(filepath.Join(dir, "s"), filepath.Join(dir, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	srv := &server.Server{
		Methods: map[string]server.Handler{"get": func(_ context.Context, call *server.Call) error {
			secrets, err := ipc.Secrets(call.Params)
			if err == nil {
				call.Result.Append(func(dst []byte) []byte {
					dst = append(dst, `{"secrets":`...)
					return append(ipc.AppendSecrets(dst, secrets), '}')
				})
			}
			return err
		}},
	}
	go func() { done <- srv.Serve(ctx, ln) }()
	defer func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	c := &ipc.Client{Socket: ln.Path(), Name: "test/1"}
	for _, char := range []string{"x", "\n", `"`, "é", "😀"} {
		secret := credential.SecretString(strings.Repeat(char, ipc.MaxSecret/len(char)))
		params := append(
			[]byte(`{"secrets":`),
			ipc.AppendSecrets(nil, map[string]credential.Secret{"s": secret})...)
		reply, err := c.Call("get", append(params, '}'), soon())
		if err != nil {
			t.Fatalf("%q: %v", char, err)
		}
		if back, err := ipc.Secrets(reply.Result); err != nil || !back["s"].Equal(secret) {
			t.Errorf("%q: came back as %d bytes, %v", char, back["s"].Len(), err)
		}
	}
}
