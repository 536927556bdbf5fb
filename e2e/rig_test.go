//go:build e2e && linux

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// startTimeout bounds the start of any service of the rig, on a loaded machine.
const startTimeout = 30 * time.Second

// rig is what is started once for all tests, on first use.
type rig struct {
	dir string

	mu       sync.Mutex
	engine   *engine
	services []*service
}

func (r *rig) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.services {
		s.stop()
	}
}

// service is a child process that serves until it is stopped.
type service struct {
	name string
	cmd  *exec.Cmd
	log  *os.File
	done chan struct{}
}

// startService runs a program in the background, with its output in a file of the
// directory.
func startService(dir, name string, env []string, args ...string) (*service, error) {
	log, err := os.Create(filepath.Join(dir, filepath.Base(name)+".log"))
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(name, args...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = env, dir, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &service{name: name, cmd: cmd, log: log, done: make(chan struct{})}
	go func() {
		cmd.Wait()
		close(s.done)
	}()
	return s, nil
}

// stop ends the service's whole process group: politely, then not.
func (s *service) stop() {
	group := -s.cmd.Process.Pid
	syscall.Kill(group, syscall.SIGTERM)
	select {
	case <-s.done:
	case <-time.After(15 * time.Second):
		syscall.Kill(group, syscall.SIGKILL)
		<-s.done
	}
	syscall.Kill(group, syscall.SIGKILL)
	s.log.Close()
}

// until waits for a condition; it fails early when the service is gone.
func (s *service) until(what string, ok func() bool) error {
	deadline := time.Now().Add(startTimeout)
	for !ok() {
		select {
		case <-s.done:
			return fmt.Errorf("%s ended before %s:\n%s", s.name, what, s.tail())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: no %s after %s:\n%s", s.name, what, startTimeout, s.tail())
		}
	}
	return nil
}

func (s *service) tail() string {
	content, _ := os.ReadFile(s.log.Name())
	if len(content) > 2000 {
		content = content[len(content)-2000:]
	}
	return string(content)
}

// freePort asks the kernel for a loopback port. Somebody else could take it before it is
// used; services that find it taken end, and the test says so.
func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return strconv.Itoa(ln.Addr().(*net.TCPAddr).Port)
}

func reachable(port string) func() bool {
	return func() bool {
		c, err := net.DialTimeout("tcp", "127.0.0.1:"+port, time.Second)
		if err == nil {
			c.Close()
		}
		return err == nil
	}
}

// result is what a program did.
type result struct {
	line    string // as typed
	stdout  string
	stderr  string
	code    int
	elapsed time.Duration
}

func (r result) String() string {
	return fmt.Sprintf(
		"$ %s\nexit %d after %s\nstdout: %s\nstderr: %s",
		r.line,
		r.code,
		r.elapsed.Round(time.Millisecond),
		r.stdout,
		r.stderr,
	)
}

// runTimeout bounds every program that a test runs in the foreground.
const runTimeout = 60 * time.Second

// execute runs a program to its end. An end by a signal or the time limit is exit code
// -1.
func execute(t *testing.T, cmd *exec.Cmd, stdin string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	cmd.WaitDelay = 5 * time.Second
	start := time.Now()
	err := cmd.Run()
	r := result{
		line:    strings.Join(cmd.Args, " "),
		stdout:  stdout.String(),
		stderr:  stderr.String(),
		elapsed: time.Since(start),
	}
	r.code = cmd.ProcessState.ExitCode()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
		t.Fatalf("%s: %v", r.line, err)
	}
	return r
}

func command(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), runTimeout)
	t.Cleanup(cancel)
	return exec.CommandContext(ctx, name, args...)
}

// processesOf lists the live processes that have the directory in their environment or
// command line. Root can read those of programs that are not dumpable too.
func processesOf(dir string) []string {
	var list []string
	entries, _ := filepath.Glob("/proc/[0-9]*")
	for _, proc := range entries {
		if proc == "/proc/"+strconv.Itoa(os.Getpid()) {
			continue
		}
		environ, _ := os.ReadFile(proc + "/environ")
		cmdline, _ := os.ReadFile(proc + "/cmdline")
		if len(cmdline) > 0 &&
			(bytes.Contains(environ, []byte(dir)) || bytes.Contains(cmdline, []byte(dir))) {
			list = append(list, filepath.Base(proc)+" "+strings.ReplaceAll(string(cmdline), "\x00", " "))
		}
	}
	return list
}
