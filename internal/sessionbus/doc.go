// Package sessionbus finds the message bus of the user's session (D-Bus) from the
// environment, without starting one and without talking to it, and says which variables a
// child process needs to use it.
//
// It is a leaf: standard library only.
package sessionbus
