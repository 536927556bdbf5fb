//go:build chaos

package chaos

// The full measure of make chaos.
const (
	rounds         = 100
	requests       = 50000
	storeEvery     = 200
	politeRequests = 200
	soakGets       = 1000000
	clients        = 1000
	manyNames      = 1000
)
