package cli

import (
	"context"
	"os"
	"time"

	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
	"github.com/zen-agent/zen/internal/ipc"
	"github.com/zen-agent/zen/internal/paths"
)

// app is one run of the program: what its rooms are made of.
type app struct {
	*ui.UI

	now func() time.Time

	// zend returns a client of the user's zend, one that starts it when needed or one
	// that never does.
	zend zend.Connect
	dirs func() (paths.Dirs, error)

	// elsewhere returns the sockets at which a second zend of the user could listen; nil:
	// none.
	elsewhere func(paths.Dirs) []string

	line *command.Line // made by root
}

// newApp is the app of this process.
func newApp() *app {
	a := &app{
		UI: ui.NewUI(os.Stdin, os.Stdout, os.Stderr, os.Getenv), now: time.Now,
		dirs: paths.Find,
	}
	a.elsewhere = func(dirs paths.Dirs) []string { return dirs.Elsewhere(os.Getenv, os.Geteuid()) }
	a.zend = func(start bool) (zend.Caller, error) {
		dirs, err := a.dirs()
		if err != nil {
			return nil, err
		}
		client, err := ipc.NewClient(dirs, "zen")
		if err != nil {
			return nil, err
		}
		if !start {
			client.Start = nil
		}
		// a request may wait for a person, but not for a zend that was stopped: 5 s at most
		client.Patience = 3 * time.Second
		client.Wait = func() bool { return client.Answers(2 * time.Second) }
		return client, nil
	}
	return a
}

// Main runs the zen command of this process with its arguments and returns its exit
// status.
func Main(args []string) int {
	ctx, stop := ui.Interruptible(context.Background())
	defer stop()
	return newApp().run(ctx, args)
}

// run carries out one command line.
func (a *app) run(ctx context.Context, args []string) int {
	root := a.root()
	args, err := a.line.Normalize(root, args)
	if err == nil {
		root.SetArgs(args)
		err = root.ExecuteContext(ctx)
	}
	if err == nil {
		err = a.Out.Err
	}
	return a.Fail(ctx, root, err)
}
