package server

import (
	"time"

	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/paths"
)

// Commands are the commands about ZenML servers and about the zenml command, and what
// they work with.
type Commands struct {
	*ui.UI

	zend      zend.Connect
	now       func() time.Time
	dirs      func() (paths.Dirs, error)
	clientEnv func() (clientconfig.Env, error)
}

// New makes the commands; clientEnv is where this user's clients keep their
// configuration.
func New(
	u *ui.UI, connect zend.Connect, now func() time.Time, dirs func() (paths.Dirs, error),
	clientEnv func() (clientconfig.Env, error),
) *Commands {
	return &Commands{UI: u, zend: connect, now: now, dirs: dirs, clientEnv: clientEnv}
}
