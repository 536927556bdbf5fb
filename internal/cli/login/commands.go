package login

import (
	"time"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
)

// Commands are the commands that begin and end logins, and what they work with.
type Commands struct {
	*ui.UI

	zend        zend.Connect
	now         func() time.Time
	activeStack func() *api.ZenMLStack
	hintSetup   func(serverURL, profile string)
}

// New makes the commands. activeStack is the stack that the zenml command has chosen on a
// server, nil for none; hintSetup says how clients come to use a login.
func New(
	u *ui.UI, connect zend.Connect, now func() time.Time, activeStack func() *api.ZenMLStack,
	hintSetup func(serverURL, profile string),
) *Commands {
	return &Commands{UI: u, zend: connect, now: now, activeStack: activeStack, hintSetup: hintSetup}
}
