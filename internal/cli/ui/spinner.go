package ui

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/zen-agent/zen/internal/safetext"
)

// frames are the pictures of a turning wheel, in Braille.
func frames() []string {
	return []string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"}
}

// Busy shows on standard error that something is being done until stop is called: a
// turning wheel on a terminal, else one line.
func (a *UI) Busy(ctx context.Context, format string, args ...any) (stop func()) {
	text := safetext.Text(fmt.Sprintf(format, args...))
	if !a.Term.Color {
		fmt.Fprintln(a.Err, text)
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() { a.spin(ctx, text) })
	return func() {
		cancel()
		done.Wait()
	}
}

func (a *UI) spin(ctx context.Context, text string) {
	tick := time.NewTicker(80 * time.Millisecond)
	defer tick.Stop()
	defer fmt.Fprint(a.Err, "\r\x1b[K")
	for {
		for _, frame := range frames() {
			fmt.Fprint(a.Err, "\r", frame, " ", text)
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}
}
