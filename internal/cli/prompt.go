package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

// maxInput is how much is read of a secret or an answer that comes through standard input or a file.
const maxInput = 1 << 20

// question is one thing that a person is asked.
type question struct {
	text     string
	fallback string   // the answer when nothing is typed; shown in brackets unless quiet
	optional bool     // nothing is an answer too
	choices  []string // the only answers there are, shown in parentheses; nil: anything
	quiet    bool     // the fallback is not shown
}

// prompt asks until it gets an answer. Ctrl-C is errInterrupted, the end of the input errAborted.
func (a *app) prompt(ctx context.Context, q question) (string, error) {
	for {
		fmt.Fprint(a.err, safetext.Text(q.String()))
		line, err := a.readLine(ctx)
		if err != nil {
			return "", err
		}
		answer := strings.TrimSpace(string(line))
		clear(line)
		if answer == "" {
			answer = q.fallback
		}
		switch {
		case answer == "" && !q.optional:
		case answer != "" && q.choices != nil && !slices.Contains(q.choices, answer):
			a.say("Error: '%s' is not %s.", answer, oneOf(q.choices))
		default:
			return answer, nil
		}
	}
}

func (q question) String() string {
	var b strings.Builder
	b.WriteString(q.text)
	if q.choices != nil {
		b.WriteString(" (" + strings.Join(q.choices, ", ") + ")")
	}
	if !q.quiet && (q.fallback != "" || q.optional) {
		b.WriteString(" [" + q.fallback + "]")
	}
	return b.String() + ": "
}

// oneOf is how click names the choices that an answer is none of.
func oneOf(choices []string) string {
	if len(choices) == 1 {
		return "'" + choices[0] + "'"
	}
	return "one of '" + strings.Join(choices, "', '") + "'"
}

// promptSecret asks for something that must not be seen. Nothing typed is an empty Secret.
func (a *app) promptSecret(ctx context.Context, text string) (credential.Secret, error) {
	line, err := a.hiddenLine(ctx, safetext.Text(text)+": ")
	if err != nil {
		return credential.Secret{}, err
	}
	return credential.NewSecret(line), nil
}

// confirm asks a question with the answers yes and no.
func (a *app) confirm(ctx context.Context, text string, fallback bool) (bool, error) {
	choice := " [y/N]: "
	if fallback {
		choice = " [Y/n]: "
	}
	for {
		fmt.Fprint(a.err, safetext.Text(text)+choice)
		line, err := a.readLine(ctx)
		if err != nil {
			return false, err
		}
		switch strings.ToLower(strings.TrimSpace(string(line))) {
		case "":
			return fallback, nil
		case "y", "yes":
			return true, nil
		case "n", "no":
			return false, nil
		}
		a.say("Error: invalid input")
	}
}

// confirmShowingSecrets asks before secrets are printed on a terminal; where nobody is there to answer, the option says it.
func (a *app) confirmShowingSecrets(ctx context.Context, whose string) error {
	if !a.term.attended() {
		return nil
	}
	yes, err := a.confirm(ctx, "This shows the secrets of "+whose+" on the screen. Do you want to continue?", false)
	if err == nil && !yes {
		err = errAborted
	}
	return err
}

// readLine reads one line of standard input, without its end. It reads byte by byte: what follows the line may be for
// somebody else, or a secret that must not lie in a buffer.
func (a *app) readLine(ctx context.Context) ([]byte, error) {
	return a.await(ctx, func() ([]byte, error) {
		line := make([]byte, 0, 256)
		one := make([]byte, 1)
		for {
			n, err := a.in.Read(one)
			if n == 1 && one[0] == '\n' {
				return line, nil
			}
			if n == 1 && len(line) == maxInput {
				clear(line)
				return nil, credential.NewError(credential.TooLarge, "the answer is too long", "")
			}
			if n == 1 {
				line = appendWiping(line, one[0])
			}
			if err == nil {
				continue
			}
			if errors.Is(err, io.EOF) && len(line) > 0 {
				return line, nil
			}
			if errors.Is(err, io.EOF) {
				err = errAborted
			}
			return nil, err
		}
	})
}

// appendWiping is append that clears the array it leaves.
func appendWiping(b []byte, c byte) []byte {
	if len(b) < cap(b) {
		return append(b, c)
	}
	bigger := append(make([]byte, 0, 2*cap(b)+1), b...)
	clear(b)
	return append(bigger, c)
}

// hiddenLine asks and reads one line, without echo when standard input is a terminal. The echo ends before the question is
// shown: who answers it at once, by pasting for example, must not see it either.
func (a *app) hiddenLine(ctx context.Context, question string) ([]byte, error) {
	tty := a.term.in
	if tty == nil {
		fmt.Fprint(a.err, question)
		line, err := a.readLine(ctx)
		return trimCR(line), err
	}
	before, err := term.GetState(int(tty.Fd()))
	if err != nil {
		return nil, err
	}
	defer func() { _ = term.Restore(int(tty.Fd()), before) }() // also when Ctrl-C left the reading behind
	if err := echoOff(int(tty.Fd())); err != nil {
		return nil, err
	}
	fmt.Fprint(a.err, question)
	line, err := a.await(ctx, func() ([]byte, error) { return term.ReadPassword(int(tty.Fd())) })
	fmt.Fprintln(a.err)
	if errors.Is(err, io.EOF) {
		err = errAborted
	}
	return line, err
}

func trimCR(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		return line[:n-1]
	}
	return line
}

// await reads in the background, so that Ctrl-C ends the question at once. A line cannot be unread: the command ends then.
func (a *app) await(ctx context.Context, read func() ([]byte, error)) ([]byte, error) {
	type answer struct {
		line []byte
		err  error
	}
	done := make(chan answer, 1)
	go func() {
		line, err := read()
		done <- answer{line, err}
	}()
	select {
	case got := <-done:
		return got.line, got.err
	case <-ctx.Done():
		fmt.Fprintln(a.err)
		return nil, context.Cause(ctx)
	}
}

// readSecret reads a secret from all of standard input, without the newline that echo puts at its end. At a terminal it is one
// line, which is not shown.
func (a *app) readSecret(ctx context.Context, option string) (credential.Secret, error) {
	if a.term.attended() {
		return a.promptSecret(ctx, "Standard input of "+option)
	}
	content, err := a.await(ctx, func() ([]byte, error) { return readLimited(a.in, option) })
	if err != nil {
		return credential.Secret{}, err
	}
	return credential.NewSecret(trimNewline(content)), nil
}

// readLimited reads everything, into an array that is never left behind uncleared.
func readLimited(r io.Reader, what string) ([]byte, error) {
	buf := make([]byte, 0, 4096)
	for {
		if len(buf) == cap(buf) {
			bigger := append(make([]byte, 0, 2*cap(buf)), buf...)
			clear(buf)
			buf = bigger
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case len(buf) > maxInput:
			clear(buf)
			return nil, credential.NewError(credential.TooLarge, what+": more than 1 MiB", "")
		case errors.Is(err, io.EOF):
			return buf, nil
		case err != nil:
			clear(buf)
			return nil, refused("cannot read "+what+": "+err.Error(), "")
		}
	}
}

// trimNewline takes one line end off, which a secret may have only by accident.
func trimNewline(b []byte) []byte {
	if n := len(b); n > 0 && b[n-1] == '\n' {
		return trimCR(b[:n-1])
	}
	return b
}

// readSecretFile reads a secret from a file.
func readSecretFile(path string) (credential.Secret, error) {
	f, err := os.Open(path)
	if err != nil {
		return credential.Secret{}, refused("cannot read "+err.Error()[len("open "):], "")
	}
	defer f.Close()
	content, err := readLimited(f, path)
	if err != nil {
		return credential.Secret{}, err
	}
	return credential.NewSecret(trimNewline(content)), nil
}
