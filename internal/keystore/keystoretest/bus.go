//go:build unix && !darwin

package keystoretest

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// Bus is a private message bus with a home directory of its own.
type Bus struct {
	Dir     string // home, runtime and data directories
	Address string
	end     func()
	once    sync.Once
}

// StartBus starts a message bus in this process until the end of the test.
func StartBus(t testing.TB) *Bus {
	t.Helper()
	b := newBus(t)
	local, err := listenBus(t.Context(), filepath.Join(b.Dir, "bus"))
	must(t, err)
	b.Address, b.end = "unix:path="+filepath.Join(b.Dir, "bus"), local.stop
	t.Cleanup(b.Stop)
	return b
}

func newBus(t testing.TB) *Bus {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "zenbus") // t.TempDir is too long for a socket's path of 107 bytes
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return &Bus{Dir: dir}
}

const busConfig = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=%[1]s/bus</listen>
  <servicedir>%[1]s/services</servicedir>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
`

// StartDaemon starts dbus-daemon, which real services need, until the end of the test.
// The test is skipped where there is none.
func StartDaemon(t testing.TB) *Bus {
	t.Helper()
	daemon, err := exec.LookPath("dbus-daemon")
	if err != nil {
		t.Skip("dbus-daemon is not installed: real services cannot be tested")
	}
	b := newBus(t)
	must(t, os.Mkdir(filepath.Join(b.Dir, "services"), 0o700))
	config := filepath.Join(b.Dir, "bus.conf")
	must(t, os.WriteFile(config, fmt.Appendf(nil, busConfig, b.Dir), 0o600))
	cmd := exec.CommandContext(
		context.WithoutCancel(t.Context()),
		daemon,
		"--config-file="+config,
		"--nofork",
		"--nopidfile",
		"--print-address",
	)
	cmd.Env = []string{"HOME=" + b.Dir, "PATH=" + os.Getenv("PATH")}
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	b.end = func() { kill(cmd) }
	t.Cleanup(b.Stop)
	line, err := bufio.NewReader(out).ReadString('\n')
	must(t, err)
	b.Address = strings.TrimSpace(line)
	return b
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Stop kills the bus; further calls do nothing.
func (b *Bus) Stop() { b.once.Do(b.end) }

// Environ is the environment of a program in the bus's session. A display is named so
// that a dismissed prompt counts as a person's; there is none.
func (b *Bus) Environ() []string {
	return append(b.Headless(), "DISPLAY=:none")
}

// Headless is Environ without a display.
func (b *Bus) Headless() []string {
	return []string{
		"HOME=" + b.Dir, "XDG_RUNTIME_DIR=" + b.Dir, "XDG_DATA_HOME=" + b.Dir + "/data",
		"DBUS_SESSION_BUS_ADDRESS=" + b.Address,
	}
}

// Connect opens a connection to the bus until the end of the test.
func (b *Bus) Connect(t testing.TB) *dbus.Conn {
	t.Helper()
	conn, err := dbus.Connect(b.Address)
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// Activatable makes a bus that StartDaemon started start a program when somebody calls
// the name.
func (b *Bus) Activatable(t testing.TB, name, exec string) {
	t.Helper()
	file := filepath.Join(b.Dir, "services", name+".service")
	must(t, os.WriteFile(file, fmt.Appendf(nil, "[D-BUS Service]\nName=%s\nExec=%s\n", name, exec), 0o600))
	must(t, b.Connect(t).BusObject().Call("org.freedesktop.DBus.ReloadConfig", 0).Err)
}

// awaitOwner waits until somebody owns the name.
func (b *Bus) awaitOwner(t testing.TB, name string) {
	t.Helper()
	conn := b.Connect(t)
	changes := make(chan *dbus.Signal, 16)
	conn.Signal(changes)
	must(t, conn.AddMatchSignal(dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, name)))
	var owned bool
	must(t, conn.BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0, name).Store(&owned))
	if owned {
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	select {
	case <-changes:
	case <-ctx.Done():
		t.Fatalf("nobody took the name %s", name)
	}
}

// StartGnomeKeyring starts a real gnome-keyring-daemon with an unlocked login keyring
// until the end of the test or until stop is called, which kills it; it may be started
// again then. The test is skipped where there is none.
func (b *Bus) StartGnomeKeyring(t testing.TB) (stop func()) {
	t.Helper()
	daemon, err := exec.LookPath("gnome-keyring-daemon")
	if err != nil {
		t.Skip("gnome-keyring-daemon is not installed: the real Secret Service cannot be tested")
	}
	for _, dir := range []string{"data", "keyring"} {
		must(t, os.MkdirAll(filepath.Join(b.Dir, dir), 0o700))
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), daemon,
		"--foreground", "--unlock", "--components=secrets", "--control-directory="+b.Dir+"/keyring")
	cmd.Env = append(b.Headless(), "PATH="+os.Getenv("PATH"))
	cmd.Stdin = strings.NewReader("test password") // exactly the password: a line break would be part of it
	must(t, cmd.Start())
	stop = sync.OnceFunc(func() { kill(cmd) })
	t.Cleanup(stop)
	b.awaitOwner(t, ssName)
	b.awaitLoginKeyring(t)
	return stop
}

// kill ends a program; its status says nothing then.
func kill(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// awaitLoginKeyring waits until the service has made and unlocked its keyring, which it
// does after it took its name.
func (b *Bus) awaitLoginKeyring(t testing.TB) {
	t.Helper()
	login := b.Connect(t).Object(ssName, ssCollection)
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.
		Sleep(2 * time.Millisecond) {
		if v, err := login.GetProperty(ifCollection + ".Locked"); err == nil && v.Value() == false {
			return
		}
	}
	t.Fatal("the login keyring does not open")
}
