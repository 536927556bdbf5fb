package ipc_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/ipc"
	"github.com/zen-agent/zen/internal/ipc/server"
)

// TestMain lets the test binary play zend, by its first argument.
func TestMain(m *testing.M) {
	if len(os.Args) > 3 && os.Args[1] == "play" {
		os.Exit(play(os.Args[2], os.Args[3]))
	}
	os.Exit(m.Run())
}

// play is a zend of some behaviour in a directory. It notes each start there.
func play(role, dir string) int {
	note(dir, "starts", strconv.Itoa(os.Getpid()))
	ready := server.InheritedReady()
	switch role {
	case "serve":
		return serve(dir, ready)
	case "fail":
		ready.Failed(credential.NewError(credential.VaultTooNew, "a newer zen wrote the vault", "install it"))
		return 1
	case "fail plainly":
		fmt.Fprintln(os.Stderr, "cause of death")
		return 3
	case "garble":
		os.NewFile(3, "ready").WriteString("error: {nonsense\n")
		return 1
	case "hang":
		time.Sleep(time.Minute)
		return 1
	case "late": // the third one serves
		if lines(dir, "starts") < 3 {
			return 3
		}
		return serve(dir, ready)
	case "gone": // ready, and gone at once; the third one serves
		if lines(dir, "starts") < 3 {
			ready.Done()
			return 0
		}
		return serve(dir, ready)
	case "environment":
		note(dir, "environment", strings.Join(os.Environ(), "\n"))
		wd, _ := os.Getwd()
		sid, _, _ := syscall.Syscall(syscall.SYS_GETSID, 0, 0, 0)
		note(
			dir,
			"process",
			fmt.Sprint(wd, " ", int(sid) == os.Getpid(), " ", strings.Join(os.Args[1:], " ")),
		)
		return serve(dir, ready)
	case "listen", "foreign": // another user's server; the socket of "foreign" is given to root afterwards
		return listenRaw(dir)
	}
	return 2
}

func serve(dir string, ready *server.Ready) int {
	ln, err := server.Listen(filepath.Join(dir, "s"), filepath.Join(dir, "zend.lock"))
	if err != nil {
		ready.Failed(err)
		return 1
	}
	defer ln.Close()
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	srv := &server.Server{Methods: map[string]server.Handler{
		"status": func(_ context.Context, call *server.Call) error {
			call.Result.Append(func(dst []byte) []byte { return fmt.Appendf(dst, `{"pid":%d}`, os.Getpid()) })
			return nil
		},
		"stop": func(context.Context, *server.Call) error { stop(); return nil },
		"list": func(context.Context, *server.Call) error { // the third call is answered
			note(dir, "calls", "list")
			if lines(dir, "calls") < 3 {
				os.Exit(9)
			}
			return nil
		},
		"login": func(context.Context, *server.Call) error {
			note(dir, "calls", "login")
			os.Exit(9)
			return nil
		},
	}}
	ready.Done()
	if err := srv.Serve(ctx, ln); err != nil {
		return 1
	}
	return 0
}

// listenRaw notes what the first client sends.
func listenRaw(dir string) int {
	ln, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		return 1
	}
	os.Chmod(filepath.Join(dir, "s"), 0o777)
	fmt.Println("ready")
	c, err := ln.Accept()
	if err != nil {
		return 1
	}
	got, _ := io.ReadAll(c)
	fmt.Printf("got %q\n", got)
	return 0
}

func note(dir, name, line string) {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	f.WriteString(line + "\n")
}

func lines(dir, name string) int {
	content, _ := os.ReadFile(filepath.Join(dir, name))
	return strings.Count(string(content), "\n")
}

// shortDir is a directory of the user's alone whose name fits into a socket address.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "zen")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func soon() time.Time { return time.Now().Add(10 * time.Second) }

// newClient returns a client that starts a zend of some behaviour, which is ended with
// the test.
func newClient(t *testing.T, dir, role string) *ipc.Client {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		content, _ := os.ReadFile(filepath.Join(dir, "starts"))
		for line := range strings.Lines(string(content)) {
			if pid, err := strconv.Atoi(strings.TrimSpace(line)); err == nil {
				syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	})
	return &ipc.Client{Socket: filepath.Join(dir, "s"), Name: "test/1", Start: starting(ipc.Starter{
		Lock: filepath.Join(
			dir,
			"spawn.lock",
		), Path: exe, Args: []string{"play", role, dir}, Log: filepath.Join(dir, "log"),
	})}
}

func starting(s ipc.Starter) func() (*ipc.Starter, error) {
	return func() (*ipc.Starter, error) { return &s, nil }
}
