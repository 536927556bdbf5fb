package address

// Address is the canonical name of a registry, or of a repository path on one, or of a Docker Hub token key.
// The zero Address is invalid. Addresses are comparable and usable as map keys.
type Address struct {
	host string // lower-case host[:port]; "docker.io" for every spelling of Docker Hub; "[::1]:5000" for IPv6
	path string // repository path without leading or trailing slash, "" for the whole registry
	http bool   // the caller wrote http:// explicitly
}
