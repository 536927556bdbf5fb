// Package credential is zen's vocabulary: a redacting [Secret], a [Credential] as
// registries take it, and the reasons why a request can fail ([Reason], [Error]).
//
// It is a leaf that docker-credential-zen links: standard library only, without fmt,
// encoding/json or net, no I/O.
package credential
