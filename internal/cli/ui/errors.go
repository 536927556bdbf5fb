package ui

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/credential"
)

var (
	// ErrInterrupted is Ctrl-C, or a signal to end.
	ErrInterrupted = errors.New("interrupted")
	// ErrAborted is a person who ended the input or said no.
	ErrAborted = errors.New("aborted")
)

// StatusError ends the program with an exit status when everything was said already.
type StatusError int

func (e StatusError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// UsageError is a command line that makes no sense.
type UsageError struct {
	Message string
	Hint    string // "": the help of the command
	Command *cobra.Command
}

func (e *UsageError) Error() string { return e.Message }

// Misused returns a usage error of a command.
func Misused(cmd *cobra.Command, format string, args ...any) error {
	return &UsageError{Message: fmt.Sprintf(format, args...), Command: cmd}
}

// Refused returns an error about what the user typed that is not a fault of grammar: ZenML
// ends with 1 for these.
func Refused(message, hint string) error {
	return credential.NewError(credential.InvalidInput, message, hint)
}

// CannotPrint is the error of a standard output that cannot be written to.
func CannotPrint(cause error) error {
	return &credential.Error{
		Reason: credential.CannotWrite, Message: "cannot write to standard output: " + cause.Error(),
		Cause: cause,
	}
}

// Prefixed puts ZenML's words before an error's message and keeps its reason and hint. An
// interrupt stays one.
func Prefixed(err error, format string, args ...any) error {
	if err == nil || IsEnd(err) {
		return err
	}
	wrapped := &credential.Error{
		Reason: credential.ReasonOf(err), Message: fmt.Sprintf(format, args...) + err.Error(), Cause: err,
	}
	if e, ok := errors.AsType[*credential.Error](err); ok {
		wrapped.Hint = e.HintText()
	}
	return wrapped
}

// Hinted gives an error of a reason a hint, unless it has one.
func Hinted(err error, reason credential.Reason, hint string) error {
	e, ok := errors.AsType[*credential.Error](err)
	if !ok || e.Reason != reason || e.HintText() != "" {
		return err
	}
	return &credential.Error{Reason: reason, Message: e.Error(), Hint: hint, Cause: err}
}

// IsUnknown reports whether err says that an entity's name leads nowhere: ZenML puts
// nothing before that.
func IsUnknown(err error) bool {
	return credential.NoSuchEntity.Is(err) || credential.Ambiguous.Is(err)
}

// IsEnd reports whether err is the user's wish to end rather than a failure.
func IsEnd(err error) bool {
	return errors.Is(err, ErrInterrupted) || errors.Is(err, ErrAborted)
}

// Interruptible returns a context that ends with errInterrupted on SIGINT, SIGTERM,
// SIGQUIT (Ctrl-\) and SIGHUP, so that a terminal that shows nothing of what is typed
// does so again. A second signal kills. A SIGHUP that is ignored stays so (nohup).
func Interruptible(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	go func() {
		select {
		case <-signals:
			cancel(ErrInterrupted)
			signal.Stop(signals)
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel(nil)
	}
}

// Fail says what went wrong and what to type, and returns the exit status.
func (a *UI) Fail(ctx context.Context, root *cobra.Command, err error) int {
	if err == nil {
		return credential.ExitOK
	}
	if status, ok := errors.AsType[StatusError](err); ok {
		return int(status)
	}
	switch {
	case errors.Is(err, ErrInterrupted) || errors.Is(context.Cause(ctx), ErrInterrupted):
		a.Say("Aborted!")
		return credential.ExitInterrupted
	case errors.Is(err, ErrAborted):
		a.Say("Aborted!")
		return credential.ExitError
	}
	a.Labelled(StyleError, "Error: ", err.Error())
	if e, ok := errors.AsType[*credential.Error](err); ok {
		a.Hint(e.HintText())
		return e.Reason.Info().Exit
	}
	if e, ok := errors.AsType[*UsageError](err); ok {
		a.Hint(e.hintText(root))
		return credential.ExitUsage
	}
	return credential.ExitError
}

func (e *UsageError) hintText(root *cobra.Command) string {
	switch {
	case e.Hint != "":
		return e.Hint
	case e.Command != nil:
		return e.Command.CommandPath() + " --help"
	}
	return root.CommandPath() + " --help"
}
