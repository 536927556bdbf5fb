// Package selftest is the proof behind `zen selftest`: against a registry of its own on a
// loopback port it shows that a push is refused before the login, works after it and is
// refused after the logout, and that the password in between was in no file, no command
// line and no environment.
//
// It asks zend through an interface that the command line supplies. It opens no vault,
// reads no configuration of the user's clients and changes none: docker's configuration
// for the test is a temporary directory.
package selftest
