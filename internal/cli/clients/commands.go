package clients

import (
	"time"

	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
	"github.com/zen-agent/zen/internal/paths"
)

// Commands are the commands about clients such as docker: how they come to ask zen, and
// what they keep without it.
type Commands struct {
	*ui.UI

	zend zend.Connect
	now  func() time.Time
	dirs func() (paths.Dirs, error)
}

// New makes the commands.
func New(
	u *ui.UI, connect zend.Connect, now func() time.Time, dirs func() (paths.Dirs, error),
) *Commands {
	return &Commands{UI: u, zend: connect, now: now, dirs: dirs}
}
