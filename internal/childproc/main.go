package childproc

import (
	"bufio"
	"io"
	"os"

	"github.com/zen-agent/zen/internal/harden"
)

// Exit statuses of a child; its parent goes by its answer only.
const (
	ExitAnswered = 0
	ExitUsage    = 2 // what it was asked is not a question
	ExitOrphaned = 3 // nobody is there to be answered
)

// Main is a child: it reads the question from r, which stands for standard input, answers
// it and returns the exit status. args are the arguments after Program.Argument; there
// are none. When r ends meanwhile, it ends the process.
func Main[Q any](
	args []string,
	r *bufio.Reader,
	read func(*bufio.Reader) (Q, error),
	answer func(Q) error,
) int {
	harden.Process()
	q, err := read(r)
	if err != nil || len(args) > 0 {
		return ExitUsage
	}
	go func() {
		_, _ = io.Copy(io.Discard, r)
		os.Exit(ExitOrphaned)
	}()
	if answer(q) != nil {
		return ExitOrphaned
	}
	return ExitAnswered
}
