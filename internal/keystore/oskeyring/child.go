package oskeyring

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/zalando/go-keyring"

	"github.com/zen-agent/zen/internal/childproc"
)

// ChildMain is the guarded child: it does the one operation that stdin asks for, answers
// on stdout and returns the exit status. args are the arguments after ChildArgument;
// there are none. A child whose parent was killed does not wait in a prompt for ever: it
// ends with stdin.
func ChildMain(args []string, stdin io.Reader, stdout io.Writer) int {
	return childproc.Main(args, bufio.NewReaderSize(stdin, maxLine), readRequest, func(q request) error {
		serve(q, answer{stdout})
		return nil
	})
}

// serve answers one request; a panic of the libraries is an answer too.
func serve(q request, a answer) {
	defer func() {
		if p := recover(); p != nil {
			a.fault(faultCrashed, fmt.Sprintf("panic: %v", p))
		}
	}()
	if f, text := inspect(context.Background(), q, a); f != "" {
		a.fault(f, text)
		return
	}
	value, err := operate(q)
	if err != nil {
		f, text := classify(err)
		a.fault(f, text)
		return
	}
	if strings.ContainsAny(value, "\r\n") || len(value) > maxLine/2 {
		a.fault(faultWrongData, "")
		return
	}
	a.ok(value)
}

// What became of a prompt. go-keyring has one text for a keyring that stayed locked, and
// none for an item not stored.
var (
	errDismissed = errors.New("prompt dismissed")
	errNoPrompt  = errors.New("prompt cannot be shown")
)

// operate calls go-keyring.
func operate(q request) (value string, err error) {
	dismissed := watchPrompts()
	began := time.Now()
	switch q.op {
	case opProbe:
	case opGet:
		value, err = keyring.Get(Service, userPrefix+q.id)
	case opSet:
		err = keyring.Set(Service, userPrefix+q.id, q.value)
	case opDelete:
		err = keyring.Delete(Service, userPrefix+q.id)
	default:
		err = fmt.Errorf("no operation %q", q.op)
	}
	switch {
	case dismissed():
		return "", refused(time.Since(began))
	case err != nil && strings.Contains(err.Error(), "failed to unlock"):
		return "", errNoPrompt
	}
	return value, err
}

// humanTime is what no person is quicker than: a prompt that ends sooner was never seen.
const humanTime = 300 * time.Millisecond

// refused tells a refusal from a prompt that could not be shown, as over SSH: the service
// reports both alike.
func refused(after time.Duration) error {
	env := environment(os.Environ())
	if after < humanTime && env.get("DISPLAY") == "" && env.get("WAYLAND_DISPLAY") == "" {
		return errNoPrompt
	}
	return errDismissed
}
