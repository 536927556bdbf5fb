package daemon

import (
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/connector/docker"
	"github.com/zen-agent/zen/internal/connector/exec"
)

// kinds is the one table of connector kinds, in the order in which they are listed.
func kinds(registries docker.Checker) []connector.Kind {
	return []connector.Kind{docker.New(registries), exec.New(registries)}
}
