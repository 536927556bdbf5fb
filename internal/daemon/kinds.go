package daemon

import (
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/connector/docker"
)

// kinds is the one table of connector kinds, in the order in which they are listed.
func kinds() []connector.Kind {
	return []connector.Kind{docker.New()}
}
