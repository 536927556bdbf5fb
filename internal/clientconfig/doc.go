// Package clientconfig points the clients of registries at zen, and back: where a client
// keeps its configuration, what to change there, what that hides or replaces, and how to
// take it back.
//
// A client is a row of the table in clients.go, which also says under which keys it asks:
// that was read in the clients' sources or seen with a helper that writes down what it is
// asked. A kind of file with logins is a row of the table in files.go. Edits are lossless
// and atomic (packages jsonedit and fileedit). What a file held before is remembered in
// zen's state directory (package journal), one entry for each member that was set and
// never the file as a whole: that may hold passwords. The package runs in the zen command
// and in zend's guard, talks to no daemon and returns no secret to its callers.
package clientconfig
