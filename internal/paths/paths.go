package paths

import (
	"path"
	"strconv"

	"github.com/zen-agent/zen/internal/credential"
)

// Dirs are zen's directories, absolute. They need not exist.
type Dirs struct {
	Data    string // the vault and the host index
	Config  string // config.toml
	State   string // logs
	Runtime string // socket and locks

	// Fallbacks tells which of the wanted places could not be used, and why.
	Fallbacks []Fallback

	socket string
}

// Fallback is a place that was asked for and is not used.
type Fallback struct {
	Variable string // the environment variable that named it
	Wanted   string // what it said; "" when it was not set
	Used     string // the directory that is used instead
	Why      string // "is not set", "belongs to user 1000", ...
}

// Socket returns the path of zend's socket: $ZEN_SOCKET or zend.sock in the runtime
// directory. A path that does not fit into a socket address is an InvalidInput error,
// since the kernel would only say "invalid argument".
func (d Dirs) Socket() (string, error) {
	socket := d.socket
	if socket == "" {
		socket = path.Join(d.Runtime, "zend.sock")
	}
	if len(socket) > MaxSocketPath {
		return "", credential.NewError(credential.InvalidInput,
			"the socket's path is too long ("+strconv.Itoa(len(socket))+" bytes, at "+
				"most "+strconv.Itoa(MaxSocketPath)+"): "+socket,
			"set ZEN_SOCKET to a shorter path")
	}
	return socket, nil
}

// Vault is the sealed file of all credentials.
func (d Dirs) Vault() string { return path.Join(d.Data, "vault.json") }

// Hosts is the host index: the addresses that have a login, without secrets.
// docker-credential-zen reads it when zend cannot be reached.
func (d Dirs) Hosts() string { return path.Join(d.Data, "hosts") }

// Log is where zend logs when a client started it.
func (d Dirs) Log() string { return path.Join(d.State, "zend.log") }

// Audit is the log of who asked for what.
func (d Dirs) Audit() string { return path.Join(d.State, "audit.jsonl") }

// Misses is the log of what clients asked for that nobody is logged in to.
func (d Dirs) Misses() string { return path.Join(d.State, "misses.jsonl") }

// ConfigFile holds the user's settings.
func (d Dirs) ConfigFile() string { return path.Join(d.Config, "config.toml") }

// Lock is held by zend for as long as it lives.
func (d Dirs) Lock() string { return path.Join(d.Runtime, "zend.lock") }

// SpawnLock is held by the client that is starting zend.
func (d Dirs) SpawnLock() string { return path.Join(d.Runtime, "spawn.lock") }
