package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/ipc/server"
)

// TestMain lets the test binary be another process, by its first argument.
func TestMain(m *testing.M) {
	if len(os.Args) > 3 && os.Args[1] == "play" {
		if err := play(os.Args[2], os.Args[3]); err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// play is a process that does what role says, in a directory.
func play(role, dir string) error {
	path, lock := filepath.Join(dir, "s"), filepath.Join(dir, "lock")
	switch role {
	case "client": // says what a stranger is told
		c, err := net.Dial("unix", path)
		if err != nil {
			return err
		}
		c.SetDeadline(time.Now().Add(10 * time.Second))
		io.WriteString(c, `{"jsonrpc":"2.0","id":7,"method":"echo"}`+"\n")
		got, err := io.ReadAll(c)
		fmt.Printf("%s", got)
		if errors.Is(err, syscall.ECONNRESET) { // the request was not read
			err = nil
		}
		return err
	case "ask": // asks once and, if there is another program, again on the same connection as that one
		return askAndExec(path, os.Args[4:])
	case "helper":
		// asks as docker-credential-zen does, which forbids to be looked at, from a
		// directory of its own
		if err := errors.Join(hide(), os.Chdir("/")); err != nil {
			return err
		}
		return askAndExec(path, nil)
	case "activated": // as a service manager executes it, who knows the process number
		if os.Getenv("LISTEN_PID") == "" {
			os.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid()))
			return syscall.Exec(os.Args[0], os.Args, os.Environ())
		}
		ln, err := server.Activated(path, lock)
		if err != nil || ln == nil {
			return fmt.Errorf("%v, %w", ln, err)
		}
		return serve(ln, dir)
	case "serve":
		ln, err := server.Activated(path, lock)
		if err == nil && ln == nil {
			ln, err = server.Listen(path, lock)
		}
		if err != nil {
			return err
		}
		return serve(ln, dir)
	}
	return errors.New("no such role")
}

// askAndExec asks on the connection that it inherits as standard input, or on a new one.
func askAndExec(path string, then []string) error {
	fd := 0
	if os.Getenv("ASK_AGAIN") == "" {
		var err error
		if fd, err = syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0); err != nil {
			return err
		}
		if err := syscall.Connect(fd, &syscall.SockaddrUnix{Name: path}); err != nil {
			return err
		}
	}
	if _, err := syscall.Write(fd, []byte(`{"jsonrpc":"2.0","id":7,"method":"echo"}`+"\n")); err != nil {
		return err
	}
	if _, err := syscall.Read(fd, make([]byte, 1000)); err != nil || len(then) == 0 {
		return err
	}
	if err := syscall.Dup2(fd, 0); err != nil {
		return err
	}
	os.Setenv("ASK_AGAIN", "yes")
	return syscall.Exec(then[0], []string{then[0], "play", "ask", filepath.Dir(path)}, os.Environ())
}

// serve answers who, stop and restart. After a restart the same process serves again.
func serve(ln *server.Listener, dir string) error {
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	restart := false
	srv := &server.Server{Methods: map[string]server.Handler{
		"who": func(_ context.Context, call *server.Call) error {
			generation := os.Getenv("GENERATION")
			left := os.Getenv(
				"LISTEN_PID",
			) + os.Getenv(
				"LISTEN_FDS",
			) + os.Getenv(
				"LISTEN_FDNAMES",
			) + os.Getenv(
				"ZEND_HANDOVER",
			)
			call.Result.Append(func(dst []byte) []byte {
				return fmt.Appendf(dst, `{"pid":%d,"generation":%q,"activated":%v,"owned":%v,"left":%q}`,
					os.Getpid(), generation, ln.IsActivated(), ln.Owned(), left)
			})
			return nil
		},
		"stop": func(context.Context, *server.Call) error { stop(); return nil },
		"restart": func(context.Context,
			*server.Call,
		) error {
			restart = true
			ln.KeepOpen()
			stop()
			return nil
		},
	}}
	fmt.Println("ready")
	if err := srv.Serve(ctx, ln); err != nil || !restart {
		return errors.Join(err, ln.Close())
	}
	if err := ln.KeepForExec(); err != nil {
		return err
	}
	os.Setenv("GENERATION", os.Getenv("GENERATION")+"x")
	return syscall.Exec(os.Args[0], []string{os.Args[0], "play", "serve", dir}, os.Environ())
}
