// Package cli is the zen command: ZenML's words for connectors, container registries and stacks, and zen's own for logging in,
// the vault and the daemon. It asks zend for everything and opens no vault, no registry and no keyring itself.
//
// Each command has a file with its options, its constructor and what it does. What they share has rooms of its own: ui
// (what draws and asks), zend (one request at a time), command (attributes, filters, lists, completion). Data goes to
// standard output; sentences, progress, questions and errors go to standard error.
package cli
