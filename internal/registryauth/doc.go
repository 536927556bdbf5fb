// Package registryauth asks a registry about a credential, by the handshake that docker login does, and tells the truth about
// what the answer proves: valid, rejected, accepted where anonymous callers are too, or not to be found out.
//
// A registry is not trusted. It chooses what it answers and where it sends its clients, so all requests go through a guard
// that lets credentials reach the registry itself and a token service that is fit for them, and nobody else.
package registryauth
