package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/ipc"
	"github.com/zen-agent/zen/internal/ipc/server"
)

const nobody = 65534

// process is this test binary as another process.
func process(t *testing.T, program, role, dir string, files ...*os.File) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, "play", role, dir)
	cmd.Stderr = os.Stderr
	cmd.ExtraFiles = files
	t.Cleanup(func() {
		if cmd.Process != nil {
			cmd.Process.Kill()
			cmd.Wait()
		}
	})
	return cmd
}

func self(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exe
}

// run starts cmd and waits until it is ready.
func run(t *testing.T, cmd *exec.Cmd) (says *bufio.Reader) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	says = bufio.NewReader(out)
	if line, err := says.ReadString('\n'); line != "ready\n" {
		t.Fatalf("%q, %v", line, err)
	}
	return says
}

// who asks the process behind a socket what it is.
type who struct {
	PID              int
	Generation, Left string
	Activated, Owned bool
}

func ask(t *testing.T, path string) (w who) {
	t.Helper()
	reply, err := (&ipc.Client{Socket: path}).Call("who", nil, soon())
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(reply.Result, &w); err != nil {
		t.Fatal(err)
	}
	return w
}

// Another user who gets at the socket is refused, and told so; nothing is carried out.
func TestForeignClient(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be another user")
	}
	dir := shortDir(t)
	program, err := os.ReadFile(self(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(dir, 0o755),
		os.WriteFile(filepath.Join(dir, "program"), program, 0o755)); err != nil {
		t.Fatal(err)
	}
	ln, err := server.Listen(filepath.Join(dir, "s"), filepath.Join(dir, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if err := os.Chmod(ln.Path(), 0o666); err != nil { // only the check of the peer is left
		t.Fatal(err)
	}
	var called atomic.Bool
	srv := &server.Server{
		Methods: map[string]server.Handler{
			"echo": func(context.Context, *server.Call) error { called.Store(true); return nil },
		},
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ctx, ln) }()
	cmd := process(t, filepath.Join(dir, "program"), "client", dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if reason, _ := reasonOf(t, string(out)); reason != credential.ForeignPeer ||
		!strings.Contains(string(out), "this zend serves user 0 only") {
		t.Errorf("was told %s", out)
	}
	if _, err := (&ipc.Client{Socket: ln.Path()}).Call("echo", nil, soon()); err != nil ||
		!called.Swap(false) {
		t.Errorf("the user's own call: %v", err)
	}
	stop()
	if err := <-done; err != nil || called.Load() {
		t.Errorf("%v, called: %v", err, called.Load())
	}
}

// The peer is known by what the kernel says.
func TestPeer(t *testing.T) {
	type seen struct {
		server.Peer
		exe, dir string
		parents  []string
	}
	peers := make(chan seen, 1)
	srv := &server.Server{
		Methods: map[string]server.Handler{"echo": func(_ context.Context, call *server.Call) error {
			peers <- seen{call.Peer, call.Peer.Executable(), call.Peer.Dir(), call.Peer.Parents()}
			return nil
		}},
	}
	if _, err := (&ipc.Client{Socket: start(t, srv)}).Call("echo", nil, soon()); err != nil {
		t.Fatal(err)
	}
	p := <-peers
	if p.UID != os.Geteuid() || p.GID != os.Getegid() || p.PID != os.Getpid() {
		t.Errorf("%+v", p)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS == "linux" && (p.exe != self(t) || p.dir != here || len(p.parents) == 0) {
		t.Errorf("%q, %q, %q", p.exe, p.dir, p.parents)
	}
}

// A service manager's socket is served, stays when zend ends, and no child is told of it.
func TestActivation(t *testing.T) {
	dir := shortDir(t)
	path := filepath.Join(dir, "s")
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	f, err := ln.File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for range 2 {
		cmd := process(t, self(t), "activated", dir, f)
		cmd.Env = append(os.Environ(), "LISTEN_FDS=1", "LISTEN_FDNAMES=zend.socket", "LISTEN_PID=")
		run(t, cmd)
		if w := ask(t, path); w.PID != cmd.Process.Pid || !w.Activated || !w.Owned || w.Left != "" {
			t.Errorf("%+v", w)
		}
		if _, err := (&ipc.Client{Socket: path}).Call("stop", nil, soon()); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Lstat(path); err != nil {
			t.Errorf("the manager's socket is gone: %v", err)
		}
	}
}

func TestActivationGoneWrong(t *testing.T) {
	dir := shortDir(t)
	file, err := os.Create(filepath.Join(dir, "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	datagrams, err := udp.File()
	if err != nil {
		t.Fatal(err)
	}
	defer datagrams.Close()
	tcp, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	internet, err := tcp.File()
	if err != nil {
		t.Fatal(err)
	}
	defer internet.Close()
	tests := []struct {
		name, fds string
		file      *os.File
		want      string
	}{
		{"two", "2", file, `failed: <nil>, the service manager passed "2" sockets instead of one`},
		{"none", "", file, `failed: <nil>, the service manager passed "" sockets instead of one`},
		{"a file", "1", file, "failed: <nil>, the passed descriptor is no listening socket: "},
		{"datagrams", "1", datagrams, "failed: <nil>, the passed descriptor is no listening socket: "},
		{"the internet", "1", internet, "failed: <nil>, the passed descriptor is no listening socket: it " +
			"is not a Unix socket"},
		{"nothing", "1", nil, "failed: <nil>, the passed descriptor is no listening socket: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cmd := process(t, self(t), "activated", dir, tt.file)
			if tt.file == nil {
				cmd.ExtraFiles = nil
			}
			cmd.Env = append(os.Environ(), "LISTEN_FDS="+tt.fds, "LISTEN_PID=")
			out, err := cmd.Output()
			if err == nil || !strings.HasPrefix(string(out), tt.want) {
				t.Errorf("%s, %v", out, err)
			}
		})
	}
	// What was meant for another process is left alone.
	t.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid()+1))
	t.Setenv("LISTEN_FDS", "1")
	if ln, err := server.Activated(filepath.Join(dir, "s"), filepath.Join(dir, "lock")); ln != nil ||
		err != nil ||
		os.Getenv("LISTEN_PID") != "" {
		t.Errorf("%v, %v", ln, err)
	}
}

// After a restart the same process serves the same socket under the same lock, and who
// connected meanwhile is answered.
func TestRestartInPlace(t *testing.T) {
	dir := shortDir(t)
	path := filepath.Join(dir, "s")
	cmd := process(t, self(t), "serve", dir)
	says := run(t, cmd)
	before, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	for generation := range 3 {
		w := ask(t, path)
		if w.PID != cmd.Process.Pid || len(w.Generation) != generation || w.Activated || !w.Owned ||
			w.Left != "" {
			t.Fatalf("%+v", w)
		}
		if _, err := (&ipc.Client{Socket: path}).Call("restart", nil, soon()); err != nil {
			t.Fatal(err)
		}
		c := dial(t, path) // it may be between two lives
		c.send(`{"jsonrpc":"2.0","id":7,"method":"who"}` + "\n")
		if line, err := c.line(); err != nil || !strings.Contains(line, "generation") {
			t.Fatalf("%s, %v", line, err)
		}
		if line, err := says.ReadString('\n'); line != "ready\n" {
			t.Fatalf("%q, %v", line, err)
		}
	}
	if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) {
		t.Errorf("it is another socket (%v)", err)
	}
	if _, err := server.Listen(path, filepath.Join(dir, "lock")); !credential.VaultBusy.Is(err) {
		t.Errorf("the lock was lost: %v", err)
	}
	if _, err := (&ipc.Client{Socket: path}).Call("stop", nil, soon()); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket was left behind: %v", err)
	}
	ln, err := server.Listen(path, filepath.Join(dir, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
}

// What a started zend tells its client goes through the passed pipe, once.
func TestReady(t *testing.T) {
	tests := []struct {
		name string
		tell func(*server.Ready)
		want string
	}{
		{"done", func(r *server.Ready) { r.Done(); r.Failed(errors.New("late")) }, "ready\n"},
		{
			"failed", func(r *server.Ready) {
				r.Failed(credential.NewError(credential.Locked, "it is locked",
					""))
				r.Done()
			},
			`error: {"code":-32007,"message":"it is locked","data":{"reason":"locked","hint":"unlock the ` +
				`vault: zen unlock"}}` + "\n",
		},
		{"nothing failed", func(r *server.Ready) { r.Failed(nil); r.Done() }, "ready\n"},
		{"nobody reads", nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			fd, err := syscall.Dup(int(w.Fd())) // as it is inherited: no *os.File knows of it
			if err != nil {
				t.Fatal(err)
			}
			w.Close()
			t.Setenv(ipc.ReadyVariable, strconv.Itoa(fd))
			ready := server.InheritedReady()
			if ready == nil || os.Getenv(ipc.ReadyVariable) != "" {
				t.Fatalf("%v, %q", ready, os.Getenv(ipc.ReadyVariable))
			}
			if tt.tell == nil {
				r.Close()
				ready.Done()
				return
			}
			tt.tell(ready)
			r.SetReadDeadline(time.Now().Add(5 * time.Second))
			got, err := bufio.NewReader(r).ReadString('\n')
			if err != nil || got != tt.want {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	for _, value := range []string{"", "x", "-1", "2", "99999", "1"} {
		t.Setenv(ipc.ReadyVariable, value)
		if ready := server.InheritedReady(); ready != nil {
			t.Errorf("%q is taken for a pipe", value)
		}
	}
	var none *server.Ready
	none.Done()
	none.Failed(errors.New("x"))
}
