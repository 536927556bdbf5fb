// Command zen logs in to container registries and manages what holds their credentials,
// in ZenML's words.
package main

import (
	"os"

	"github.com/zen-agent/zen/internal/cli"
	"github.com/zen-agent/zen/internal/harden"
	"github.com/zen-agent/zen/internal/selftest"
)

func main() {
	harden.Process()
	if len(os.Args) > 1 && os.Args[1] == selftest.ChildArgument {
		os.Exit(selftest.ChildMain(os.Args[2:], os.Stdout, os.Stderr))
	}
	os.Exit(cli.Main(os.Args[1:]))
}
