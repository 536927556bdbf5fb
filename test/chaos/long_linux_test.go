//go:build chaos

package chaos

// The full measure of make chaos.
const (
	rounds     = 100
	requests   = 50000
	storeEvery = 200
)
