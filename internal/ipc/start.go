//go:build unix

package ipc

import (
	"bytes"
	"errors"
	"io/fs"
	"path"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/execsafe"
	"github.com/zen-agent/zen/internal/paths"
)

// The environment by which a client and zend agree on starting.
const (
	// DaemonVariable may name zend by an absolute path, instead of the one beside the
	// running program.
	DaemonVariable = "ZEN_DAEMON"
	// ReadyVariable tells zend the descriptor on which to write one line when it is ready
	// or has failed.
	ReadyVariable = "ZEND_READY_FD"
	// ReadyLine is what zend writes when it serves; else it writes FailedPrefix and a
	// JSON-RPC error object.
	ReadyLine    = "ready"
	FailedPrefix = "error: "
)

// startTimeout bounds how long zend may take until it is ready.
const startTimeout = 10 * time.Second

// Starter starts zend. All clients that find nobody at the socket meet at a lock file;
// one of them starts zend and the others wait for its socket.
type Starter struct {
	// lock file of the one who starts zend; its directory is made, or checked, to be the
	// user's alone
	Lock string
	Path string   // absolute path of zend; "": $ZEN_DAEMON, or zend beside the running program
	Args []string // its arguments
	Log  string   // file for its standard output and error, which it uses when it crashes; "": none
}

// NewStarter returns a Starter of the user's zend.
func NewStarter(dirs paths.Dirs) *Starter {
	return &Starter{Lock: dirs.SpawnLock(), Args: []string{"--on-demand"}, Log: dirs.Log()}
}

// start connects to a zend that it or another client started.
func (s *Starter) start(conn *Conn, socket string, l *limit) error {
	end := time.Now().Add(startTimeout)
	if err := paths.SecureDir(path.Dir(s.Lock)); err != nil {
		return unavailable("zend cannot be started: "+err.Error(), hintOf(err), err)
	}
	lock, err := paths.OpenFile(s.Lock, unix.O_RDWR|unix.O_CREAT)
	if err != nil {
		return unavailable("zend cannot be started: "+err.Error(), hintOf(err), err)
	}
	defer unix.Close(lock) // gives the lock back
	for wait := time.Millisecond; ; wait = min(2*wait, 16*time.Millisecond) {
		got := unix.Flock(lock, unix.LOCK_EX|unix.LOCK_NB) == nil
		if err := conn.dial(socket, l); !absent(err) {
			return err
		}
		if got {
			return s.spawnAndDial(conn, socket, l, end)
		}
		if min(l.left(), time.Until(end)) <= 0 {
			return unavailable("zend is being started by another program and takes too long", "", nil)
		}
		time.Sleep(wait)
	}
}

// open returns a descriptor that no child inherits.
func open(name string, flags int) (int, error) {
	for {
		fd, err := unix.Open(name, flags|unix.O_CLOEXEC, 0o600)
		if err == nil {
			return fd, nil
		}
		if err != unix.EINTR {
			return -1, &fs.PathError{Op: "open", Path: name, Err: err}
		}
	}
}

func unavailable(message, hint string, cause error) error {
	return &credential.Error{Reason: credential.Unavailable, Message: message, Hint: hint, Cause: cause}
}

// spawnAndDial starts zend and connects to it. A zend that failed because another one was
// quicker is not a failure.
func (s *Starter) spawnAndDial(conn *Conn, socket string, l *limit, end time.Time) error {
	started := s.spawn(l, end)
	err := conn.dial(socket, l)
	switch {
	case !absent(err):
		return err
	case started != nil:
		return started
	}
	return &lostError{message: "zend was started and is gone already", cause: err}
}

// spawn starts zend and waits until it says that it is ready, for as long as that is
// worth it and not beyond end.
func (s *Starter) spawn(l *limit, end time.Time) error {
	given, program, err := s.program()
	if err != nil {
		return err
	}
	ready, theirs, err := pipe()
	if err != nil {
		return unavailable("zend cannot be started: "+err.Error(), "", err)
	}
	defer unix.Close(ready)
	pid, err := s.startProcess(program, given, theirs)
	_ = unix.Close(theirs)
	if err != nil {
		return unavailable("zend cannot be started: "+err.Error(), "", err)
	}
	go reap(pid)
	return awaitReady(ready, func() time.Duration { return min(l.left(), time.Until(end)) })
}

// reap only sees to it that no zombie stays; the pipe tells how it went.
func reap(pid int) {
	for {
		if _, err := unix.Wait4(pid, nil, 0, nil); err != unix.EINTR {
			return
		}
	}
}

// pipe returns a pipe whose ends no other child inherits. Not all systems have pipe2(2).
func pipe() (r, w int, err error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	var ends [2]int
	if err := unix.Pipe(ends[:]); err != nil {
		return -1, -1, err
	}
	unix.CloseOnExec(ends[0])
	unix.CloseOnExec(ends[1])
	return ends[0], ends[1], nil
}

// Program is the path of the zend that would be started, or why none would be.
func (s *Starter) Program() (string, error) {
	program, _, err := s.program()
	return program, err
}

// program is the path of zend as it was given, and the one at which it may be executed.
func (s *Starter) program() (given, resolved string, err error) {
	if given, err = s.find(); err != nil {
		return "", "", err
	}
	if resolved, err = execsafe.Resolve(given); err != nil {
		return given, "", unavailable("zend cannot be started: "+err.Error(), hintOf(err), err)
	}
	return given, resolved, nil
}

// find never looks into PATH, where another program of that name could lie.

func (s *Starter) find() (string, error) {
	if s.Path != "" {
		return s.Path, nil
	}
	if named, _ := unix.Getenv(DaemonVariable); named != "" {
		if !path.IsAbs(named) {
			return "", unavailable(DaemonVariable+" is not an absolute path: "+named, "", nil)
		}
		return named, nil
	}
	self, err := executable()
	if err != nil {
		return "", unavailable("zend cannot be found: "+err.Error(), "set "+DaemonVariable+" to its "+
			"absolute path", err)
	}
	beside := path.Join(path.Dir(self), "zend")
	if err := unix.Stat(beside, new(unix.Stat_t)); err != nil {
		return "", unavailable("zend is not installed beside "+self, "set "+DaemonVariable+" to its "+
			"absolute path", err)
	}
	return beside, nil
}

// startProcess starts zend in a session of its own, so that a Ctrl-C meant for the client
// does not reach it.
func (s *Starter) startProcess(program, name string, ready int) (pid int, err error) {
	null, err := open("/dev/null", unix.O_RDWR)
	if err != nil {
		return 0, err
	}
	defer unix.Close(null)
	out := null
	if log, ok := s.openLog(); ok {
		defer unix.Close(log)
		out = log
	}
	pid, err = syscall.ForkExec(program, append([]string{name}, s.Args...), &syscall.ProcAttr{
		Dir:   "/",
		Env:   append(daemonEnv(unix.Environ()), ReadyVariable+"=3"),
		Files: []uintptr{uintptr(null), uintptr(out), uintptr(out), uintptr(ready)},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return 0, &fs.PathError{Op: "fork/exec", Path: program, Err: err}
	}
	return pid, nil
}

func (s *Starter) openLog() (fd int, ok bool) {
	if s.Log == "" || paths.MakeDir(path.Dir(s.Log)) != nil {
		return -1, false
	}
	fd, err := paths.OpenFile(s.Log, unix.O_CREAT|unix.O_APPEND|unix.O_WRONLY)
	return fd, err == nil
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

// awaitReady reads zend's line from the ready pipe for as long as is left.
func awaitReady(pipe int, left func() time.Duration) error {
	var line []byte
	buf := make([]byte, 1024)
	for bytes.IndexByte(line, '\n') < 0 && len(line) < 16<<10 {
		ready, err := await(pipe, unix.POLLIN, left)
		if err != nil {
			return unavailable("zend cannot be started: "+err.Error(), "", err)
		}
		if !ready {
			return unavailable("zend is not ready in time", "", nil)
		}
		n, err := unix.Read(pipe, buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if n <= 0 || err != nil {
			break
		}
		line = append(line, buf[:n]...)
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
