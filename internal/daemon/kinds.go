package daemon

import (
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/connector/docker"
	"github.com/zen-agent/zen/internal/connector/exec"
)

// kinds is the one table of connector kinds, in the order in which they are listed.
func kinds() []connector.Kind {
	return []connector.Kind{docker.New(), exec.New()}
}
