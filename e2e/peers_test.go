//go:build e2e && linux

package e2e

const impostorVariable = "ZEN_E2E_IMPOSTOR"

func impostor(string) int { return 1 }
