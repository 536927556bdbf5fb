package main

import (
	"strings"
	_ "unsafe" // for go:linkname
)

// arguments are the program's name and arguments, as os.Args has them, whose package does much else when a program starts.
//
//go:linkname arguments os.runtime_args
func arguments() []string

// environment is what syscall.Getenv makes a map of, whose memory takes more time than a look at every variable.
//
//go:linkname environment syscall.runtime_envs
func environment() variables

// variables are an environment: NAME=VALUE.
type variables []string

// get returns the value of a variable, "" if it is not set. Of two of the same name the first counts, as with syscall.Getenv.
func (v variables) get(name string) string {
	for _, variable := range v {
		if rest, ok := strings.CutPrefix(variable, name); ok && rest != "" && rest[0] == '=' {
			return rest[1:]
		}
	}
	return ""
}
