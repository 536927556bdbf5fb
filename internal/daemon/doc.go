// Package daemon wires zend together: it reads the configuration, hardens the process,
// opens the vault, builds the broker and serves it on the socket until it has to stop,
// has nothing to do, or its socket was taken over.
//
// It decides nothing about credentials; that is the broker's. The explicit table of
// connector kinds is here (kinds.go), and so is the table from wire methods to broker
// functions (methods.go).
package daemon
