package main

import _ "unsafe" // for go:linkname

// arguments are the program's name and arguments, as os.Args has them. Package os would make a tenth of the program's time:
// its own start-up opens files, starts a goroutine and with it a thread.
//
//go:linkname arguments os.runtime_args
func arguments() []string
