// Package broker answers zend's requests. It decides who answers for a registry address,
// and changes what is known: connectors, registries, stacks, logins, servers. Its parts,
// one for each noun, share the catalog and the vault (state), the places where connectors
// live (home), and the one way out for secrets (door).
//
// It does no transport, reads no configuration file and prints nothing: the daemon maps
// wire methods to its functions.
package broker
