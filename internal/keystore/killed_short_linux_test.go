//go:build !chaos

package keystore

import "slices"

// killedScenarios are the changes that are made all the time. make chaos kills in every
// change there is.
func killedScenarios() []scenario {
	return slices.DeleteFunc(
		scenarios(),
		func(s scenario) bool { return s.name != "first change" && s.name != "change" },
	)
}
