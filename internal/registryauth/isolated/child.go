package isolated

import (
	"bufio"
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"time"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/childproc"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/registryauth"
)

// ChildMain is the child: it answers the one question on stdin on stdout and returns the
// exit status. args are the arguments after ChildArgument; there are none.
func ChildMain(args []string, stdin io.Reader, stdout io.Writer) int {
	return childproc.Main(args, bufio.NewReaderSize(stdin, maxLine), receiveQuestion, func(q asked) error {
		ctx := context.Background()
		if q.Millis > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, time.Duration(q.Millis)*time.Millisecond)
			defer cancel()
		}
		a, granted := handle(ctx, registryauth.New(), q.question, q.secret)
		return send(stdout, a, granted)
	})
}

// asked is a question with its secret.
type asked struct {
	question
	secret credential.Secret
}

func receiveQuestion(r *bufio.Reader) (q asked, err error) {
	if err = receiveLine(r, &q.question); err != nil {
		return q, err
	}
	if q.Protocol != protocol {
		return q, fmt.Errorf("the parent speaks %q, not %q", q.Protocol, protocol)
	}
	q.secret, err = receiveSecret(r, q.question.Secret)
	return q, err
}

// handle asks the registry. A panic of the libraries is an answer too.
func handle(
	ctx context.Context,
	c *registryauth.Checker,
	q question,
	secret credential.Secret,
) (a answer, granted credential.Secret) {
	defer func() {
		if p := recover(); p != nil {
			a = answer{Fault: &fault{Reason: credential.Internal, Message: fmt.Sprintf("asking the "+
				"registry failed: %v", p)}}
		}
	}()
	registry, err := address.Parse(q.Registry)
	if err != nil {
		return answer{Fault: faultOf(err)}, granted
	}
	if !q.Plain && !registry.IsLoopback() {
		// it takes 12 ms, which TLS would wait for after it has connected
		go func() { _, _ = x509.SystemCertPool() }()
	}
	to := connector.Target{Registry: registry, PlainHTTP: q.Plain}
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
