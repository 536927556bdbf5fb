package oskeyring

import (
	"slices"
	"strings"

	"github.com/zen-agent/zen/internal/sessionbus"
)

// environment is a lookup in "NAME=value" lines; the last one wins, as in os/exec.
type environment []string

func (e environment) get(name string) string {
	for _, line := range slices.Backward(e) {
		if v, ok := strings.CutPrefix(line, name+"="); ok {
			return v
		}
	}
	return ""
}

// child returns the child's environment with bus as its message bus, "" for none.
func (e environment) child(bus string) []string { return sessionbus.Environ(e.get, bus) }

// sessionBus finds the session's message bus, or says why there is none.
func (e environment) sessionBus() (address, problem string) { return sessionbus.Find(e.get) }
