package paths

// Where zen's directories are below the home directory (XDG Base Directory Specification
// 0.8).
const (
	dataDir   = ".local/share/zen"
	configDir = ".config/zen"
	stateDir  = ".local/state/zen"
	cacheDir  = ".cache/zen"

	runtimeIsXDG = true // a session is expected to have XDG_RUNTIME_DIR
)

// MaxSocketPath is the number of bytes a socket's path may have: sun_path without its NUL
// (unix(7)).
const MaxSocketPath = 107
