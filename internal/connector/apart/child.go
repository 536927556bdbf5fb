package apart

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/connector/handshake"
	"github.com/zen-agent/zen/internal/credential"
)

// Exit statuses of the child; the parent goes by its answer only.
const (
	exitAnswered = 0
	exitUsage    = 2
	exitOrphaned = 3
)

// ChildMain is the child: it answers the one question on stdin on stdout and returns the exit status. args are the arguments
// after ChildArgument; there are none. It ends the process by itself when stdin ends: then the parent is gone.
func ChildMain(args []string, stdin io.Reader, stdout io.Writer) int {
	harden()
	r := bufio.NewReaderSize(stdin, maxLine)
	var q question
	if err := receiveLine(r, &q); err != nil || len(args) > 0 || q.Protocol != protocol {
		return exitUsage
	}
	secret, err := receiveSecret(r, q.Secret)
	if err != nil {
		return exitUsage
	}
	go func() {
		_, _ = io.Copy(io.Discard, r)
		os.Exit(exitOrphaned)
	}()
	ctx := context.Background()
	if q.Millis > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(q.Millis)*time.Millisecond)
		defer cancel()
	}
	a, granted := handle(ctx, handshake.New(), q, secret)
	if send(stdout, a, granted) != nil {
		return exitOrphaned
	}
	return exitAnswered
}

// handle asks the registry. A panic of the libraries is an answer too.
func handle(ctx context.Context, c *handshake.Checker, q question, secret credential.Secret) (a answer, granted credential.Secret) {
	defer func() {
		if p := recover(); p != nil {
			a = answer{Fault: &fault{Reason: credential.Internal, Message: fmt.Sprintf("asking the registry failed: %v", p)}}
		}
	}()
	registry, err := address.Parse(q.Registry)
	if err != nil {
		return answer{Fault: faultOf(err)}, granted
	}
	to := handshake.Target{Registry: registry, PlainHTTP: q.Plain}
	cred := credential.Credential{Username: q.Username, Secret: secret}
	switch q.Op {
	case opVerify:
		a.Report, err = c.Verify(ctx, to, cred, connector.VerifyOptions{Push: q.Push})
	case opLimits:
		a.Limits, err = c.Limits(ctx, to, cred)
	case opIdentityToken:
		var got credential.Credential
		got, err = c.IdentityToken(ctx, to, cred)
		a.Username, granted = got.Username, got.Secret
		a.Secret = granted.Len()
	default:
		err = fmt.Errorf("no operation %q", q.Op)
	}
	a.Fault = faultOf(err)
	return a, granted
}
