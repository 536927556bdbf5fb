//go:build !chaos

package chaos

// The measure of the ordinary tests: seconds, not minutes.
const (
	rounds     = 3
	requests   = 1000
	storeEvery = 20
)
