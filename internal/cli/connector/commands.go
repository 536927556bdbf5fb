package connector

import (
	"time"

	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/resource"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
	"github.com/zen-agent/zen/internal/clientconfig"
)

// Commands are the commands of service connectors, and what they work with.
type Commands struct {
	*ui.UI
	*resource.TypeCache

	zend zend.Connect
	now  func() time.Time
	line *command.Line

	clientEnv func() (clientconfig.Env, error)
}

// New makes the commands; clientEnv is where this user's clients keep their
// configuration.
func New(
	u *ui.UI, connect zend.Connect, now func() time.Time, line *command.Line, types *resource.TypeCache,
	clientEnv func() (clientconfig.Env, error),
) *Commands {
	return &Commands{UI: u, TypeCache: types, zend: connect, now: now, line: line, clientEnv: clientEnv}
}
