// Package isolated asks registries about credentials as package registryauth does, in a
// child process that lives for one question.
//
// net/http, crypto/tls and go-containerregistry make strings and buffers of a credential
// that nobody can clear. In zend they would stay until their memory is used again, also
// after zen lock; the child's are gone with it. What a registry answers is read outside
// the process that keeps the secrets, too.
package isolated
