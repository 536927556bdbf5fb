package ui

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

// MaxInput is how much is read of a secret or an answer that comes through standard input
// or a file.
const MaxInput = 1 << 20

// Question is one thing that a person is asked.
type Question struct {
	Text     string
	Fallback string   // the answer when nothing is typed; shown in brackets unless quiet
	Optional bool     // nothing is an answer too
	Choices  []string // the only answers there are, shown in parentheses; nil: anything
	Quiet    bool     // the fallback is not shown
}

// Prompt asks until it gets an answer. Ctrl-C is errInterrupted, the end of the input
// errAborted.
func (a *UI) Prompt(ctx context.Context, q Question) (string, error) {
	for {
		fmt.Fprint(a.Err, safetext.Text(q.String()))
		line, err := a.readLine(ctx)
		if err != nil {
			return "", err
		}
		answer := strings.TrimSpace(string(line))
		clear(line)
		if answer == "" {
			answer = q.Fallback
		}
		switch {
		case answer == "" && !q.Optional:
		case answer != "" && q.Choices != nil && !slices.Contains(q.Choices, answer):
			a.Say("Error: '%s' is not %s.", answer, OneOf(q.Choices))
		default:
			return answer, nil
		}
	}
}

func (q Question) String() string {
	var b strings.Builder
	b.WriteString(q.Text)
	if q.Choices != nil {
		b.WriteString(" (" + strings.Join(q.Choices, ", ") + ")")
	}
	if !q.Quiet && (q.Fallback != "" || q.Optional) {
		b.WriteString(" [" + q.Fallback + "]")
	}
	return b.String() + ": "
}

// OneOf is how click names the choices that an answer is none of.
func OneOf(choices []string) string {
	if len(choices) == 1 {
		return "'" + choices[0] + "'"
	}
	return "one of '" + strings.Join(choices, "', '") + "'"
}

// PromptSecret asks for something that must not be seen. Nothing typed is an empty
// Secret.
func (a *UI) PromptSecret(ctx context.Context, text string) (credential.Secret, error) {
	line, err := a.hiddenLine(ctx, safetext.Text(text)+": ")
	if err != nil {
		return credential.Secret{}, err
	}
	return credential.NewSecret(line), nil
}

// Confirm asks a question with the answers yes and no.
func (a *UI) Confirm(ctx context.Context, text string, fallback bool) (bool, error) {
	choice := " [y/N]: "
	if fallback {
		choice = " [Y/n]: "
	}
	for {
		fmt.Fprint(a.Err, safetext.Text(text)+choice)
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
		a.Say("Error: invalid input")
	}
}

// ConfirmShowingSecrets asks before secrets are printed on a terminal; where nobody is
// there to answer, the option says it.
func (a *UI) ConfirmShowingSecrets(ctx context.Context, whose string) error {
	if !a.Term.Attended() {
		return nil
	}
	yes, err := a.Confirm(ctx, "This shows the secrets of "+whose+" on the screen. Do you want to "+
		"continue?", false)
	if err == nil && !yes {
		err = ErrAborted
	}
	return err
}

// readLine reads one line of standard input, without its end. It reads byte by byte: what
// follows the line may be for somebody else, or a secret that must not lie in a buffer.
func (a *UI) readLine(ctx context.Context) ([]byte, error) {
	return a.Await(ctx, func() ([]byte, error) {
		line := make([]byte, 0, 256)
		one := make([]byte, 1)
		for {
			n, err := a.In.Read(one)
			if n == 1 && one[0] == '\n' {
				return line, nil
			}
			if n == 1 && len(line) == MaxInput {
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
				err = ErrAborted
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

// hiddenLine asks and reads one line, without echo when standard input is a terminal. The
// echo ends before the question is shown: a person who answers it at once, by pasting for example,
// must not see it either.
func (a *UI) hiddenLine(ctx context.Context, question string) ([]byte, error) {
	tty := a.Term.In
	if tty == nil {
		fmt.Fprint(a.Err, question)
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
	defer whenStopped(int(tty.Fd()), before, func() { fmt.Fprint(a.Err, question) })()
	fmt.Fprint(a.Err, question)
	line, err := a.Await(ctx, func() ([]byte, error) { return term.ReadPassword(int(tty.Fd())) })
	fmt.Fprintln(a.Err)
	if errors.Is(err, io.EOF) {
		err = ErrAborted
	}
	return line, err
}

func trimCR(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		return line[:n-1]
	}
	return line
}

// Await reads in the background, so that Ctrl-C ends the question at once. A line cannot
// be unread: the command ends then.
func (a *UI) Await(ctx context.Context, read func() ([]byte, error)) ([]byte, error) {
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
		fmt.Fprintln(a.Err)
		return nil, context.Cause(ctx)
	}
}

// ReadSecret reads a secret from all of standard input, without the newline that echo
// puts at its end. At a terminal it is one line, which is not shown.
func (a *UI) ReadSecret(ctx context.Context, option string) (credential.Secret, error) {
	if a.Term.Attended() {
		return a.PromptSecret(ctx, "Standard input of "+option)
	}
	content, err := a.Await(ctx, func() ([]byte, error) { return ReadLimited(a.In, option) })
	if err != nil {
		return credential.Secret{}, err
	}
	return credential.NewSecret(trimNewline(content)), nil
}

// ReadLimited reads everything, into an array that is never left behind uncleared.
func ReadLimited(r io.Reader, what string) ([]byte, error) {
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
		case len(buf) > MaxInput:
			clear(buf)
			return nil, credential.NewError(credential.TooLarge, what+": more than 1 MiB", "")
		case errors.Is(err, io.EOF):
			return buf, nil
		case err != nil:
			clear(buf)
			return nil, Refused("cannot read "+what+": "+err.Error(), "")
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

// ReadSecretFile reads a secret from a file.
func ReadSecretFile(path string) (credential.Secret, error) {
	f, err := os.Open(path)
	if err != nil {
		return credential.Secret{}, Refused("cannot read "+err.Error()[len("open "):], "")
	}
	defer f.Close()
	content, err := ReadLimited(f, path)
	if err != nil {
		return credential.Secret{}, err
	}
	return credential.NewSecret(trimNewline(content)), nil
}
