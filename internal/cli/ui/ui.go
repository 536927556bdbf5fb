package ui

import (
	"io"
	"os"
)

// UI is what draws and asks: the streams and the terminal of one run of the program.
type UI struct {
	In     io.Reader
	Out    *DataWriter // standard output: data and tables
	Err    io.Writer   // standard error: sentences, progress, questions, errors
	Term   Terminal
	Getenv func(string) string
}

// NewUI is the UI of a process with these standard streams.
func NewUI(in, out, err *os.File, getenv func(string) string) *UI {
	return &UI{
		In:     in,
		Out:    &DataWriter{W: out},
		Err:    err,
		Term:   findTerminal(in, out, err, getenv),
		Getenv: getenv,
	}
}

// DataWriter remembers that standard output failed, so that a full disk under a
// redirection is an error of the command.
type DataWriter struct {
	W   io.Writer
	Err error
}

func (d *DataWriter) Write(p []byte) (int, error) {
	n, err := d.W.Write(p)
	if err != nil && d.Err == nil {
		d.Err = CannotPrint(err)
	}
	return n, err
}
