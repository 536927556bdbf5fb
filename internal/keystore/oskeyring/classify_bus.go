//go:build unix && !darwin

package oskeyring

import (
	"errors"
	"io"
	"net"
	"strings"

	"github.com/godbus/dbus/v5"
	"github.com/zalando/go-keyring"
)

// classify maps what go-keyring and godbus return to a fault.
func classify(err error) (fault, string) {
	if e, ok := errors.AsType[dbus.Error](err); ok {
		return classifyName(e.Name), e.Error()
	}
	if e, ok := errors.AsType[*dbus.Error](err); ok {
		return classifyName(e.Name), e.Error()
	}
	switch op, ok := errors.AsType[*net.OpError](err); {
	case ok && op.Op == "dial":
		return faultNoBus, err.Error()
	case ok:
		return faultCrashed, "the message bus ended: " + err.Error()
	}
	switch {
	case errors.Is(err, keyring.ErrNotFound):
		return faultMissing, ""
	case errors.Is(err, errDismissed):
		return faultDismissed, ""
	case errors.Is(err, errNoPrompt):
		return faultLocked, ""
	case errors.Is(err, dbus.ErrClosed), errors.Is(err, io.EOF):
		return faultCrashed, "the message bus ended"
	}
	return faultOther, err.Error()
}

// classifyName maps the names of D-Bus errors (D-Bus and Secret Service specifications).
func classifyName(name string) fault {
	if strings.HasPrefix(name, "org.freedesktop.DBus.Error.Spawn.") {
		return faultNoStart
	}
	switch name {
	case "org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NameHasNoOwner":
		return faultNoService
	case "org.freedesktop.DBus.Error.NoReply", "org.freedesktop.DBus.Error.Disconnected":
		return faultCrashed
	case "org.freedesktop.Secret.Error.IsLocked":
		return faultLocked
	case "org.freedesktop.Secret.Error.NoSuchObject":
		return faultMissing
	}
	return faultOther
}
