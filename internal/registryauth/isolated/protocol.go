package isolated

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/credential"
)

// ChildArgument is the hidden first argument that makes zend the child.
const ChildArgument = "__registry"

// Each direction is one line of JSON without a secret, and then the bytes of the secret,
// of which the line gives the number. The parent then keeps the pipe open; its end ends
// the child.
const protocol = "zen-registry 1"

// Operations.
const (
	opVerify        = "verify"
	opIdentityToken = "identity-token"
	opLimits        = "limits"
)

// Bounds on what is read from the other side, in bytes. Words of a registry are shortened
// long before.
const (
	maxLine   = 256 << 10
	maxSecret = 4 << 20
)

// question is what the parent asks.
type question struct {
	Protocol string
	Op       string
	Registry string
	Plain    bool
	Username string
	Push     string
	Millis   int64 // until the parent gives up; 0: it does not
	Secret   int   // bytes that follow
}

// answer is what the child found out.
type answer struct {
	Report   connector.Report
	Limits   connector.Limits
	Username string
	Secret   int // bytes that follow
	Fault    *fault
}

// fault is an error on its way.
type fault struct {
	Reason  credential.Reason
	Message string
	Hint    string
}

func faultOf(err error) *fault {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*credential.Error](err); ok {
		return &fault{e.Reason, e.Message, e.Hint}
	}
	return &fault{Reason: credential.Internal, Message: err.Error()}
}

func (f *fault) err() error {
	if f == nil {
		return nil
	}
	return credential.NewError(f.Reason, f.Message, f.Hint)
}

var errTooMuch = errors.New("more than is ever needed")

// send writes a line and a secret, of which no copy is made.
func send(w io.Writer, line any, secret credential.Secret) error {
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	if _, err := w.Write(append(text, '\n')); err != nil {
		return err
	}
	_, err = w.Write(secret.Reveal())
	return err
}

// receiveLine reads the line.
func receiveLine(r *bufio.Reader, line any) error {
	text, err := r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return errTooMuch
	}
	if err != nil {
		return fmt.Errorf("reading the line: %w", err)
	}
	return json.Unmarshal(text, line)
}

// receiveSecret reads the n bytes of a secret. What of it the reader took along with the
// line is cleared there.
func receiveSecret(r *bufio.Reader, n int) (credential.Secret, error) {
	if n < 0 || n > maxSecret {
		return credential.Secret{}, errTooMuch
	}
	secret := make([]byte, n)
	early := min(n, r.Buffered())
	held, err := r.Peek(early)
	if err == nil {
		copy(secret, held)
		clear(held)
		_, err = r.Discard(early)
	}
	if err == nil {
		_, err = io.ReadFull(r, secret[early:])
	}
	if err != nil {
		clear(secret)
		return credential.Secret{}, fmt.Errorf("reading the secret: %w", err)
	}
	return credential.NewSecret(secret), nil
}
