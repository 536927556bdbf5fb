package exec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	osexec "os/exec"
	"slices"
	"syscall"

	"github.com/zen-agent/zen/internal/credential"
)

// explain makes an error of a run that failed. Nothing of what the program printed is
// repeated, it may hold a secret: what it seems to say is said in zen's own words, and
// how to see it in its own.
func explain(p program, out output, err error) error {
	fault := func(reason credential.Reason, what string) error {
		return &credential.Error{Reason: reason, Message: p.name() + " " + what, Hint: p.tryIt(), Cause: err}
	}
	exit, exited := errors.AsType[*osexec.ExitError](err)
	switch {
	case errors.Is(err, errSlow):
		return fault(credential.Timeout, fmt.Sprintf("did not end within %v", p.limit))
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fault(credential.Timeout, "was stopped: nobody waits for it any more")
	case errors.Is(err, errFlood):
		return fault(credential.TooLarge, fmt.Sprintf("printed more than %d bytes", maxStdout))
	case errors.Is(err, syscall.ENOEXEC):
		return fault(credential.InvalidInput, "is not a program; a script begins with a line like #!/bin/sh")
	case !exited:
		return fault(credential.InvalidInput, "cannot be run: "+reason(err))
	}
	why, meaning := guess(out)
	return fault(why, fmt.Sprintf("failed (%v)%s", exit.ProcessState, meaning))
}

// unreadable makes an error of output that is not a credential.
func unreadable(p program, err error) error {
	return credential.NewError(
		credential.InvalidInput,
		p.name()+" gave no credential: "+err.Error(),
		p.tryIt(),
	)
}

// guess finds in what a program said, before it failed, something that a person can act
// upon.
func guess(out output) (credential.Reason, string) {
	stdout := out.stdout.bytes()
	said := slices.Concat(stdout[:min(len(stdout), maxStderr)], out.stderr.bytes())
	defer clear(said)
	lowered := bytes.ToLower(said)
	defer clear(lowered)
	for _, g := range guesses() {
		for _, phrase := range g.phrases {
			if bytes.Contains(lowered, []byte(phrase)) {
				return g.reason, ": " + g.meaning
			}
		}
	}
	return credential.Unreachable, ""
}

type guessed struct {
	phrases []string
	reason  credential.Reason
	meaning string
}

// guesses are tried in order. The first phrases are constants: of docker-credential-zen,
// and of docker-credential-helpers.
func guesses() []guessed {
	return []guessed{
		{
			[]string{"a program that zend runs for a credential asked zend"},
			credential.InvalidInput,
			"it asked zen in turn",
		},
		{[]string{"credentials not found in native keychain"}, credential.NeedsLogin, "it has no " +
			"credentials for the registry"},
		{[]string{
			"no such host", "name resolution", "connection refused", "network is " +
				"unreachable", "timed out", "timeout",
			"could not connect", "tls handshake",
		}, credential.Unreachable, "it seems to have no connection"},
		{[]string{"throttl", "too many requests", "rate limit"}, credential.RateLimited, "it seems to " +
			"have asked too often"},
		{[]string{
			"access denied", "accessdenied", "forbidden", "not authorized", "permission denied",
		}, credential.Denied, "it seems to lack a permission"},
		{[]string{
			"log in", "login", "logged in", "expired", "reauth", "invalid_grant", "unauthorized",
			"unauthenticated",
			"invalid token", "locked",
		}, credential.NeedsLogin, "it seems to need a new login"},
	}
}
