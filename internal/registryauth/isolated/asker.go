package isolated

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/zen-agent/zen/internal/childproc"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/credential"
)

// maxChildren is how many questions are asked at the same time; each takes a process of
// some megabytes.
const maxChildren = 8

// patience is longer than registryauth takes for anything.
const patience = 40 * time.Second

// margin is how much earlier than the parent a child gives up: it can say what it waited
// for.
const margin = 200 * time.Millisecond

// Asker asks registries by children. Use New. It is safe for concurrent use.
type Asker struct {
	program childproc.Program
	turns   chan struct{}
}

// New returns an Asker that executes the program at this absolute path with
// ChildArgument.
func New(executable string) *Asker {
	program := childproc.Program{Executable: executable, Argument: ChildArgument, Buffer: maxLine}
	return &Asker{program, make(chan struct{}, maxChildren)}
}

// Verify is registryauth.Checker's.
func (k *Asker) Verify(
	ctx context.Context, to connector.Target, cred credential.Credential, opt connector.VerifyOptions,
) (connector.Report, error) {
	a, _, err := k.ask(ctx, question{Op: opVerify, Push: opt.Push}, to, cred)
	return a.Report, err
}

// IdentityToken is registryauth.Checker's.
func (k *Asker) IdentityToken(
	ctx context.Context,
	to connector.Target,
	cred credential.Credential,
) (credential.Credential, error) {
	a, secret, err := k.ask(ctx, question{Op: opIdentityToken}, to, cred)
	return credential.Credential{Username: a.Username, Secret: secret}, err
}

// Limits is registryauth.Checker's.
func (k *Asker) Limits(
	ctx context.Context,
	to connector.Target,
	cred credential.Credential,
) (connector.Limits, error) {
	a, _, err := k.ask(ctx, question{Op: opLimits}, to, cred)
	return a.Limits, err
}

// ask has one child answer, and returns when it is gone. The secret is the caller's to
// wipe.
func (k *Asker) ask(
	ctx context.Context, q question, to connector.Target, cred credential.Credential,
) (a answer, granted credential.Secret, err error) {
	q.Protocol, q.Registry, q.Plain, q.Username, q.Secret = protocol, to.Registry.String(), to.PlainHTTP,
		cred.Username, cred.Secret.Len()
	if deadline, ok := ctx.Deadline(); ok {
		q.Millis = max(1, (time.Until(deadline) - margin).Milliseconds())
	}
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case k.turns <- struct{}{}:
		defer func() { <-k.turns }()
	case <-limited.Done():
		return a, granted, gaveUp(limited, to)
	}
	a, granted, err = k.converse(limited, q, cred.Secret)
	if err == nil {
		err = a.Fault.err()
	}
	if err == nil {
		return a, granted, nil
	}
	granted.Wipe()
	if limited.Err() != nil {
		err = gaveUp(limited, to)
	}
	return answer{}, credential.Secret{}, err
}

func gaveUp(ctx context.Context, to connector.Target) error {
	return &credential.Error{
		Reason: credential.Timeout, Message: "asking " + to.Registry.Host() + " was given " +
			"up", Cause: context.Cause(ctx),
	}
}

// converse asks a child.
func (k *Asker) converse(
	ctx context.Context,
	q question,
	secret credential.Secret,
) (a answer, granted credential.Secret, err error) {
	say := func(w io.Writer) { _ = send(w, q, secret) } // who did not get it does not answer
	var heard error
	err = childproc.Ask(ctx, k.program, say, func(r *bufio.Reader) {
		if heard = receiveLine(r, &a); heard == nil {
			granted, heard = receiveSecret(r, a.Secret)
		}
	})
	if err = cmp.Or(err, heard); err != nil {
		err = cannotAsk(err)
	}
	return a, granted, err
}

func cannotAsk(err error) error {
	return &credential.Error{
		Reason: credential.Internal, Message: fmt.Sprintf("the process that asks registries failed: "+
			"%v", err), Cause: err,
		Hint: "look whether zend is where it was installed, or zen daemon restart",
	}
}
