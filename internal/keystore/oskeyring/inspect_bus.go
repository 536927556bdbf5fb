//go:build unix && !darwin

package oskeyring

import (
	"context"
	"os"
	"slices"

	"github.com/godbus/dbus/v5"

	"github.com/zen-agent/zen/internal/sessionbus"
)

// Names of the Secret Service
// (https://specifications.freedesktop.org/secret-service-spec/).
const (
	busName         = "org.freedesktop.secrets"
	servicePath     = dbus.ObjectPath("/org/freedesktop/secrets")
	loginCollection = dbus.ObjectPath("/org/freedesktop/secrets/collection/login")
	ifaceService    = "org.freedesktop.Secret.Service"
	ifaceCollection = "org.freedesktop.Secret.Collection"
)

// inspect asks the bus, on a connection of its own and without showing any prompt, what
// to expect of the operation: whether the service is there, has a keyring, and will
// prompt. It tells the parent what to wait for. A probe starts nothing.
func inspect(ctx context.Context, q request, a answer) (fault, string) {
	address := os.Getenv(sessionbus.Variable)
	if !sessionbus.IsLocal(address) {
		return faultNoBus, sessionbus.Variable + " does not name a Unix socket"
	}
	conn, err := dbus.Connect(address, dbus.WithContext(ctx))
	if err != nil {
		return faultNoBus, err.Error()
	}
	defer func() { _ = conn.Close() }()
	i := inspector{ctx: ctx, conn: conn}
	running, err := i.running()
	if err != nil {
		return faultNoBus, err.Error()
	}
	if !running && !i.startable() {
		return faultNoService, ""
	}
	if q.op == opProbe && !running {
		return "", ""
	}
	if !running {
		a.wait(waitStart)
	}
	return i.collection(q, a)
}

// wait says that what comes now can take as long as a person needs.
func (a answer) wait(what string) { a.line(wordWait, what) }

type inspector struct {
	ctx  context.Context
	conn *dbus.Conn
}

func (i inspector) running() (owned bool, err error) {
	err = i.conn.BusObject().
		CallWithContext(i.ctx, "org.freedesktop.DBus.NameHasOwner", 0, busName).
		Store(&owned)
	return owned, err
}

func (i inspector) startable() bool {
	var names []string
	err := i.conn.BusObject().
		CallWithContext(i.ctx, "org.freedesktop.DBus.ListActivatableNames", 0).
		Store(&names)
	return err == nil && slices.Contains(names, busName)
}

// collection finds the collection that go-keyring will use and what it takes to open it.
func (i inspector) collection(q request, a answer) (fault, string) {
	service := i.conn.Object(busName, servicePath)
	var all dbus.Variant
	if err := i.property(service, ifaceService, "Collections", &all); err != nil {
		return classify(err)
	}
	paths, _ := all.Value().([]dbus.ObjectPath)
	path := loginCollection
	if !slices.Contains(paths, path) {
		if err := service.CallWithContext(i.ctx, ifaceService+".ReadAlias", 0,
			"default").Store(&path); err != nil {
			return classify(err)
		}
	}
	if path == "/" {
		return faultNoCollection, ""
	}
	if q.op != opProbe && (i.locked(path) || i.itemLocked(service, q)) {
		a.wait(waitPrompt)
	}
	return "", ""
}

func (i inspector) property(o dbus.BusObject, iface, name string, v *dbus.Variant) error {
	return o.CallWithContext(i.ctx, "org.freedesktop.DBus.Properties.Get", 0, iface, name).Store(v)
}

func (i inspector) locked(collection dbus.ObjectPath) bool {
	var v dbus.Variant
	if err := i.property(i.conn.Object(busName, collection), ifaceCollection, "Locked", &v); err != nil {
		return false // the operation itself will say what is wrong
	}
	locked, _ := v.Value().(bool)
	return locked
}

// itemLocked reports whether the item itself is locked, as KeePassXC's are until a person
// allows the access.
func (i inspector) itemLocked(service dbus.BusObject, q request) bool {
	var unlocked, locked []dbus.ObjectPath
	attributes := map[string]string{"service": Service, "username": userPrefix + q.id}
	err := service.CallWithContext(i.ctx, ifaceService+".SearchItems", 0, attributes).
		Store(&unlocked, &locked)
	return err == nil && len(locked) > 0
}
