// Package keystoretest tests implementations of keystore.KeySlot: one suite for all of
// them, and for OS keyrings the services to run it against, on a message bus of its own:
// a real gnome-keyring-daemon, and a Secret Service that misbehaves on request.
//
// It is for tests only and never touches the bus, the keyring or the home directory of
// whoever runs them.
package keystoretest
