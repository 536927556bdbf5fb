//go:build e2e && linux

package e2e

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/zen-agent/zen/internal/keystore/keystoretest"
)

// Names of desktop notifications
// (https://specifications.freedesktop.org/notification-spec/).
const (
	notifications     = "org.freedesktop.Notifications"
	notificationsPath = dbus.ObjectPath("/org/freedesktop/Notifications")
)

// desktop shows notifications to a person who answers them.
type desktop struct {
	conn *dbus.Conn
	shut chan uint32 // notifications that were taken back

	mu     sync.Mutex
	click  string // the button that is pressed next; "": none
	shown  []notification
	latest uint32
}

type notification struct {
	app, summary, body string
	actions            []string
}

func startDesktop(t *testing.T, address string) *desktop {
	t.Helper()
	conn, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	d := &desktop{conn: conn, shut: make(chan uint32, 10)}
	if err := conn.Export(d, notificationsPath, notifications); err != nil {
		t.Fatal(err)
	}
	if reply, err := conn.RequestName(notifications, dbus.NameFlagDoNotQueue); err != nil ||
		reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatalf("%v, %v", reply, err)
	}
	return d
}

// Notify shows a notification, and presses the button.
func (d *desktop) Notify(
	app string,
	_ uint32,
	_, summary, body string,
	actions []string,
	_ map[string]dbus.Variant,
	_ int32,
) (uint32, *dbus.Error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.latest++
	d.shown = append(d.shown, notification{app, summary, body, actions})
	if id, click := d.latest, d.click; click != "" {
		time.AfterFunc(100*time.Millisecond, func() {
			_ = d.conn.Emit(notificationsPath, notifications+".ActionInvoked", id, click)
			_ = d.conn.Emit(notificationsPath, notifications+".NotificationClosed", id, uint32(2))
		})
	}
	return d.latest, nil
}

// CloseNotification takes one back.
func (d *desktop) CloseNotification(id uint32) *dbus.Error {
	d.shut <- id
	_ = d.conn.Emit(notificationsPath, notifications+".NotificationClosed", id, uint32(3))
	return nil
}

// GetCapabilities says what it can.
func (*desktop) GetCapabilities() ([]string, *dbus.Error) { return []string{"actions", "body"}, nil }

// GetServerInformation says who it is.
func (*desktop) GetServerInformation() (name, vendor, version, spec string, err *dbus.Error) {
	return "test", "zen", "1", "1.2", nil
}

func (d *desktop) press(button string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.click = button
}

func (d *desktop) last(t *testing.T) notification {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.shown) == 0 {
		t.Fatal("no notification was shown")
	}
	return d.shown[len(d.shown)-1]
}

// Debian's notify-send asks on a desktop; a person presses a button, or answers in a
// terminal.
func TestConfirmOnTheDesktop(t *testing.T) {
	r := basicRegistry(t)
	h := newHome(t)
	h.lookPath("notify-send")
	bus := keystoretest.StartDaemon(t)
	d := startDesktop(t, bus.Address)
	h.env["DBUS_SESSION_BUS_ADDRESS"] = bus.Address
	h.write(".config/zen/config.toml", "[[policy]]\nconfirm = true\n")
	h.register("prod", r)
	h.zenOK("login", "prod")

	d.press("allow")
	if got := h.secretOf(r.host); got != r.password {
		t.Errorf("after Allow the secret is %q", got)
	}
	n := d.last(t)
	if n.app != "zen" || !strings.HasSuffix(n.summary, " use prod?") ||
		!strings.Contains(n.body, "Registry: "+r.host) ||
		strings.Join(n.actions, " ") != "allow Allow deny Deny" {
		t.Errorf("the notification is %+v", n)
	}
	d.press("deny")
	if r := h.helper("get", r.host); r.code != 1 || !strings.Contains(r.stdout, "was not allowed to use "+
		"service connector 'prod'") {
		t.Errorf("after Deny:\n%s", r)
	}
	h.zenOK("daemon", "restart") // forgets the no

	d.press("")
	h.env["ZEN_TIMEOUT"] = "2s"
	if r := h.helper("get", r.host); r.code != 1 || !strings.Contains(r.stdout, "nobody allowed") {
		t.Errorf("without an answer:\n%s", r)
	}
	h.zenOK("approve", "--all")
	select {
	case <-d.shut:
	case <-time.After(10 * time.Second):
		t.Error("the notification is not taken back although the question was answered")
	}
	if got := h.secretOf(r.host); got != r.password {
		t.Errorf("after zen approve the secret is %q", got)
	}
}
