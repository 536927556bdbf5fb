//go:build bench && linux

package bench

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/ipc"
	"github.com/zen-agent/zen/internal/keystore"
	"github.com/zen-agent/zen/internal/keystore/kernelkeyring"
	"github.com/zen-agent/zen/internal/keystore/keystoretest"
)

// home is a home directory with zend, and keyrings of its own. Nothing of the user's is
// touched.
type home struct {
	t      *testing.T
	dir    string
	secret string
	env    map[string]string
}

func newHome(t *testing.T) *home {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "zen") // a short name: it has to fit into the address of a socket
	if err != nil {
		t.Fatal(err)
	}
	h := &home{t: t, dir: dir, secret: rand.Text(), env: map[string]string{
		"HOME": dir, "XDG_RUNTIME_DIR": filepath.Join(dir, "run"), "PATH": os.Getenv("PATH"),
		"DBUS_SESSION_BUS_ADDRESS": "",
	}}
	for _, name := range []string{"run", "bin", ".local", ".local/share"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		h.forget()
		h.stopZend()
		os.RemoveAll(dir)
	})
	return h
}

func (h *home) environ() (list []string) {
	for k, v := range h.env {
		list = append(list, k+"="+v)
	}
	return list
}

// build compiles one of zen's programs as make does.
func (h *home) build(name string) string {
	h.t.Helper()
	path := filepath.Join(h.dir, "bin", name)
	h.goBuild(path, "../cmd/"+name, "")
	return path
}

// What every run of a Go program costs on this machine.
const (
	nothing = "package main\n\nfunc main() {}\n"
	oneLine = "package main\n\nimport \"os\"\n\nfunc main() { os.Stdout.WriteString(\"a line\\n\") }\n"

	// least asks a server at a socket by system calls alone: it allocates nothing, checks
	// nothing and knows its request beforehand.
	least = `package main

import (
	"syscall"
	"unsafe"
)

const request, path = REQUEST, PATH

var (
	in, out [4096]byte
	sock    syscall.RawSockaddrUnix
)

func main() {
	sock.Family = syscall.AF_UNIX
	for i := range len(path) {
		sock.Path[i] = int8(path[i])
	}
	const kind = syscall.SOCK_STREAM | syscall.SOCK_CLOEXEC
	fd, _, _ := syscall.RawSyscall(syscall.SYS_SOCKET, syscall.AF_UNIX, kind, 0)
	syscall.RawSyscall(syscall.SYS_READ, 0, uintptr(unsafe.Pointer(&in)), uintptr(len(in)))
	syscall.RawSyscall(syscall.SYS_CONNECT, fd, uintptr(unsafe.Pointer(&sock)), unsafe.Sizeof(sock))
	n := copy(in[:], request)
	syscall.RawSyscall(syscall.SYS_WRITE, fd, uintptr(unsafe.Pointer(&in)), uintptr(n))
	got, _, _ := syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(&out)), uintptr(len(out)))
	syscall.RawSyscall(syscall.SYS_WRITE, 1, uintptr(unsafe.Pointer(&out)), got)
	syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 0, 0, 0)
}
`
)

// least is the least that a Go program has to do for an answer of this home's zend.
func (h *home) least() *program {
	h.t.Helper()
	request := `{"jsonrpc":"2.0","id":1,"method":"get","params":{"ServerURL":"` + benchmarkedAddress + `"}}` +
		"\n"
	code := strings.NewReplacer("REQUEST", strconv.Quote(request), "PATH", strconv.Quote(h.client().Socket)).
		Replace(least)
	return &program{
		name: "the least Go program that asks zend", path: h.buildSource("least", code),
		stdin: benchmarkedAddress, env: h.environ(),
		want: `"Secret":"` + h.secret + `"`,
	}
}

// buildSource compiles a program of one file.
func (h *home) buildSource(name, code string) string {
	h.t.Helper()
	source := filepath.Join(h.dir, "source-"+name)
	if err := os.Mkdir(source, 0o700); err != nil {
		h.t.Fatal(err)
	}
	for file, content := range map[string]string{"main.go": code, "go.mod": "module " + name + "\n\ngo " +
		"1.26\n"} {
		if err := os.WriteFile(filepath.Join(source, file), []byte(content), 0o600); err != nil {
			h.t.Fatal(err)
		}
	}
	path := filepath.Join(h.dir, "bin", name)
	h.goBuild(path, ".", source)
	return path
}

// goBuild leaves a copy of what it builds, made as make install makes it: how a program's
// file lies in the page cache decides how many page faults it has when it starts, and how
// much of it counts as resident. The linker's own file starts a quarter slower.
func (h *home) goBuild(path, what, dir string) {
	h.t.Helper()
	build := exec.Command(
		"go",
		"build",
		"-buildvcs=false",
		"-trimpath",
		"-ldflags",
		"-s -w",
		"-o",
		path+".new",
		what,
	)
	build.Env, build.Dir = append(os.Environ(), "CGO_ENABLED=0"), dir
	for _, cmd := range []*exec.Cmd{build, exec.Command("install", "-m", "755", path+".new", path)} {
		if out, err := cmd.CombinedOutput(); err != nil {
			h.t.Fatalf("%s: %v\n%s", cmd, err, out)
		}
	}
}

// command runs in the home's environment and ends with the test.
func (h *home) command(name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(h.t.Context(), name, args...)
	cmd.Env, cmd.Dir, cmd.Stderr = h.environ(), h.dir, os.Stderr
	return cmd
}

// store has a helper keep the credential that is measured.
func (h *home) store(helper string) {
	h.t.Helper()
	cmd := h.command(helper, "store")
	cmd.Stdin = strings.NewReader(h.credential())
	if err := cmd.Run(); err != nil {
		h.t.Fatalf("%s store: %v", helper, err)
	}
}

func (h *home) credential() string {
	return `{"ServerURL":"` + benchmarkedAddress + `","Username":"alice","Secret":"` + h.secret + `"}`
}

func (h *home) client() *ipc.Client {
	return &ipc.Client{Socket: filepath.Join(h.dir, "run/zen/zend.sock"), Name: "bench"}
}

// zend is its process number.
func (h *home) zend() int {
	h.t.Helper()
	return h.status().PID
}

func (h *home) status() (s api.Status) {
	h.t.Helper()
	reply, err := h.client().Call(api.MethodStatus, nil, time.Now().Add(10*time.Second))
	if err != nil {
		h.t.Fatal(err)
	}
	if err := json.Unmarshal(reply.Result, &s); err != nil {
		h.t.Fatal(err)
	}
	return s
}

// stopZend ends zend, if there is one, and waits until it is gone.
func (h *home) stopZend() {
	lock, err := os.OpenFile(filepath.Join(h.dir, "run/zen/zend.lock"), os.O_RDWR, 0)
	if err != nil {
		return
	}
	defer lock.Close()
	_, _ = h.client().Call(api.MethodDaemonStop, nil, time.Now().Add(10*time.Second))
	_ = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX)
}

// forget takes the vault's keys out of the kernel's keyring, where they would stay until
// the next boot.
func (h *home) forget() {
	s := h.status()
	for _, slot := range s.Vault.Slots {
		if slot.Kind == keystore.KindSession {
			if err := (kernelkeyring.Slot{}).Delete(context.Background(),
				s.Vault.ID+"/"+slot.ID); err != nil {
				h.t.Error(err)
			}
		}
	}
}

// secretService sets docker-credential-secretservice up with a gnome-keyring on a bus of
// its own; nil where that cannot be.
func (h *home) secretService() *program {
	h.t.Helper()
	helper := look("docker-credential-secretservice")
	if helper == "" || look("dbus-daemon") == "" || look("gnome-keyring-daemon") == "" {
		return nil
	}
	bus := keystoretest.StartDaemon(h.t)
	bus.StartGnomeKeyring(h.t)
	p := h.peer(helper, fasterThanSecrets)
	p.env = append(bus.Headless(), "PATH="+h.env["PATH"])
	cmd := h.command(helper, "store")
	cmd.Env = p.env
	cmd.Stdin = strings.NewReader(h.credential())
	if err := cmd.Run(); err != nil {
		h.t.Errorf("%s store: %v", helper, err)
		return nil
	}
	return p
}

// pass sets docker-credential-pass up with a key without a passphrase; nil where that
// cannot be.
func (h *home) pass() *program {
	h.t.Helper()
	helper, pass, gpg := look("docker-credential-pass"), look("pass"), look("gpg")
	if helper == "" || pass == "" || gpg == "" {
		return nil
	}
	h.env["GNUPGHOME"], h.env["PASSWORD_STORE_DIR"] = filepath.Join(
		h.dir,
		"gnupg",
	), filepath.Join(
		h.dir,
		"passwords",
	)
	if err := os.Mkdir(h.env["GNUPGHOME"], 0o700); err != nil {
		h.t.Fatal(err)
	}
	for _, args := range [][]string{
		{
			gpg, "--quiet", "--batch", "--passphrase", "", "--quick-generate-key", "bench@example.org",
			"default", "default", "never",
		},
		{pass, "init", "bench@example.org"},
	} {
		cmd := h.command(args[0], args[1:]...)
		cmd.Stderr = nil
		if out, err := cmd.CombinedOutput(); err != nil {
			h.t.Errorf("%s: %v\n%s", args, err, out)
			return nil
		}
	}
	h.t.Cleanup(func() {
		cmd := exec.Command("gpgconf", "--kill", "all")
		cmd.Env = h.environ()
		_ = cmd.Run()
	})
	h.store(helper)
	return h.peer(helper, fasterThanPass)
}

func (h *home) peer(path string, faster float64) *program {
	return &program{
		name: filepath.Base(
			path,
		) + " get", path: path, args: []string{"get"}, stdin: benchmarkedAddress, env: h.environ(),
		want: `"Secret":"` + h.secret + `"`, faster: faster,
	}
}

func look(name string) string {
	path, err := exec.LookPath(name)
	if err != nil {
		return ""
	}
	return path
}

// gitCache sets git credential-cache up, which keeps passwords in the memory of a daemon
// as well; nil without git.
func (h *home) gitCache() *program {
	h.t.Helper()
	git := look("git")
	if git == "" {
		return nil
	}
	const ask = "protocol=https\nhost=" + benchmarkedAddress + "\n"
	cmd := h.command(git, "credential-cache", "store")
	cmd.Stdin = strings.NewReader(ask + "username=alice\npassword=" + h.secret + "\n")
	if err := cmd.Run(); err != nil {
		h.t.Errorf("git credential-cache store: %v", err)
		return nil
	}
	h.t.Cleanup(func() {
		cmd := exec.Command(git, "credential-cache", "exit")
		cmd.Env = h.environ()
		_ = cmd.Run()
	})
	return &program{
		name: "git credential-cache get", path: git, args: []string{"credential-cache", "get"}, stdin: ask,
		env:  h.environ(),
		want: "password=" + h.secret,
	}
}

// resident is how much memory a process occupies, in MB: its own, and pages of files.
func (h *home) resident(pid int) (anonymous, file float64) {
	h.t.Helper()
	return h.number(proc(pid), "RssAnon:") / 1024, h.number(proc(pid), "RssFile:") / 1024
}

// number is a number that /proc tells about a process or a thread.
func (h *home) number(dir, name string) float64 {
	h.t.Helper()
	status, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		h.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), name)
	n, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

// idle is how long zend is watched doing nothing, and settle how long it is left alone
// before.
const (
	idle   = 20 * time.Second
	settle = 8 * time.Second
)

// wakeUps is how often threads of a process that has nothing to do get a processor while
// it is idle.
func (h *home) wakeUps(pid int) (n int) {
	h.t.Helper()
	count := func() (n int) {
		threads, err := filepath.Glob(filepath.Join(proc(pid), "task", "*"))
		if err != nil {
			h.t.Fatal(err)
		}
		for _, dir := range threads {
			n += int(h.number(dir, "\nvoluntary_ctxt_switches:"))
		}
		return n
	}
	time.Sleep(settle)
	before := count()
	time.Sleep(idle)
	return count() - before
}

func proc(pid int) string { return filepath.Join("/proc", strconv.Itoa(pid)) }

// client is the cheapest one there can be, since it runs on the same processors: what is
// measured is zend.
type client struct {
	socket  string
	request []byte
	want    []byte
	conn    net.Conn
	buf     [4096]byte
}

// kept asks once on a connection that is kept. Clients wait in the runtime's poller,
// which is cheaper than a thread for each.
func (c *client) kept() (err error) {
	if c.conn == nil {
		if c.conn, err = net.Dial("unix", c.socket); err != nil {
			return err
		}
	}
	if _, err := c.conn.Write(c.request); err != nil {
		return err
	}
	n, err := c.conn.Read(c.buf[:])
	return c.check(n, err)
}

// fresh asks once on a connection of its own, with the system calls that take and nothing
// else.
func (c *client) fresh() error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: c.socket}); err != nil {
		return err
	}
	if _, err := unix.Write(fd, c.request); err != nil {
		return err
	}
	n, err := unix.Read(fd, c.buf[:])
	return c.check(n, err)
}

func (c *client) check(n int, err error) error {
	if err == nil && !bytes.Contains(c.buf[:n], c.want) {
		return fmt.Errorf("zend answered %q", c.buf[:n])
	}
	return err
}

// rate is how many gets a second zend answers to so many clients.
func (h *home) rate(clients int, get func(*client) error) float64 {
	h.t.Helper()
	const measured = 2 * time.Second
	end := time.Now().Add(measured)
	request := `{"jsonrpc":"2.0","id":1,"method":"get","client":"bench","timeout_ms":10000,` +
		`"params":{"ServerURL":"` + benchmarkedAddress + `"}}`
	var done atomic.Int64
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			c := &client{socket: h.client().Socket, request: []byte(request + "\n"), want: []byte(h.secret)}
			for time.Now().Before(end) {
				if err := get(c); err != nil {
					h.t.Error(err)
					return
				}
				done.Add(1)
			}
			if c.conn != nil {
				c.conn.Close()
			}
		})
	}
	wg.Wait()
	return float64(done.Load()) / measured.Seconds()
}
