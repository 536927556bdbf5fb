// Package registryauth asks a registry about a credential, by the handshake that docker
// login does, and says what the answer proves: the credential is valid, rejected,
// accepted where anonymous callers are too, or nothing can be known.
//
// A registry is not trusted. It chooses what it answers and where it sends its clients,
// so all requests go through a guard that lets credentials reach the registry itself and
// a token service that is fit for them, and nothing else.
package registryauth
