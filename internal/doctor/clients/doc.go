// Package clients knows how the clients of registries ask a credential helper: under
// which keys, in which order, whose configuration they read to find the helper, and what
// they do that surprises.
//
// It is a table (table.go) of what was read in the clients' sources or seen with a helper
// that writes down what it is asked.
package clients
