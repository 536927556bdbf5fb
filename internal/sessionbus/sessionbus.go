package sessionbus

import (
	"os"
	"path/filepath"
	"strings"
)

// Variable is the environment variable that names the bus.
const Variable = "DBUS_SESSION_BUS_ADDRESS"

const envRuntime = "XDG_RUNTIME_DIR"

// passed are the variables a child may see: where its user, bus and display are, and the
// language in which it talks. PATH is not among them: a library that looks for
// dbus-launch to start a bus of its own finds none.
func passed() []string {
	return []string{
		"HOME", "USER", "LOGNAME", envRuntime, "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY",
		"LANG", "LC_ALL", "LC_MESSAGES", "LANGUAGE",
	}
}

// Environ returns the environment of a child that uses the bus at the address, "" for
// none. getenv looks up a variable.
func Environ(getenv func(string) string, bus string) []string {
	var out []string
	for _, name := range passed() {
		if v := getenv(name); v != "" {
			out = append(out, name+"="+v)
		}
	}
	if bus != "" {
		out = append(out, Variable+"="+bus)
	}
	return out
}

// Find returns the address of the session's bus: the one that is named, or systemd's in
// the runtime directory; or else what is missing. Only sockets of this machine are
// accepted, so that nothing secret is sent over a network, and never one that would have
// to be started.
func Find(getenv func(string) string) (address, problem string) {
	if bus := getenv(Variable); bus != "" {
		if !IsLocal(bus) {
			return "", Variable + " does not name a Unix socket"
		}
		return bus, ""
	}
	dir := getenv(envRuntime)
	if dir == "" {
		return "", "there is no session message bus (neither " + Variable + " nor " + envRuntime + " is set)"
	}
	socket := filepath.Join(dir, "bus")
	if info, err := os.Stat(socket); err != nil || info.Mode().Type() != os.ModeSocket {
		return "", "there is no session message bus (" + Variable + " is not set, and " + socket +
			" is not a socket)"
	}
	return "unix:path=" + escape(socket), ""
}

// IsLocal reports whether every alternative of a bus address is a Unix socket.
func IsLocal(address string) bool {
	for a := range strings.SplitSeq(address, ";") {
		if !strings.HasPrefix(a, "unix:") {
			return false
		}
	}
	return true
}

// escape escapes a value of a D-Bus address (D-Bus specification, "Server Addresses").
func escape(s string) string {
	const digits = "0123456789abcdef"
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z',
			'A' <= c && c <= 'Z',
			'0' <= c && c <= '9',
			strings.IndexByte("-_/.\\*", c) >= 0:
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return b.String()
}
