package paths

// Where zen's directories are below the home directory (Apple, File System Programming
// Guide).
const (
	dataDir   = "Library/Application Support/zen"
	configDir = "Library/Application Support/zen"
	stateDir  = "Library/Logs/zen"
	cacheDir  = "Library/Caches/zen"

	runtimeIsXDG = false // macOS has no such variable: its absence means nothing
)

// MaxSocketPath is the number of bytes a socket's path may have: sun_path without its NUL
// (unix(4)).
const MaxSocketPath = 103
