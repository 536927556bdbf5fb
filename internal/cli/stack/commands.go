package stack

import (
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
)

// Commands are the commands of stacks, and what they work with.
type Commands struct {
	*ui.UI

	zend zend.Connect
}

// New makes the commands.
func New(u *ui.UI, connect zend.Connect) *Commands {
	return &Commands{UI: u, zend: connect}
}
