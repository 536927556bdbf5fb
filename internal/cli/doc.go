// Package cli is the zen command: ZenML's words for connectors, container registries and
// stacks, and zen's own for logging in, the vault and the daemon. It asks zend for
// everything and opens no vault, no registry and no keyring itself.
//
// This package only assembles. Each noun is a room below it: connector, registry, stack,
// login, server, clients (setup, import, why) and machine (status, vault, daemon, audit,
// doctor). They do not know each other; what one needs of another it is given here. They
// share ui (what draws and asks), zend (one request at a time), command (attributes,
// filters, lists, completion) and resource (what connectors give access to).
package cli
