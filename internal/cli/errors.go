package cli

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
	// errInterrupted is Ctrl-C, or a signal to end.
	errInterrupted = errors.New("interrupted")
	// errAborted is a person who ended the input or said no.
	errAborted = errors.New("aborted")
)

// statusError ends the program with an exit status when everything was said already.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// usageError is a command line that makes no sense.
type usageError struct {
	message string
	hint    string // "": the help of the command
	command *cobra.Command
}

func (e *usageError) Error() string { return e.message }

// misused returns a usage error of a command.
func misused(cmd *cobra.Command, format string, args ...any) error {
	return &usageError{message: fmt.Sprintf(format, args...), command: cmd}
}

// refused returns an error about what the user typed that is no fault of grammar: ZenML ends with 1 for these.
func refused(message, hint string) error {
	return credential.NewError(credential.InvalidInput, message, hint)
}

func cannotPrint(cause error) error {
	return &credential.Error{
		Reason: credential.CannotWrite, Message: "cannot write to standard output: " + cause.Error(), Cause: cause,
	}
}

// prefixed puts ZenML's words before an error's message and keeps its reason and hint. An interrupt stays one.
func prefixed(err error, format string, args ...any) error {
	if err == nil || isEnd(err) {
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

// hinted gives an error of a reason a hint, unless it has one.
func hinted(err error, reason credential.Reason, hint string) error {
	e, ok := errors.AsType[*credential.Error](err)
	if !ok || e.Reason != reason || e.HintText() != "" {
		return err
	}
	return &credential.Error{Reason: reason, Message: e.Error(), Hint: hint, Cause: err}
}

// isUnknown reports whether err says that an entity's name leads nowhere: ZenML puts nothing before that.
func isUnknown(err error) bool {
	return credential.NoSuchEntity.Is(err) || credential.Ambiguous.Is(err)
}

// isEnd reports whether err is the user's wish to end rather than a failure.
func isEnd(err error) bool {
	return errors.Is(err, errInterrupted) || errors.Is(err, errAborted)
}

// interruptible returns a context that ends with errInterrupted on SIGINT and SIGTERM. A second signal kills.
func interruptible(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case <-signals:
			cancel(errInterrupted)
			signal.Stop(signals)
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel(nil)
	}
}

// fail says what went wrong and what to type, and returns the exit status.
func (a *app) fail(ctx context.Context, root *cobra.Command, err error) int {
	if err == nil {
		return credential.ExitOK
	}
	if status, ok := errors.AsType[statusError](err); ok {
		return int(status)
	}
	switch {
	case errors.Is(err, errInterrupted) || errors.Is(context.Cause(ctx), errInterrupted):
		a.say("Aborted!")
		return credential.ExitInterrupted
	case errors.Is(err, errAborted):
		a.say("Aborted!")
		return credential.ExitError
	}
	a.labelled(styleError, "Error: ", err.Error())
	if e, ok := errors.AsType[*credential.Error](err); ok {
		a.hint(e.HintText())
		return e.Reason.Info().Exit
	}
	if e, ok := errors.AsType[*usageError](err); ok {
		a.hint(e.hintText(root))
		return credential.ExitUsage
	}
	return credential.ExitError
}

func (e *usageError) hintText(root *cobra.Command) string {
	switch {
	case e.hint != "":
		return e.hint
	case e.command != nil:
		return e.command.CommandPath() + " --help"
	}
	return root.CommandPath() + " --help"
}
