// Command zend is zen's per-user daemon: it keeps registry credentials sealed and serves
// them over a local socket.
//
// Clients start it when they need it; a service manager may hold its socket instead
// (packaging/). It takes no secret from its arguments or environment.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/daemon"
	"github.com/zen-agent/zen/internal/keystore/oskeyring"
	"github.com/zen-agent/zen/internal/registryauth/isolated"
)

const usage = `zend keeps container registry credentials sealed. docker-credential-zen and zen ask it.

Usage:
  zend               serve in the foreground, log to standard error
  zend --on-demand   serve as a client starts it: log to the log file
  zend --version     print the version

zend takes its socket from a service manager when there is one (LISTEN_FDS).
Settings: config.toml, see 'zen daemon status'.
`

func main() {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case oskeyring.ChildArgument:
			os.Exit(oskeyring.ChildMain(os.Args[2:], os.Stdin, os.Stdout))
		case isolated.ChildArgument:
			os.Exit(isolated.ChildMain(os.Args[2:], os.Stdin, os.Stdout))
		}
	}
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("zend", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, usage) }
	onDemand := flags.Bool("on-demand", false, "")
	version := flags.Bool("version", false, "")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return credential.ExitOK
		}
		return credential.ExitUsage
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(stderr, "zend: unexpected argument %q\n%s", flags.Arg(0), usage)
		return credential.ExitUsage
	}
	if *version {
		fmt.Fprintln(stdout, "zend", api.Version)
		return credential.ExitOK
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends zend at once
	exe, err := os.Executable()
	if err == nil {
		err = daemon.Run(ctx, daemon.Options{OnDemand: *onDemand, Stderr: stderr, Executable: exe})
	}
	return exit(stderr, err)
}

func exit(stderr io.Writer, err error) int {
	if err == nil {
		return credential.ExitOK
	}
	fmt.Fprintln(stderr, "zend:", err)
	e, ok := errors.AsType[*credential.Error](err)
	if !ok {
		return credential.ExitError
	}
	if hint := e.HintText(); hint != "" {
		fmt.Fprintln(stderr, "Hint:", hint)
	}
	return e.Reason.Info().Exit
}
