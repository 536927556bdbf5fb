package logins

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/execsafe"
)

// Bounds of one call of a helper.
const (
	// helperTime is enough for a person who is asked for a passphrase by the helper's own
	// keyring.
	helperTime = time.Minute
	maxOutput  = 4 << 20 // a list of thousands
	grace      = 250 * time.Millisecond
)

// execMarker makes docker-credential-zen refuse to answer (its own docs: a program that
// zen runs asks it): nothing is to be moved from zen to zen, whatever name it has.
const execMarker = "ZEN_EXEC=1"

var errTooMuch = errors.New("it prints too much")

// call executes the helper's program for one action, its input on standard input. The
// caller clears the output. What it prints on standard error is not kept: it may hold
// secrets.
func (h *helper) call(ctx context.Context, action string, input []byte) (output []byte, err error) {
	path, err := execsafe.Resolve(h.path)
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, h.limit)
	defer cancel()
	out := &capture{full: cancel}
	cmd := exec.CommandContext(limited, path, action)
	cmd.Args[0] = h.path // some programs do what their name says
	cmd.Env = append(slices.Clone(h.environ), execMarker)
	cmd.Stdin, cmd.Stdout = bytes.NewReader(input), out
	cmd.WaitDelay = grace
	ownGroup(cmd)
	if err := cmd.Start(); err != nil {
		return nil, h.failed(credential.Unavailable, "cannot be executed: "+systemText(err))
	}
	err = cmd.Wait()
	killGroup(cmd)
	switch {
	case ctx.Err() != nil:
		clear(out.b)
		return nil, context.Cause(ctx)
	case out.overflow:
		clear(out.b)
		return nil, h.failed(credential.TooLarge, errTooMuch.Error())
	case limited.Err() != nil && !cmd.ProcessState.Success():
		clear(out.b)
		return nil, h.failed(credential.Timeout, "did not answer within "+h.limit.String())
	case err != nil && !errors.Is(err, exec.ErrWaitDelay):
		return out.b, err
	}
	return out.b, nil
}

func (h *helper) failed(reason credential.Reason, message string) error {
	return credential.NewError(reason, h.program+" "+message, "see what it says: "+h.program+" list")
}

func systemText(err error) string {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}

// capture keeps what is written, in memory that is cleared when it grows.
type capture struct {
	b        []byte
	full     func()
	overflow bool
}

func (c *capture) Write(p []byte) (int, error) {
	if len(c.b)+len(p) > maxOutput {
		c.overflow = true
		c.full()
		return 0, io.ErrShortWrite
	}
	if len(c.b)+len(p) > cap(c.b) {
		bigger := append(make([]byte, 0, 2*cap(c.b)+len(p)), c.b...)
		clear(c.b)
		c.b = bigger
	}
	c.b = append(c.b, p...)
	return len(p), nil
}

// said is the first line of what a helper printed when it failed, for a person: helpers
// put their errors on standard output. JSON is not repeated, it could be a credential.
func said(output []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(output)), "\n")
	if strings.ContainsAny(line, "{}") {
		line = ""
	}
	if len(line) > 200 {
		line = strings.ToValidUTF8(line[:200], "") + "..."
	}
	if line = strings.TrimSpace(line); line == "" {
		return "without a word"
	}
	return line
}
