//go:build !linux && !darwin

package paths

// Where zen's directories are below the home directory.
const (
	dataDir   = ".local/share/zen"
	configDir = ".config/zen"
	stateDir  = ".local/state/zen"
	cacheDir  = ".cache/zen"

	runtimeIsXDG = false
)

// MaxSocketPath is the number of bytes a socket's path may have.
const MaxSocketPath = 103
