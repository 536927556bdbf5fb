package kernelkeyring

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/keystore"
)

// What the test binary does when it is started as a child.
const (
	asOtherSession = "__other-session"
	asContainer    = "__container"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 2 {
		switch os.Args[1] {
		case asOtherSession:
			os.Exit(report(loadInNewSession(os.Args[2])))
		case asContainer:
			os.Exit(report(probeWithoutKeyctl(os.Args[2])))
		}
	}
	os.Exit(m.Run())
}

func report(text string, err error) int {
	if err != nil {
		fmt.Printf("%s: %v", credential.ReasonOf(err), err)
		return 1
	}
	fmt.Print(text)
	return 0
}

// run starts the test binary as a child and returns what it says.
func run(t *testing.T, role, argument string) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(exe, role, argument).Output()
	if _, failed := errors.AsType[*exec.ExitError](err); err != nil && !failed {
		t.Fatal(err)
	}
	return string(out)
}

func needKeyring(t *testing.T) {
	t.Helper()
	if err := (Slot{}).Probe(t.Context()); err != nil {
		t.Skip("this system has no usable kernel keyring:", err)
	}
}

// loadInNewSession reads a key after it left the session keyring, as a process of a later
// login does.
func loadInNewSession(id string) (string, error) {
	runtime.LockOSThread() // keyrings belong to threads
	if _, err := unix.KeyctlJoinSessionKeyring("zen-test"); err != nil {
		return "", err
	}
	key, err := Slot{}.Load(context.Background(), id)
	return fmt.Sprintf("%x", key), err
}

func TestKeyIsFoundFromAnotherSession(t *testing.T) {
	needKeyring(t)
	id, key := "test-"+t.Name(), bytes.Repeat([]byte{0xfb}, keystore.KeySize)
	if err := (Slot{}).Save(t.Context(), id, key); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = Slot{}.Delete(context.Background(), id) })
	if got, want := run(t, asOtherSession, id), fmt.Sprintf("%x", key); got != want {
		t.Errorf("another session read %q, want %q", got, want)
	}
	if err := (Slot{}).Delete(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if got := run(t, asOtherSession, id); !strings.HasPrefix(got, string(credential.KeyLost)) {
		t.Errorf("after deletion another session says %q", got)
	}
}

// Nobody but the user and root may use the key.
func TestKeyIsTheUsersAlone(t *testing.T) {
	needKeyring(t)
	id := "test-" + t.Name()
	if err := (Slot{}).Save(t.Context(), id, make([]byte, keystore.KeySize)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = Slot{}.Delete(context.Background(), id) })
	serial, err := find(prefix + id)
	if err != nil {
		t.Fatal(err)
	}
	text, err := unix.KeyctlString(unix.KEYCTL_DESCRIBE, serial)
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.SplitN(text, ";", 5) // type;uid;gid;permissions;description
	if want := fmt.Sprintf("%08x", permissions); len(fields) != 5 || fields[3] != want ||
		fields[1] != fmt.Sprint(os.Getuid()) ||
		permissions&0xffff != 0 {
		t.Errorf("the key is %q, want permissions %s", text, want)
	}
}

// probeWithoutKeyctl forbids the keyring's system calls to itself, as container runtimes
// do, and probes.
func probeWithoutKeyctl(how string) (string, error) {
	errno := map[string]uint32{"EPERM": uint32(unix.EPERM), "ENOSYS": uint32(unix.ENOSYS)}[how]
	if err := forbid(errno, unix.SYS_ADD_KEY, unix.SYS_KEYCTL, unix.SYS_REQUEST_KEY); err != nil {
		return "no seccomp", nil
	}
	return "it can be used", Slot{}.Probe(context.Background())
}

// forbid installs a seccomp filter for the whole process that answers the calls with
// errno (seccomp(2)).
func forbid(errno uint32, calls ...uint32) error {
	const load, jumpEqual, ret = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS,
		unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	filter := []unix.SockFilter{{Code: load, K: 0}} // the number of the call
	for i, call := range calls {
		filter = append(filter, unix.SockFilter{Code: jumpEqual, Jt: uint8(len(calls) - i), K: call})
	}
	filter = append(
		filter,
		unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_ALLOW},
		unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_ERRNO | errno},
	)
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	runtime.LockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	_, _, e := unix.Syscall(
		unix.SYS_SECCOMP,
		unix.SECCOMP_SET_MODE_FILTER,
		unix.SECCOMP_FILTER_FLAG_TSYNC,
		uintptr(unsafe.Pointer(&program)),
	)
	runtime.KeepAlive(filter)
	if e != 0 {
		return e
	}
	return nil
}

func TestContainerWithoutKeyctl(t *testing.T) {
	for how, want := range map[string]string{"EPERM": "forbidden here, as it is in most " +
		"containers", "ENOSYS": "not part of this kernel"} {
		got := run(t, asContainer, how)
		if got == "no seccomp" {
			t.Skip("this system has no seccomp filters: a container cannot be imitated")
		}
		if !strings.HasPrefix(got, string(credential.KeyringUnavailable)) || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", how, got, want)
		}
	}
}

func TestExplain(t *testing.T) {
	for errno, want := range map[unix.Errno]credential.Reason{
		unix.ENOKEY: credential.KeyLost, unix.EKEYREVOKED: credential.KeyLost,
		unix.EKEYEXPIRED: credential.KeyLost,
		unix.ENOSYS:      credential.KeyringUnavailable, unix.EPERM: credential.KeyringUnavailable,
		unix.EACCES: credential.KeyringUnavailable,
		unix.EDQUOT: credential.KeyringUnavailable, unix.ENOMEM: credential.KeyringUnavailable,
	} {
		if err := explain(errno); !want.Is(err) || err.Error() == "" {
			t.Errorf("%v: %v (%s), want %s", errno, err, credential.ReasonOf(err), want)
		}
	}
}

// Something else under the key's name is not taken for a key.
func TestForeignContent(t *testing.T) {
	needKeyring(t)
	id := "test-" + t.Name()
	t.Cleanup(func() { _ = Slot{}.Delete(context.Background(), id) })
	if err := save(prefix+id, make([]byte, maxKey+1)); err != nil {
		t.Fatal(err)
	}
	if key, err := (Slot{}).Load(t.Context(), id); !credential.KeyringUnavailable.Is(err) || key != nil {
		t.Errorf("%d bytes, %v", len(key), err)
	}
}

// Probing leaves nothing behind. An ordinary user may have 200 keys; deleted ones count
// until the kernel collects them.
func TestProbeLeavesNothing(t *testing.T) {
	needKeyring(t)
	before := probeKeys(t)
	for range 50 {
		if err := (Slot{}).Probe(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for range 1000 { // the kernel collects soon, not at once
		if probeKeys(t) <= before {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Errorf("%d keys of probes, were %d", probeKeys(t), before)
}

func probeKeys(t *testing.T) int {
	t.Helper()
	keys, err := os.ReadFile("/proc/keys")
	if err != nil {
		t.Skip("this system does not list keys:", err)
	}
	return bytes.Count(keys, []byte(prefix+"probe-"))
}
