package cli

import (
	"os"

	"golang.org/x/term"
)

// terminal is what is known of the terminal a person sits at.
type terminal struct {
	in    *os.File // standard input when it is a terminal, else nil
	err   bool     // standard error is a terminal
	width int      // columns for tables on standard output; 0 when it is no terminal: as wide as they are
	color bool     // standard error may have colours and a spinner

	screen *os.File // standard output when it is a terminal that can be drawn on as a whole, else nil
}

// attended reports whether somebody is there who sees a question and can answer it.
func (t terminal) attended() bool { return t.in != nil && t.err }

// findTerminal looks at the standard streams. Colours follow no-color.org and TERM=dumb.
func findTerminal(in, out, err *os.File, getenv func(string) string) terminal {
	var t terminal
	if term.IsTerminal(int(in.Fd())) {
		t.in = in
	}
	t.err = term.IsTerminal(int(err.Fd()))
	t.color = t.err && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
	if term.IsTerminal(int(out.Fd())) {
		if width, _, sizeErr := term.GetSize(int(out.Fd())); sizeErr == nil {
			t.width = width
		}
		if kind := getenv("TERM"); kind != "" && kind != "dumb" {
			t.screen = out
		}
	}
	return t
}
