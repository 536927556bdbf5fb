// Package e2e tries zen's real programs against the real world: docker and its engine,
// distribution's registry with both kinds of authentication, gnome-keyring on a bus of
// its own, a ZenML server with ZenML's own command line, and clients that share no code
// with docker. `make e2e` installs what it needs and runs it, as root.
//
// It has no code outside its tests. Everything runs below a temporary directory and on
// loopback ports; nothing of the user's is touched, and nothing is left running.
package e2e
