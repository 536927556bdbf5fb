package oskeyring

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/childproc"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/keystore"
	"github.com/zen-agent/zen/internal/keystore/keystoretest"
)

func TestGnomeKeyring(t *testing.T) {
	bus := keystoretest.StartDaemon(t)
	bus.StartGnomeKeyring(t)
	keystoretest.TestSlot(t, newSlot(t, bus.Environ()), newSlot(t, bus.Headless()))
}

// secret-tool is what a person uses to see what zen keeps.
func TestItemIsFoundBySecretTool(t *testing.T) {
	tool, err := exec.LookPath("secret-tool")
	if err != nil {
		t.Skip("secret-tool is not installed: what it would show cannot be tested")
	}
	bus := keystoretest.StartDaemon(t)
	bus.StartGnomeKeyring(t)
	if err := newSlot(t, bus.Environ()).Save(t.Context(), "5e0a/01",
		make([]byte, keystore.KeySize)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(tool, "search", "--all", "service", "zen")
	cmd.Env = bus.Environ()
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "vault-key:5e0a/01") ||
		!strings.Contains(string(out), "secret = v1.AAAA") {
		t.Fatalf("secret-tool search service zen: %v\n%s", err, out)
	}
}

func TestFakeService(t *testing.T) {
	bus := keystoretest.StartBus(t)
	keystoretest.StartFakeSecrets(t, bus, keystoretest.Faults{})
	keystoretest.TestSlot(t, newSlot(t, bus.Environ()), newSlot(t, bus.Environ()))
}

func TestLockedKeyringIsUnlockedByItsPrompt(t *testing.T) {
	bus := keystoretest.StartBus(t)
	keystoretest.StartFakeSecrets(t, bus, keystoretest.Faults{Locked: true})
	slot := newSlot(t, bus.Environ())
	slot.Deadline = slot.Deadline / 2
	key := bytes.Repeat([]byte{7}, keystore.KeySize)
	if err := slot.Save(t.Context(), "a/b", key); err != nil {
		t.Fatal(err)
	}
	if got, err := slot.Load(t.Context(), "a/b"); err != nil || !bytes.Equal(got, key) {
		t.Fatalf("Load: %v, %v", got, err)
	}
}

// faultCase is a misbehaving service, and what zen makes of it. A deadline that is
// expected to pass is short; all others are long, so that it is the fault that ends the
// call.
type faultCase struct {
	name    string
	faults  keystoretest.Faults
	headful bool
	save    bool // the fault shows in Save, otherwise in Load
	short   bool // the deadline ends it
	want    credential.Reason
	text    string
}

func faultCases() []faultCase {
	type F = keystoretest.Faults
	return []faultCase{
		{
			name:   "never answers",
			faults: F{Hang: "all"},
			short:  true,
			want:   credential.KeyringUnavailable,
			text:   "did not answer within",
		},
		{
			name:   "hangs in OpenSession",
			faults: F{Hang: "OpenSession"},
			short:  true,
			want:   credential.KeyringUnavailable,
			text:   "did not answer within",
		},
		{
			name:   "hangs in CreateItem",
			faults: F{Hang: "CreateItem"},
			save:   true,
			short:  true,
			want:   credential.KeyringUnavailable,
			text:   "did not answer within",
		},
		{
			name:   "hangs in GetSecret",
			faults: F{Hang: "GetSecret"},
			short:  true,
			want:   credential.KeyringUnavailable,
			text:   "did not answer within",
		},
		{
			name:   "prompt is not answered",
			faults: F{Locked: true, Prompt: "hang"},
			short:  true,
			want:   credential.KeyringRefused,
			text:   "nobody answered",
		},
		{
			name:    "prompt is dismissed",
			faults:  F{Locked: true, Prompt: "dismiss"},
			headful: true,
			want:    credential.KeyringRefused,
			text:    "dismissed",
		},
		{
			name:   "prompt cannot be shown",
			faults: F{Locked: true, Prompt: "dismiss"},
			want:   credential.KeyringUnavailable,
			text:   "nothing here can show its prompt",
		},
		{
			name:   "bus dies during the prompt",
			faults: F{Locked: true, Prompt: "kill bus"},
			want:   credential.KeyringUnavailable,
			text:   "in the middle",
		},
		{
			name:   "service dies in GetSecret",
			faults: F{Die: "GetSecret"},
			want:   credential.KeyringUnavailable,
			text:   "in the middle",
		},
		{
			name:   "service dies in CreateItem",
			faults: F{Die: "CreateItem"},
			save:   true,
			want:   credential.KeyringUnavailable,
			text:   "in the middle",
		},
		{
			name:   "stores nothing",
			faults: F{StoreNothing: true},
			save:   true,
			want:   credential.KeyringUnavailable,
			text:   "does not have it",
		},
		{
			name:    "dismissed while storing",
			faults:  F{DismissStore: true},
			headful: true,
			save:    true,
			want:    credential.KeyringRefused,
			text:    "dismissed",
		},
		{
			name: "storing needs a prompt that cannot be shown", faults: F{DismissStore: true}, save: true,
			want: credential.KeyringUnavailable, text: "nothing here can show its prompt",
		},
		{
			name:   "wrong data when saved",
			faults: F{WrongData: "v1.AAAA"},
			save:   true,
			want:   credential.KeyringUnavailable,
			text:   "not the vault's key",
		},
		{
			name:   "no version",
			faults: F{WrongData: "hunter2"},
			want:   credential.KeyringUnavailable,
			text:   "not the vault's key",
		},
		{
			name:   "key too short",
			faults: F{WrongData: "v1.AAAA"},
			want:   credential.KeyringUnavailable,
			text:   "not the vault's key",
		},
		{
			name:   "several lines",
			faults: F{WrongData: "v1.AA\nok v1.AA"},
			want:   credential.KeyringUnavailable,
			text:   "not the vault's key",
		},
		{
			name:   "64 KiB",
			faults: F{WrongData: strings.Repeat("A", 1<<16)},
			want:   credential.KeyringUnavailable,
			text:   "not the vault's key",
		},
		{
			name:   "no keyring yet",
			faults: F{NoCollection: true},
			want:   credential.KeyringUnavailable,
			text:   "no keyring in it",
		},
	}
}

func TestFaults(t *testing.T) {
	t.Run("each", func(t *testing.T) {
		for _, c := range faultCases() {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				c.run(t)
			})
		}
	})
	if left := guardedChildren(t); len(left) > 0 {
		t.Errorf("children are left: %v", left)
	}
}

func (c faultCase) run(t *testing.T) {
	bus := keystoretest.StartBus(t)
	fake := keystoretest.StartFakeSecrets(t, bus, keystoretest.Faults{})
	environ := bus.Headless()
	if c.headful {
		environ = bus.Environ()
	}
	slot := newSlot(t, environ)
	key := bytes.Repeat([]byte{7}, keystore.KeySize)
	if err := slot.Save(t.Context(), "a/b", key); err != nil {
		t.Fatal(err)
	}
	fake.SetFaults(c.faults)
	limit := 20 * time.Second
	if c.short {
		limit = time.Second
		slot.PromptDeadline, slot.Deadline = limit, limit
	}
	id := "a/b"
	if c.save {
		id = "a/c"
	}
	start := time.Now()
	err := c.call(t.Context(), slot, id, key)
	if d := time.Since(start); d > 3*limit {
		t.Errorf("returned after %v, the deadline was %v", d, limit)
	}
	checkFault(t, err, c.want, c.text)
}

func (c faultCase) call(ctx context.Context, slot *Slot, id string, key []byte) error {
	if c.save {
		return slot.Save(ctx, id, key)
	}
	got, err := slot.Load(ctx, id)
	if got != nil {
		return fmt.Errorf("a key of %d bytes came back", len(got))
	}
	return err
}

func checkFault(t *testing.T, err error, want credential.Reason, text string) {
	t.Helper()
	if !want.Is(err) || !strings.Contains(err.Error(), text) {
		t.Errorf("error = %v (%s), want %s with %q", err, credential.ReasonOf(err), want, text)
	}
	if err != nil && strings.Contains(err.Error(), "BwcHBwcH") {
		t.Errorf("the key is in the error: %v", err)
	}
}

// guardedChildren lists processes of this executable that run as guarded children, dead
// ones that nobody waited for included.
func guardedChildren(t *testing.T) (list []string) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range stats {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // it ended meanwhile
		}
		comm, rest, _ := strings.Cut(string(b), ") ")
		fields := strings.Fields(rest)
		if len(fields) > 1 && fields[1] == strconv.Itoa(os.Getpid()) &&
			strings.Contains(comm, "(oskeyring.test") {
			list = append(list, strings.TrimSpace(string(b)))
		}
	}
	return list
}

// Faults by the dozen leave nothing behind in the process that calls. ZEN_FAULT_ROUNDS
// sets how often each one happens.
func TestFaultsLeakNothing(t *testing.T) {
	bus := keystoretest.StartBus(t)
	fake := keystoretest.StartFakeSecrets(t, bus, keystoretest.Faults{})
	slot := newSlot(t, bus.Environ())
	slot.PromptDeadline, slot.Deadline = 200*time.Millisecond, 200*time.Millisecond
	kinds := []keystoretest.Faults{
		{
			Hang: "all",
		},
		{Hang: "Unlock"},
		{Locked: true, Prompt: "hang"},
		{Locked: true, Prompt: "dismiss"},
		{StoreNothing: true},
		{WrongData: "x"},
	}
	if err := newSlot(t, bus.Environ()).Save(t.Context(), "warm/up",
		make([]byte, keystore.KeySize)); err != nil {
		t.Fatal(err)
	}
	before := usage(t)
	for range rounds(t) {
		for _, f := range kinds {
			fake.SetFaults(f)
			if err := slot.Save(t.Context(), "a/"+rand.Text(), make([]byte, keystore.KeySize)); err == nil {
				t.Fatalf("Save worked in spite of %+v", f)
			}
		}
	}
	fake.SetFaults(keystoretest.Faults{})
	for range 500 { // the fake service's own goroutines take a moment to end
		if now := usage(t); now.goroutines <= before.goroutines && now.files <= before.files &&
			now.children <= before.children {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("left behind: %+v, was %+v", usage(t), before)
}

func rounds(t *testing.T) int {
	t.Helper()
	text := os.Getenv("ZEN_FAULT_ROUNDS")
	if text == "" {
		return 2
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal("ZEN_FAULT_ROUNDS:", err)
	}
	return n
}

type resources struct{ goroutines, files, children int }

func usage(t *testing.T) resources {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return resources{runtime.NumGoroutine(), len(files), len(guardedChildren(t))}
}

func TestWithoutBusOrService(t *testing.T) {
	bus := keystoretest.StartBus(t)
	empty := t.TempDir()
	cases := []struct {
		name    string
		environ []string
		text    string
	}{
		{"nothing set", nil, "there is no session message bus"},
		{"no socket in the runtime directory", []string{"XDG_RUNTIME_DIR=" + empty}, "is not a socket"},
		{"autolaunch", []string{"DBUS_SESSION_BUS_ADDRESS=autolaunch:"}, "does not name a Unix socket"},
		{
			"over the network",
			[]string{"DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent;tcp:host=localhost,port=1"},
			"does not name a Unix socket",
		},
		{"a program", []string{"DBUS_SESSION_BUS_ADDRESS=unixexec:path=/bin/true"}, "does not name a " +
			"Unix socket"},
		{"nobody listens", []string{"DBUS_SESSION_BUS_ADDRESS=unix:path=" + empty + "/bus"}, "cannot be " +
			"reached"},
		{"no service", bus.Environ(), "no program here offers"},
		{"bus in the runtime directory", []string{"XDG_RUNTIME_DIR=" + bus.Dir}, "no program here offers"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			slot := newSlot(t, c.environ)
			checkFault(t, slot.Probe(t.Context()), credential.KeyringUnavailable, c.text)
			_, err := slot.Load(t.Context(), "a/b")
			checkFault(t, err, credential.KeyringUnavailable, c.text)
		})
	}
}

// A probe must not start a service: it may be the one of a desktop that is not there.
func TestProbeStartsNothing(t *testing.T) {
	bus := keystoretest.StartDaemon(t)
	mark := filepath.Join(bus.Dir, "started")
	bus.Activatable(t, "org.freedesktop.secrets", `/bin/sh -c "touch `+mark+`; exit 1"`)
	slot := newSlot(t, bus.Environ())
	if err := slot.Probe(t.Context()); err != nil {
		t.Fatal("a service that can be started is one:", err)
	}
	if _, err := os.Stat(mark); err == nil {
		t.Fatal("the probe started the service")
	}
	_, err := slot.Load(t.Context(), "a/b")
	checkFault(t, err, credential.KeyringUnavailable, "does not start")
	if _, err := os.Stat(mark); err != nil {
		t.Fatal("Load did not have the service started")
	}
}

// The bus starts the service, which never comes up: the longer deadline for starting
// applies, and holds.
func TestServiceThatNeverStarts(t *testing.T) {
	bus := keystoretest.StartDaemon(t)
	bus.Activatable(t, "org.freedesktop.secrets", "/bin/sleep 1000")
	slot := newSlot(t, bus.Environ())
	slot.StartDeadline = 300 * time.Millisecond
	_, err := slot.Load(t.Context(), "a/b")
	checkFault(t, err, credential.KeyringUnavailable, "did not answer within 300ms")
}

// The caller's context ends the call, and the child with it.
func TestContextEndsTheCall(t *testing.T) {
	bus := keystoretest.StartBus(t)
	keystoretest.StartFakeSecrets(t, bus, keystoretest.Faults{Hang: "Unlock"})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := newSlot(t, bus.Environ()).Load(ctx, "a/b")
	checkFault(t, err, credential.Timeout, "gave up waiting")
	if left := guardedChildren(t); len(left) > 0 {
		t.Errorf("children are left: %v", left)
	}
}

// The key must be seen neither in the child's arguments nor in its environment.
func TestKeyIsNotInArgumentsOrEnvironment(t *testing.T) {
	bus := keystoretest.StartBus(t)
	keystoretest.StartFakeSecrets(t, bus, keystoretest.Faults{Hang: "CreateItem"})
	environ := append(bus.Environ(), "AWS_SECRET_ACCESS_KEY=hunter2")
	slot := newSlot(t, environ)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	saved := make(chan error, 1)
	go func() { saved <- slot.Save(ctx, "a/b", bytes.Repeat([]byte{7}, keystore.KeySize)) }()
	pid := awaitChild(t)
	cmdline, err := os.ReadFile("/proc/" + pid + "/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	env, readErr := os.ReadFile("/proc/" + pid + "/environ") // the child is not dumpable: only root may
	cancel()
	<-saved
	_, args, _ := strings.Cut(string(cmdline), "\x00")
	if args != ChildArgument+"\x00" {
		t.Errorf("arguments of the child: %q", args)
	}
	if readErr != nil {
		t.Log("the child's environment is hidden from this user, so what was passed is looked at:", readErr)
		env = []byte(strings.Join(environment(environ).child(bus.Address), "\x00"))
	}
	for line := range strings.SplitSeq(string(env), "\x00") {
		if strings.Contains(line, "hunter2") || strings.Contains(line, "BwcHBwcH") ||
			strings.HasPrefix(line, "PATH=") {
			t.Errorf("the child's environment holds %q", line)
		}
	}
	if !strings.Contains(string(env), "DBUS_SESSION_BUS_ADDRESS="+bus.Address) {
		t.Errorf("this is not the child's environment: %q", env)
	}
}

func awaitChild(t *testing.T) (pid string) {
	t.Helper()
	for range 2000 {
		if list := guardedChildren(t); len(list) > 0 {
			pid, _, _ = strings.Cut(list[0], " ")
			return pid
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("no child was started")
	return ""
}

// A child whose parent is gone, however that ended, ends too: its input ends.
func TestChildEndsWithItsParent(t *testing.T) {
	bus := keystoretest.StartBus(t)
	keystoretest.StartFakeSecrets(t, bus, keystoretest.Faults{Hang: "all"})
	cmd := exec.CommandContext(t.Context(), newSlot(t, nil).Executable, ChildArgument)
	cmd.Env = bus.Environ()
	var said bytes.Buffer
	cmd.Stdout = &said
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	send(in, request{op: opGet, id: "a/b"}, nil)
	in.Close() // what the kernel does when the parent dies
	late := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
	defer late.Stop()
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != childproc.ExitOrphaned || said.Len() > 0 {
		t.Errorf("the child said %q and ended: %v", &said, err)
	}
}
