package ui

import (
	"os"

	"golang.org/x/term"
)

// Terminal is what is known of the terminal a person sits at.
type Terminal struct {
	In    *os.File // standard input when it is a terminal, else nil
	Err   bool     // standard error is a terminal
	Width int      // columns for tables on standard output; 0 when it is not a terminal: as wide as they are
	Color bool     // standard error may have colours and a spinner

	Screen *os.File // standard output when it is a terminal that can be drawn on as a whole, else nil
}

// Attended reports whether somebody is there who sees a question and can answer it.
func (t Terminal) Attended() bool { return t.In != nil && t.Err }

// findTerminal looks at the standard streams. Colours follow no-color.org and TERM=dumb.
func findTerminal(in, out, err *os.File, getenv func(string) string) Terminal {
	var t Terminal
	if term.IsTerminal(int(in.Fd())) {
		t.In = in
	}
	t.Err = term.IsTerminal(int(err.Fd()))
	t.Color = t.Err && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
	if term.IsTerminal(int(out.Fd())) {
		if width, _, sizeErr := term.GetSize(int(out.Fd())); sizeErr == nil {
			t.Width = width
		}
		if kind := getenv("TERM"); kind != "" && kind != "dumb" {
			t.Screen = out
		}
	}
	return t
}
