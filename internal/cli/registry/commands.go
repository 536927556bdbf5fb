package registry

import (
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/resource"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
)

// Commands are the commands of container registries, and what they work with.
type Commands struct {
	*ui.UI

	zend  zend.Connect
	line  *command.Line
	types *resource.TypeCache
}

// New makes the commands.
func New(u *ui.UI, connect zend.Connect, line *command.Line, types *resource.TypeCache) *Commands {
	return &Commands{UI: u, zend: connect, line: line, types: types}
}
