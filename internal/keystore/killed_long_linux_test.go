//go:build chaos

package keystore

// killedScenarios are all changes that there are.
func killedScenarios() []scenario { return scenarios() }
