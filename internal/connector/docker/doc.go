// Package docker is the docker kind of service connector: a user name and a password or
// access token for one Docker or OCI registry, handed out as they are. Its verification
// asks the registry itself, by the handshake that docker does, and tells the truth about
// what the answer proves.
package docker
