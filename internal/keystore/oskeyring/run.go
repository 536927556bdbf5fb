package oskeyring

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"io"
	"os"
	"strings"
	"time"

	"github.com/zen-agent/zen/internal/childproc"
	"github.com/zen-agent/zen/internal/credential"
)

// call runs one operation in a child of its own and always returns by the deadline, with
// the child and all it started gone. The value is the caller's to wipe.
func (s *Slot) call(ctx context.Context, op, id string, value []byte) ([]byte, error) {
	if strings.ContainsAny(id, "\r\n") || len(id) > maxLine/2 {
		return nil, credential.NewError(credential.InvalidInput, "a key's id has no line breaks and is "+
			"short", "")
	}
	env, err := s.childEnviron()
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, ended(err)
	}
	limited, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	defer context.AfterFunc(ctx, func() { cancel(ended(context.Cause(ctx))) })()
	end := deadline{cancel: cancel}
	defer end.stop()
	program := childproc.Program{
		Executable: s.Executable,
		Argument:   ChildArgument,
		Environ:    env,
		Buffer:     maxLine,
	}
	say := func(w io.Writer) { send(w, request{op: op, id: id}, value) }
	var answer []byte
	var problem error
	err = childproc.Ask(
		limited,
		program,
		say,
		func(r *bufio.Reader) { answer, problem = s.await(limited, &end, r) },
	)
	if err != nil {
		return nil, explain(faultNoChild, err.Error())
	}
	return answer, problem
}

// send writes the request at once, of which nothing is left here.
func send(w io.Writer, q request, value []byte) {
	buf := q.append(make([]byte, 0, 2*maxLine), value)
	defer clear(buf)
	_, _ = w.Write(buf) // who did not get it does not answer
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
	return &credential.Error{Reason: credential.Timeout, Message: "gave up waiting for the OS " +
		"keyring", Cause: cause}
}

// maxWaits bounds how often a child can ask for more time: once for the service to start,
// once for a prompt.
const maxWaits = 2

// await waits for the child's answer, longer when it says what it waits for, until ctx
// ends with an explanation.
func (s *Slot) await(ctx context.Context, end *deadline, r *bufio.Reader) ([]byte, error) {
	end.move(or(s.Deadline, DefaultDeadline), faultHung)
	for waits := 0; ; waits++ {
		line, err := r.ReadSlice('\n')
		if err != nil {
			clear(line)
			return nil, cmp.Or(context.Cause(ctx), explain(faultCrashed, "its process ended without an "+
				"answer"))
		}
		word, rest, _ := bytes.Cut(line[:len(line)-1], []byte{' '})
		switch {
		case string(word) == wordOK:
			defer clear(line)
			return bytes.Clone(rest), nil
		case string(word) == wordFault:
			name, text, _ := strings.Cut(string(rest), " ")
			return nil, explain(fault(name), text)
		case string(word) == wordWait && waits < maxWaits:
			end.move(s.patience(string(rest)))
		default:
			return nil, explain(faultCrashed, "its process ended without an answer")
		}
	}
}

// deadline cancels a context with the error that explains it to a person, unless it is
// moved before.
type deadline struct {
	cancel context.CancelCauseFunc
	timer  *time.Timer
}

func (d *deadline) move(limit time.Duration, late fault) {
	d.stop()
	d.timer = time.AfterFunc(limit, func() { d.cancel(explain(late, limit.String())) })
}

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
	}
}

// patience is how long to wait for what the child waits for, and what it means when that
// does not come.
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
