package daemon

import (
	"context"
	"os"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/broker"
	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/guard"
)

// newGuard returns the guard of the clients' files, which begins to look at them when it
// is run.
func (d *daemon) newGuard() *guard.Guard {
	return guard.New(guard.Options{
		Env: clientconfig.Env{Getenv: os.Getenv, State: d.dirs.State, Program: d.opt.Executable},
		Zen: brokerForGuard{broker: d.broker, exe: d.opt.Executable}, Log: d.log,
	})
}

// brokerForGuard is the broker as the guard sees it. In the audit log it is zend that asks.
type brokerForGuard struct {
	broker *broker.Broker
	exe    string
}

func (v brokerForGuard) caller(profile string) access.Caller {
	return access.Caller{
		PID:     os.Getpid(),
		UID:     os.Geteuid(),
		Exe:     func() string { return v.exe },
		Profile: profile,
	}
}

func (v brokerForGuard) Holds(
	ctx context.Context,
	profile, serverURL string,
	cred credential.Credential,
) (access.Holding, error) {
	return v.broker.Credentials.Holds(ctx, v.caller(profile), serverURL, cred)
}

func (v brokerForGuard) Verify(
	ctx context.Context,
	serverURL string,
	cred credential.Credential,
) (api.CredentialReport, error) {
	return v.broker.Credentials.VerifyCredential(ctx, v.caller(""), serverURL, cred)
}

func (v brokerForGuard) Store(
	ctx context.Context, profile, serverURL string, cred credential.Credential,
) error {
	return v.broker.Credentials.Store(ctx, v.caller(profile), serverURL, cred)
}
