//go:build unix

package ipc

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/paths"
)

// The environment by which a client and zend agree on starting.
const (
	// DaemonVariable may name zend by an absolute path, instead of the one beside the running program.
	DaemonVariable = "ZEN_DAEMON"
	// ReadyVariable tells zend the descriptor on which to write one line when it is ready or has failed.
	ReadyVariable = "ZEND_READY_FD"
	// ReadyLine is what zend writes when it serves; else it writes FailedPrefix and a JSON-RPC error object.
	ReadyLine    = "ready"
	FailedPrefix = "error: "
)

// startTimeout bounds how long zend may take until it is ready.
const startTimeout = 10 * time.Second

// Starter starts zend. All clients that find nobody at the socket meet at a lock file; one of them starts zend and the
// others wait for its socket.
type Starter struct {
	Lock string   // lock file of the one who starts zend; its directory is made, or checked, to be the user's alone
	Path string   // absolute path of zend; "": $ZEN_DAEMON, or zend beside the running program
	Args []string // its arguments
	Log  string   // file for its standard output and error, which it uses when it crashes; "": none
}

// NewStarter returns a Starter of the user's zend.
func NewStarter(dirs paths.Dirs) *Starter {
	return &Starter{Lock: dirs.SpawnLock(), Args: []string{"--on-demand"}, Log: dirs.Log()}
}

// start returns a connection to a zend that it or another client started.
func (s *Starter) start(socket string, l *limit) (*Conn, error) {
	end := time.Now().Add(startTimeout)
	if err := paths.SecureDir(filepath.Dir(s.Lock)); err != nil {
		return nil, unavailable("zend cannot be started: "+err.Error(), hintOf(err), err)
	}
	lock, err := openLock(s.Lock)
	if err != nil {
		return nil, unavailable("zend cannot be started: "+err.Error(), "", err)
	}
	defer unix.Close(lock) // gives the lock back
	for wait := time.Millisecond; ; wait = min(2*wait, 16*time.Millisecond) {
		got := unix.Flock(lock, unix.LOCK_EX|unix.LOCK_NB) == nil
		conn, err := dialSocket(socket, l)
		if !absent(err) {
			return conn, err
		}
		if got {
			return s.spawnAndDial(socket, l, end)
		}
		if min(l.left(), time.Until(end)) <= 0 {
			return nil, unavailable("zend is being started by another program and takes too long", "", nil)
		}
		time.Sleep(wait)
	}
}

func openLock(path string) (int, error) {
	for {
		fd, err := unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0o600)
		if err == nil {
			return fd, nil
		}
		if err != unix.EINTR {
			return -1, &os.PathError{Op: "open", Path: path, Err: err}
		}
	}
}

func unavailable(message, hint string, cause error) error {
	return &credential.Error{Reason: credential.Unavailable, Message: message, Hint: hint, Cause: cause}
}

// spawnAndDial starts zend and connects to it. A zend that failed because another one was quicker is no failure.
func (s *Starter) spawnAndDial(socket string, l *limit, end time.Time) (*Conn, error) {
	started := s.spawn(l, end)
	conn, err := dialSocket(socket, l)
	switch {
	case !absent(err):
		return conn, err
	case started != nil:
		return nil, started
	}
	return nil, &lostError{message: "zend was started and is gone already", cause: err}
}

// spawn starts zend and waits until it says that it is ready, for as long as that is worth it and not beyond end.
func (s *Starter) spawn(l *limit, end time.Time) error {
	path, err := s.Program()
	if err != nil {
		return err
	}
	ready, theirs, err := os.Pipe()
	if err != nil {
		return unavailable("zend cannot be started: "+err.Error(), "", err)
	}
	defer ready.Close()
	process, err := s.startProcess(path, theirs)
	theirs.Close()
	if err != nil {
		return unavailable("zend cannot be started: "+err.Error(), "", err)
	}
	go process.Wait() //nolint:errcheck // only so that no zombie stays; the pipe tells how it went
	return awaitReady(ready, l, end)
}

// Program is the path of the zend that would be started. It never looks into PATH, where another program of that name could
// lie.
func (s *Starter) Program() (string, error) {
	if s.Path != "" {
		return s.Path, nil
	}
	if path := os.Getenv(DaemonVariable); path != "" {
		if !filepath.IsAbs(path) {
			return "", unavailable(DaemonVariable+" is not an absolute path: "+path, "", nil)
		}
		return path, nil
	}
	self, err := os.Executable()
	if err == nil {
		self, err = filepath.EvalSymlinks(self)
	}
	if err != nil {
		return "", unavailable("zend cannot be found: "+err.Error(), "set "+DaemonVariable+" to its absolute path", err)
	}
	path := filepath.Join(filepath.Dir(self), "zend")
	if _, err := os.Stat(path); err != nil {
		return "", unavailable("zend is not installed beside "+self, "set "+DaemonVariable+" to its absolute path", err)
	}
	return path, nil
}

// startProcess starts zend in a session of its own, so that a Ctrl-C meant for the client does not reach it.
func (s *Starter) startProcess(path string, ready *os.File) (*os.Process, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	out := null
	if log := s.openLog(); log != nil {
		defer log.Close()
		out = log
	}
	return os.StartProcess(path, append([]string{path}, s.Args...), &os.ProcAttr{
		Dir:   "/",
		Env:   append(daemonEnv(os.Environ()), ReadyVariable+"=3"),
		Files: []*os.File{null, out, out, ready},
		Sys:   &unix.SysProcAttr{Setsid: true},
	})
}

func (s *Starter) openLog() *os.File {
	if s.Log == "" || paths.SecureDir(filepath.Dir(s.Log)) != nil {
		return nil
	}
	f, err := os.OpenFile(s.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil
	}
	return f
}

// daemonEnv is env without what concerns this client only.
func daemonEnv(env []string) []string {
	var kept []string
	for _, entry := range env {
		switch name, _, _ := strings.Cut(entry, "="); name {
		case "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", ReadyVariable, "ZEN_PROFILE", "ZEN_TIMEOUT":
		default:
			kept = append(kept, entry)
		}
	}
	return kept
}

// awaitReady reads zend's line from the ready pipe.
func awaitReady(pipe *os.File, l *limit, end time.Time) error {
	var line []byte
	buf := make([]byte, 1024)
	for bytes.IndexByte(line, '\n') < 0 && len(line) < 16<<10 {
		left := min(l.left(), time.Until(end))
		if left <= 0 {
			return unavailable("zend is not ready in time", "", nil)
		}
		if err := pipe.SetReadDeadline(time.Now().Add(left)); err != nil {
			return unavailable("zend cannot be started: "+err.Error(), "", err)
		}
		n, err := pipe.Read(buf)
		line = append(line, buf[:n]...)
		if err != nil && !os.IsTimeout(err) {
			break
		}
	}
	text := strings.TrimSuffix(string(line), "\n")
	if text == ReadyLine {
		return nil
	}
	if object, ok := strings.CutPrefix(text, FailedPrefix); ok {
		return parseError([]byte(object))
	}
	return &lostError{message: "zend ended before it was ready"}
}

func hintOf(err error) string {
	if e, ok := errors.AsType[*credential.Error](err); ok {
		return e.HintText()
	}
	return ""
}
