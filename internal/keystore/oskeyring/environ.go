package oskeyring

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	envBus     = "DBUS_SESSION_BUS_ADDRESS"
	envRuntime = "XDG_RUNTIME_DIR"
)

// passed are the variables the child may see: where its user, bus and display are, and the language of prompts. PATH is not
// among them: a library that looks for dbus-launch to start a bus of its own finds none.
func passed() []string {
	return []string{
		"HOME", "USER", "LOGNAME", envRuntime, "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY",
		"LANG", "LC_ALL", "LC_MESSAGES", "LANGUAGE",
	}
}

// environment is a lookup in "NAME=value" lines; the last one wins, as in os/exec.
type environment []string

func (e environment) get(name string) string {
	for _, line := range slices.Backward(e) {
		if v, ok := strings.CutPrefix(line, name+"="); ok {
			return v
		}
	}
	return ""
}

// child returns the child's environment with bus as its message bus, "" for none.
func (e environment) child(bus string) []string {
	var out []string
	for _, name := range passed() {
		if v := e.get(name); v != "" {
			out = append(out, name+"="+v)
		}
	}
	if bus != "" {
		out = append(out, envBus+"="+bus)
	}
	return out
}

// sessionBus finds the session's message bus: the one that is named, or systemd's in the runtime directory. Only sockets of
// this machine are accepted, so that the key is never sent over a network, and never one that would have to be started.
func (e environment) sessionBus() (address, problem string) {
	if bus := e.get(envBus); bus != "" {
		if !isLocal(bus) {
			return "", envBus + " does not name a Unix socket"
		}
		return bus, ""
	}
	dir := e.get(envRuntime)
	if dir == "" {
		return "", "there is no session message bus (neither " + envBus + " nor " + envRuntime + " is set)"
	}
	socket := filepath.Join(dir, "bus")
	if info, err := os.Stat(socket); err != nil || info.Mode().Type() != os.ModeSocket {
		return "", "there is no session message bus (" + envBus + " is not set, and " + socket + " is no socket)"
	}
	return "unix:path=" + escapeAddress(socket), ""
}

// isLocal reports whether every alternative of a bus address is a Unix socket.
func isLocal(address string) bool {
	for a := range strings.SplitSeq(address, ";") {
		if !strings.HasPrefix(a, "unix:") {
			return false
		}
	}
	return true
}

// escapeAddress escapes a value of a D-Bus address (D-Bus specification, "Server Addresses").
func escapeAddress(s string) string {
	const digits = "0123456789abcdef"
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-_/.\\*", c) >= 0:
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return b.String()
}
