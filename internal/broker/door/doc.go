// Package door is the one place in zend that opens a sealed record or lets a credential
// out, whoever gets it: a client, a person's screen, a registry that is asked about it, a
// program or a server that makes one. Here, and nowhere else, a use of a secret is
// allowed and written to the audit log.
//
// The user's rules bind whoever receives a secret. What goes to a registry, a program or
// a server is bound by the destination: a stored secret goes where it was stored for, and
// has to be typed again for anything else. The package knows no entities and changes
// none; archtest keeps others from what it guards.
package door
