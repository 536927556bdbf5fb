package stack

import (
	"strings"
	"testing"

	"github.com/zen-agent/zen/internal/api"
)

func TestEveryComponentTypeHasItsOption(t *testing.T) {
	letters := map[string]string{}
	for _, c := range componentTypes() {
		if other, taken := letters[c.letters]; taken {
			t.Errorf("-%s is both %s and %s", c.letters, other, c.name)
		}
		letters[c.letters] = c.name
		if strings.ReplaceAll(c.option, "-", "_") != c.name {
			t.Errorf("--%s is for %s", c.option, c.name)
		}
	}
	var s api.Stack
	if names := componentsOf(s, "orchestrator"); names != nil {
		t.Errorf("an empty stack has %q", names)
	}
}
