// Package logins finds the logins that registry clients keep without zen, in plain text
// in their configuration files and in other credential helpers, and takes them out there:
// `zen import` moves them into the vault.
//
// Entries are taken out one by one, each only while it still holds what was read, and
// nothing else in a file changes. Other helpers are executed as clients do it, with a
// deadline, and nothing that is secret in their arguments or environment. The package
// talks to no daemon and does not know what becomes of a login; it does not look into the
// configuration that clients choose helpers by beyond their names.
package logins
