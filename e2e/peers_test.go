//go:build e2e && linux

package e2e

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// impostorVariable makes the test's own program another user's: it is set to "VERB
// ARGUMENT".
const impostorVariable = "ZEN_E2E_IMPOSTOR"

// impostor does what an attacker with another uid, or other code of the same user, would
// try. It prints what came of it.
func impostor(task string) int {
	verb, argument, _ := strings.Cut(task, " ")
	var err error
	switch verb {
	case "connect":
		err = talk(argument)
	case "serve":
		err = lure(argument)
	case "look":
		err = look(argument)
	case "forget":
		err = forget(argument)
	case "fill":
		err = fillKeyring(argument)
	default:
		err = errors.New("unknown task " + verb)
	}
	if err != nil {
		fmt.Println("failed:", err)
		return 1
	}
	return 0
}

// talk asks zend at a socket for everything it has and prints the answer.
func talk(socket string) error {
	conn, err := net.DialTimeout("unix", socket, 5*time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := conn.Write([]byte(`{"jsonrpc":"2.0","id":1,"method":"list","params":{}}` +
		"\n")); err != nil {
		fmt.Println("not sent:", err) // zend may have closed already; its answer can be read all the same
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	fmt.Print(answer)
	return err
}

// lure serves at a socket, answers everything with a credential, and prints what it was
// sent, until its input ends.
func lure(socket string) error {
	ln, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	defer ln.Close()
	if err := os.Chmod(socket, 0o777); err != nil {
		return err
	}
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(5 * time.Second))
				buf := make([]byte, 4096)
				n, _ := conn.Read(buf)
				fmt.Printf("got %q\n", buf[:n])
				io.WriteString(
					conn,
					`{"jsonrpc":"2.0","id":1,"result":{"ServerURL":"x","Username":"lured",`+
						`"Secret":"lured"}}`+"\n",
				)
			}()
		}
	}()
	fmt.Println("serving")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// look tries to see into a process and prints one line for each way: "WAY ok" or "WAY
// ERROR".
func look(pid string) error {
	n, err := strconv.Atoi(pid)
	if err != nil {
		return err
	}
	for _, file := range []string{"environ", "mem", "maps", "auxv"} {
		fmt.Println(file, worked(openAndRead(filepath.Join("/proc", pid, file))))
	}
	_, err = os.Readlink(filepath.Join("/proc", pid, "exe"))
	fmt.Println("exe", worked(err))
	fmt.Println("vm", worked(readMemory(n)))
	runtime.LockOSThread() // the tracer is a thread
	err = unix.PtraceAttach(n)
	fmt.Println("ptrace", worked(err))
	if err == nil {
		var status unix.WaitStatus
		unix.Wait4(n, &status, 0, nil)
		unix.PtraceDetach(n)
	}
	return nil
}

// forget takes a vault's key out of the kernel's keyring of this user and says how many
// there were.
func forget(vault string) error {
	content, err := os.ReadFile("/proc/keys")
	if err != nil {
		return err
	}
	keys := 0
	for line := range strings.Lines(string(content)) {
		// 2903c15b I--Q--- 1 perm 3f0f0000 0 0 user zen:vault-key:...: 32
		fields := strings.Fields(line)
		if len(fields) < 9 || fields[7] != "user" || !strings.Contains(fields[8], vault) {
			continue
		}
		serial, err := strconv.ParseUint(fields[0], 16, 32)
		if err != nil {
			return err
		}
		if _, err := unix.KeyctlInt(unix.KEYCTL_UNLINK, int(serial), unix.KEY_SPEC_USER_KEYRING, 0,
			0); err != nil {
			return err
		}
		keys++
	}
	fmt.Println(keys, "keys")
	return nil
}

// fillKeyring uses up this user's quota of kernel keys (keyrings(7),
// /proc/sys/kernel/keys), as a container that has none would look to zend. forget frees
// it again.
func fillKeyring(name string) error {
	for i, size := 0, 1<<14; size > 0; i++ {
		_, err := unix.AddKey(
			"user",
			fmt.Sprintf("%s-%d", name, i),
			make([]byte, size),
			unix.KEY_SPEC_USER_KEYRING,
		)
		if errors.Is(err, unix.EDQUOT) {
			size /= 2
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func worked(err error) string {
	if err == nil {
		return "ok"
	}
	return err.Error()
}

// openAndRead opens a file of /proc. Reading /proc/PID/mem at address 0 fails for
// everybody: there opening is what counts.
func openAndRead(path string) error {
	f, err := os.Open(path)
	if err != nil || strings.HasSuffix(path, "/mem") {
		return err
	}
	defer f.Close()
	_, err = f.Read(make([]byte, 64))
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// readMemory reads one byte of the other's program by process_vm_readv(2). EFAULT means
// that it was allowed and that the address is wrong.
func readMemory(pid int) error {
	buf := make([]byte, 1)
	local := []unix.Iovec{{Base: &buf[0], Len: 1}}
	_, err := unix.ProcessVMReadv(pid, local, []unix.RemoteIovec{{Base: 0x400000, Len: 1}}, 0)
	if errors.Is(err, unix.EFAULT) {
		return nil
	}
	return err
}

// impostorCommand runs the test's own program as another user, from a copy that everybody
// may execute.
func impostorCommand(t *testing.T, uid int, verb, argument string) *exec.Cmd {
	t.Helper()
	program := filepath.Join(shared.dir, "impostor")
	if !isExecutable(program) {
		// Tests at the same time must not write what another one executes already
		// (ETXTBSY).
		own := filepath.Join(t.TempDir(), "impostor")
		syscall.ForkLock.RLock()
		copyFile(t, "/proc/self/exe", own, 0o755)
		syscall.ForkLock.RUnlock()
		if err := os.Rename(own, program); err != nil {
			t.Fatal(err)
		}
	}
	cmd := command(t, program)
	cmd.Env = []string{impostorVariable + "=" + verb + " " + argument}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)},
	}
	return cmd
}

func copyFile(t *testing.T, from, to string, mode os.FileMode) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, content, mode)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// lureAt starts an impostor that serves at a socket until the test ends, and returns what
// it was told so far.
func lureAt(t *testing.T, uid int, socket string) (told func() string) {
	t.Helper()
	cmd := impostorCommand(t, uid, "serve", socket)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.CreateTemp(t.TempDir(), "lure")
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
		log.Close()
		os.Remove(socket)
	})
	told = func() string {
		content, err := os.ReadFile(log.Name())
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	for deadline := time.Now().Add(startTimeout); !strings.HasPrefix(told(),
		"serving"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) || strings.HasPrefix(told(), "failed") {
			t.Fatalf("the impostor does not serve: %s", told())
		}
	}
	return told
}

// open lets everybody through to the home's socket, which no installation does: what is
// tried then is zend itself.
func (h *home) open() {
	h.t.Helper()
	for path, mode := range map[string]os.FileMode{
		h.dir: 0o755, h.path("run"): 0o755,
		h.path("run/zen"): 0o755,
	} {
		if err := os.Chmod(path, mode); err != nil && !errors.Is(err, os.ErrNotExist) {
			h.t.Fatal(err)
		}
	}
}

func TestClientWithAnotherUidIsRefused(t *testing.T) {
	for _, uids := range [][2]int{{0, nobody}, {nobody, nobody - 1}, {nobody, 0}} {
		owner, stranger := uids[0], uids[1]
		t.Run(fmt.Sprintf("zend of %d, client of %d", owner, stranger), func(t *testing.T) {
			h := newHomeFor(t, owner)
			h.storeSecret("known.example", "alice", "the-secret")
			socket := h.path("run/zen/zend.sock")
			if stranger != 0 {
				r := execute(t, impostorCommand(t, stranger, "connect", socket), "")
				if r.code == 0 || !strings.Contains(r.stdout, "permission denied") {
					t.Errorf("the socket's directory does not keep another user out:\n%s", r)
				}
			}
			h.open()
			h.check(os.Chmod(socket, 0o777))
			r := execute(t, impostorCommand(t, stranger, "connect", socket), "")
			if !strings.Contains(r.stdout, "foreign_peer") || strings.Contains(r.stdout, "known.example") {
				t.Errorf("zend does not refuse another user:\n%s", r)
			}
			own := execute(t, impostorCommand(t, owner, "connect", socket), "")
			if !strings.Contains(own.stdout, "known.example") {
				t.Errorf("zend refuses its own user:\n%s", own)
			}
		})
	}
}

// The real clients of another user, pointed at this user's socket, say whose it is and
// send nothing.
func TestClientsDoNotTalkToAnotherUsersZend(t *testing.T) {
	h := newHomeFor(t, nobody)
	h.storeSecret("known.example", "alice", "the-secret")
	h.open()
	socket := h.path("run/zen/zend.sock")
	h.check(os.Chmod(socket, 0o777))

	root := newHome(t)
	root.env["ZEN_SOCKET"] = socket
	for _, action := range []string{"get", "erase"} {
		if r := root.helper(action, "known.example"); r.code != 1 ||
			strings.Contains(r.stdout, "the-secret") {
			t.Errorf("the helper talks to another user's zend:\n%s", r)
		}
	}
	if r := root.zen("status"); r.code != 4 || !strings.Contains(r.stderr, "another user") {
		t.Errorf("zen talks to another user's zend:\n%s", r)
	}
	delete(root.env, "ZEN_SOCKET") // or the home could not end its own zend
	if got := h.secretOf("known.example"); got != "the-secret" {
		t.Errorf("the other user's credential is %q now", got)
	}
}

func TestImpostorIsNotTalkedTo(t *testing.T) {
	const secret = "never-to-be-sent"
	tests := []struct {
		name   string
		disown bool // the socket file is given to the victim: only the process behind it is another's
	}{
		{name: "socket of another user"},
		{name: "own socket, process of another user", disown: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHome(t)
			h.check(os.Mkdir(h.path("run/zen"), 0o700))
			h.open()
			h.check(os.Chmod(h.path("run/zen"), 0o777))
			socket := h.path("run/zen/zend.sock")
			told := lureAt(t, nobody, socket)
			h.check(os.Chmod(h.path("run/zen"), 0o700))
			if tt.disown {
				h.check(os.Chown(socket, 0, 0))
			}
			store := fmt.Sprintf(`{"ServerURL":"known.example","Username":"alice","Secret":%q}`, secret)
			for action, in := range map[string]string{
				"store": store, "get": "known.example",
				"erase": "known.example", "list": "",
			} {
				r := h.helper(action, in)
				if r.code != 1 || strings.Contains(r.stdout, "lured") {
					t.Errorf("the helper talks to an impostor:\n%s", r)
				}
			}
			r := h.run(
				secret,
				"zen",
				"service-connector",
				"register",
				"x",
				"--type",
				"docker",
				"--username=u",
				"--password-stdin",
				"--registry=known.example",
			)
			if r.code != 4 || !strings.Contains(r.stderr, "another user") {
				t.Errorf("zen does not say that the socket is another user's:\n%s", r)
			}
			if strings.Contains(told(), `got "{`) || strings.Contains(told(), secret) {
				t.Errorf("the impostor was told something: %s", told())
			}
			h.check(os.Remove(socket)) // the home's end looks for its own zend
		})
	}
}

func TestPlantedSocketDirectory(t *testing.T) {
	for _, plant := range []struct {
		name string
		make func(h *home, path string) error
		text string
	}{
		{"directory of another user", func(h *home, path string) error {
			return errors.Join(os.Mkdir(path, 0o755), os.Chown(path, nobody, nobody))
		}, "belongs to user 65534"},
		{"directory that others can enter", func(h *home, path string) error {
			return errors.Join(os.Mkdir(path, 0o755), os.Chmod(path, 0o777))
		}, "can be read by other users"},
		{"symbolic link", func(h *home, path string) error {
			return errors.Join(os.Mkdir(h.path("elsewhere"), 0o700), os.Symlink(h.path("elsewhere"), path))
		}, "is a symbolic link"},
	} {
		t.Run(plant.name, func(t *testing.T) {
			h := newHome(t)
			path := h.path("run/zen")
			h.check(plant.make(h, path))
			r := h.helper("store", `{"ServerURL":"known.example","Username":"alice","Secret":"s3cret"}`)
			if r.code != 1 || !strings.Contains(r.stdout+r.stderr, plant.text) {
				t.Errorf("the helper uses a planted directory, or does not say what is wrong:\n%s", r)
			}
			r = h.zen("status")
			if r.code == 0 || !strings.Contains(r.stderr, plant.text) {
				t.Errorf("zen uses a planted directory, or does not say what is wrong:\n%s", r)
			}
			if r := h.run("", "zend"); r.code == 0 || !strings.Contains(r.stderr, plant.text) {
				t.Errorf("zend uses a planted directory, or does not say what is wrong:\n%s", r)
			}
			if running := h.zends(); len(running) > 0 {
				t.Errorf("zend runs: %s", running)
			}
			h.check(os.RemoveAll(path))
		})
	}
}

// seen is what look printed: the ways that worked.
func seen(r result) (ways []string) {
	for line := range strings.Lines(r.stdout) {
		if way, ok := strings.CutSuffix(strings.TrimSpace(line), " ok"); ok {
			ways = append(ways, way)
		}
	}
	return ways
}

// zend's memory and environment are closed to other programs of the same user and to
// other users.
func TestZendCannotBeLookedInto(t *testing.T) {
	h := newHomeFor(t, nobody)
	h.storeSecret("known.example", "alice", "the-secret")
	pid := h.pid()
	for _, uid := range []int{nobody, nobody - 1} {
		r := execute(t, impostorCommand(t, uid, "look", strconv.Itoa(pid)), "")
		if ways := seen(r); r.code != 0 || len(ways) > 0 {
			t.Errorf("user %d can look into zend by %q:\n%s", uid, ways, r)
		}
	}
	// What is looked for does work with a program that does not defend itself; else the
	// above would show nothing.
	sleeper := h.command("sleep", "1000")
	h.check(sleeper.Start())
	defer func() {
		sleeper.Process.Kill()
		sleeper.Wait()
	}()
	control := execute(t, impostorCommand(t, nobody, "look", strconv.Itoa(sleeper.Process.Pid)), "")
	for _, way := range []string{"environ", "maps", "exe"} {
		if !strings.Contains(control.stdout, way+" ok") {
			t.Errorf("cannot even look into an ordinary program by %s:\n%s", way, control)
		}
	}
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
	h.check(err)
	if !strings.Contains(strings.Join(strings.Fields(string(limits)), " "), "Max core file size 0 0") {
		t.Errorf("zend may leave core dumps:\n%s", limits)
	}
	if mask := statusField(t, pid, "Umask"); mask != "0077" {
		t.Errorf("zend's umask is %s", mask)
	}
}

// The helper and zen hold a password for a moment, and defend themselves like zend.
func TestHelperCannotBeLookedInto(t *testing.T) {
	for _, command := range [][]string{
		{"docker-credential-zen", "store"},
		{"zen", "service-connector", "register", "hub", "--type=docker", "--username=a", "--password-stdin"},
	} {
		t.Run(command[0], func(t *testing.T) { cannotBeLookedInto(t, command) })
	}
}

func cannotBeLookedInto(t *testing.T, command []string) {
	h := newHomeFor(t, nobody)
	cmd := h.command(command[0], command[1:]...)
	in, err := cmd.StdinPipe()
	h.check(err)
	h.check(cmd.Start())
	defer func() {
		in.Close()
		cmd.Wait()
	}()
	var ways []string
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); {
		r := execute(t, impostorCommand(t, nobody, "look", strconv.Itoa(cmd.Process.Pid)), "")
		if ways = seen(r); len(ways) == 0 {
			return
		}
	}
	t.Errorf("another program of the user can look into docker-credential-zen by %q", ways)
}

func statusField(t *testing.T, pid int, name string) string {
	t.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	t.Fatalf("process %d has no %s", pid, name)
	return ""
}

// storeSecret stores a credential as docker login does.
func (h *home) storeSecret(server, username, secret string) {
	h.t.Helper()
	in, err := json.Marshal(map[string]string{"ServerURL": server, "Username": username, "Secret": secret})
	h.check(err)
	h.ok(string(in), "docker-credential-zen", "store")
}

// secretOf is what the helper answers for a server.
func (h *home) secretOf(server string) string {
	h.t.Helper()
	var answer struct{ Secret string }
	r := h.ok(server, "docker-credential-zen", "get")
	if err := json.Unmarshal([]byte(r.stdout), &answer); err != nil {
		h.t.Fatalf("%v:\n%s", err, r)
	}
	return answer.Secret
}
