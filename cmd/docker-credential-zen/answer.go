package main

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

// answer is what the program says before it ends. The protocol has errors on standard
// output, with exit status 1; standard error reaches the user's terminal.
type answer struct {
	stdout []byte // wiped after it was written
	stderr string
	code   int
	limit  time.Duration // in which the client has to read it; 0: defaultTimeout
}

// succeeded is the answer that out was asked for. It owns out; nothing is written when it
// is nil.
func succeeded(out []byte) answer { return answer{stdout: out} }

// refused is a failure of which clients compare the text.
func refused(text string) answer { return answer{stdout: []byte(text), code: 1} }

// failed is a failure that a person has to see.
func failed(err error) answer {
	if e, ok := errors.AsType[protocolError](err); ok {
		return refused(string(e))
	}
	a := refused("zen: " + safetext.Line(err.Error()))
	a.stderr = hintLine(err)
	return a
}

// withNote also tells the user about an error that clients shall not see.
func (a answer) withNote(err error) answer {
	a.stderr = "zen: " + safetext.Line(err.Error()) + "\n" + hintLine(err)
	return a
}

func hintLine(err error) string {
	e, ok := errors.AsType[*credential.Error](err)
	if !ok || e.HintText() == "" {
		return ""
	}
	return "Hint: " + safetext.Line(e.HintText()) + "\n"
}

// send writes the answer and returns the exit status.
func (a answer) send() int {
	if a.limit == 0 {
		a.limit = defaultTimeout
	}
	deadline := time.Now().Add(a.limit)
	if a.stderr != "" {
		writeAll(unix.Stderr, []byte(a.stderr), deadline)
	}
	if a.stdout == nil {
		return a.code
	}
	if !writeLine(unix.Stdout, a.stdout, deadline) {
		return 1
	}
	return a.code
}

// writeLine writes text and a newline, wipes it, and reports whether it was taken whole.
func writeLine(fd int, text []byte, deadline time.Time) bool {
	line := text
	if len(line) == cap(line) { // append would leave the old array as it is
		line = append(make([]byte, 0, len(line)+1), line...)
		clear(text)
	}
	line = append(line, '\n')
	defer clear(line)
	return writeAll(fd, line, deadline)
}

// unblocked is the number of bytes that a pipe which is ready takes without making one
// wait (pipe(7), PIPE_BUF).
const unblocked = 4096

// writeAll writes b at once, and reports whether it was taken whole. A client that does
// not read must not keep the program for ever. It goes by the descriptor: os.File would
// end the program with SIGPIPE instead of an exit status when nobody reads.
func writeAll(fd int, b []byte, deadline time.Time) bool {
	if len(b) > unblocked {
		watchdog := time.AfterFunc(time.Until(deadline), func() { unix.Exit(1) })
		defer watchdog.Stop()
	}
	for len(b) > 0 {
		if !await(fd, unix.POLLOUT, deadline) {
			return false
		}
		n, err := unix.Write(fd, b)
		switch {
		case n > 0:
			b = b[n:]
		case err != unix.EINTR && err != unix.EAGAIN:
			return false
		}
	}
	return true
}
