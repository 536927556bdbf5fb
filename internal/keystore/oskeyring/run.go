package oskeyring

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/zen-agent/zen/internal/credential"
)

// call runs one operation in a child of its own and always returns by the deadline, with the child and all it started gone.
// The value is the caller's to wipe.
func (s *Slot) call(ctx context.Context, op, id string, value []byte) ([]byte, error) {
	if strings.ContainsAny(id, "\r\n") || len(id) > maxLine/2 {
		return nil, credential.NewError(credential.InvalidInput, "a key's id has no line breaks and is short", "")
	}
	env, err := s.childEnviron()
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, ended(err)
	}
	c, err := start(ctx, s.Executable, env)
	if err != nil {
		return nil, explain(faultNoChild, err.Error())
	}
	defer c.end()
	if err := c.send(request{op: op, id: id}, value); err != nil {
		return nil, explain(faultCrashed, "its process ended early")
	}
	return s.await(ctx, c)
}

func (s *Slot) childEnviron() ([]string, error) {
	var env environment
	if s.Environ != nil {
		env = s.Environ()
	} else {
		env = os.Environ()
	}
	if !needsBus {
		return env.child(""), nil
	}
	bus, problem := env.sessionBus()
	if problem != "" {
		return nil, explain(faultNoBus, problem)
	}
	return env.child(bus), nil
}

// ended explains that the caller gave up waiting.
func ended(cause error) error {
	return &credential.Error{Reason: credential.Timeout, Message: "gave up waiting for the OS keyring", Cause: cause}
}

// maxWaits bounds how often a child can ask for more time: once for the service to start, once for a prompt.
const maxWaits = 2

// await waits for the child's answer, longer when it says what it waits for.
func (s *Slot) await(ctx context.Context, c *child) ([]byte, error) {
	limit, late := or(s.Deadline, DefaultDeadline), faultHung
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for waits := 0; ; waits++ {
		select {
		case <-ctx.Done():
			return nil, ended(context.Cause(ctx))
		case <-timer.C:
			return nil, explain(late, limit.String())
		case line := <-c.lines:
			word, rest, _ := bytes.Cut(line, []byte{' '})
			switch {
			case string(word) == wordOK:
				return rest, nil
			case string(word) == wordFault:
				name, text, _ := strings.Cut(string(rest), " ")
				return nil, explain(fault(name), text)
			case string(word) == wordWait && waits < maxWaits:
				limit, late = s.patience(string(rest))
				timer.Reset(limit)
			default:
				return nil, explain(faultCrashed, "its process ended without an answer")
			}
		}
	}
}

// patience is how long to wait for what the child waits for, and what it means when that does not come.
func (s *Slot) patience(what string) (time.Duration, fault) {
	if what == waitPrompt {
		return or(s.PromptDeadline, DefaultPromptDeadline), faultUnanswered
	}
	return or(s.StartDeadline, DefaultStartDeadline), faultHung
}

func or(d, fallback time.Duration) time.Duration {
	if d == 0 {
		return fallback
	}
	return d
}

// child is a running keyring process. lines delivers what it writes, then nil for ever; each line is fresh memory.
type child struct {
	cmd   *exec.Cmd
	in    *os.File
	out   *os.File
	lines chan []byte
	done  chan struct{} // closed by end, to release the reader
	gone  chan struct{} // closed when the reader has returned
}

// start runs the executable as a child in a process group of its own, with nothing inherited but two pipes. Only end ends it.
func start(ctx context.Context, executable string, env []string) (*child, error) {
	childIn, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer childIn.Close()
	out, childOut, err := os.Pipe()
	if err != nil {
		in.Close()
		return nil, err
	}
	defer childOut.Close()
	cmd := exec.CommandContext(context.WithoutCancel(ctx), executable, ChildArgument)
	cmd.Env, cmd.Dir, cmd.Stdin, cmd.Stdout = env, string(os.PathSeparator), childIn, childOut
	isolate(cmd)
	if err := cmd.Start(); err != nil {
		in.Close()
		out.Close()
		return nil, err
	}
	c := &child{cmd: cmd, in: in, out: out, lines: make(chan []byte), done: make(chan struct{}), gone: make(chan struct{})}
	go c.read()
	return c, nil
}

// send writes the request and leaves the pipe open: its end tells the child that the parent is gone.
func (c *child) send(q request, value []byte) error {
	buf := q.append(make([]byte, 0, 2*maxLine), value)
	defer clear(buf)
	_, err := c.in.Write(buf) // fits in the pipe, so it does not block
	return err
}

// read passes on the child's lines until there are no more; too long a line counts as the end.
func (c *child) read() {
	defer close(c.gone)
	defer close(c.lines)
	buf := make([]byte, maxLine)
	defer clear(buf)
	have := 0
	for have < len(buf) {
		n, err := c.out.Read(buf[have:])
		have += n
		for {
			end := bytes.IndexByte(buf[:have], '\n')
			if end < 0 {
				break
			}
			if !c.pass(bytes.Clone(buf[:end])) {
				return
			}
			have = copy(buf, buf[end+1:have])
		}
		if err != nil {
			return
		}
	}
}

func (c *child) pass(line []byte) bool {
	select {
	case c.lines <- line:
		return true
	case <-c.done:
		clear(line)
		return false
	}
}

// end kills the child with its process group, waits for it, and frees everything. The group's leader is not yet reaped when
// it is killed, so its id cannot belong to somebody else.
func (c *child) end() {
	kill(c.cmd)
	close(c.done)
	c.in.Close()
	c.out.Close()
	<-c.gone
	_ = c.cmd.Wait() // its status says nothing: it was killed
}
