// Package broker is the heart of zend: it knows who answers for a registry address (the catalog), where secrets are sealed
// (the keystore), how credentials are made (the connector kinds) and how long they last (the token cache), and it is the only
// package that knows more than one of them.
//
// It does no transport, reads no configuration file and prints nothing: the daemon maps wire methods to its functions.
package broker
