package keystore

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Variables that make TestKilledVictim the process that is killed.
const (
	victimScenario = "ZEN_TEST_VICTIM"
	victimPath     = "ZEN_TEST_VICTIM_VAULT"
)

// dirSlot is a slotStub whose keys outlive the process, one file each. As in a keyring, a
// key is there or is not.
type dirSlot struct {
	*slotStub
	dir string
}

func (s dirSlot) file(id string) string { return filepath.Join(s.dir, hex.EncodeToString([]byte(id))) }

func (s dirSlot) Save(ctx context.Context, id string, key []byte) error {
	if err := s.slotStub.Save(ctx, id, key); err != nil {
		return err
	}
	masked := s.keys[id]
	return errors.Join(
		os.WriteFile(s.file(id)+".new", masked[:], 0o600),
		os.Rename(s.file(id)+".new", s.file(id)),
	)
}

func (s dirSlot) Delete(ctx context.Context, id string) error {
	if err := os.Remove(s.file(id)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return s.slotStub.Delete(ctx, id)
}

// persist writes a slot's keys to a directory.
func persist(t *testing.T, slot *slotStub, dir string) {
	t.Helper()
	for id, masked := range slot.keys {
		if err := os.WriteFile(dirSlot{slot, dir}.file(id), masked[:], 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// persisted reads what a directory has of a slot's keys.
func persisted(t *testing.T, kind, dir string) *slotStub {
	t.Helper()
	slot := &slotStub{kind: kind, keys: make(map[string][KeySize]byte)}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if id, err := hex.DecodeString(e.Name()); err == nil {
			slot.keys[string(id)] = [KeySize]byte(mustRead(t, filepath.Join(dir, e.Name())))
		}
	}
	return slot
}

// TestKilledVictim is the other process of the test below: it opens a vault and carries
// out one scenario, and stops before and after it for the one that traces it.
func TestKilledVictim(t *testing.T) {
	name, path := os.Getenv(victimScenario), os.Getenv(victimPath)
	if name == "" {
		t.Skip("it is the other process of TestKilledAtEverySystemCall, and has nothing to show alone")
	}
	all := scenarios()
	s := all[slices.IndexFunc(all, func(s scenario) bool { return s.name == name })]
	keys := filepath.Join(filepath.Dir(path), "keys")
	v := open(t, path, dirSlot{persisted(t, s.kind(), keys), keys})
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	stop()
	err := s.run(t, v)
	stop()
	if err != nil {
		t.Fatal(err)
	}
}

// stop stops this thread for the tracer, which takes the signal away.
func stop() {
	if err := unix.Tgkill(os.Getpid(), unix.Gettid(), unix.SIGUSR2); err != nil {
		panic(err)
	}
}

func (s scenario) kind() string {
	if s.session {
		return KindSession
	}
	return KindOSKeyring
}

// noise are system calls of Go's runtime. All others are counted, whatever thread makes
// them.
var noise = []uint64{
	unix.SYS_FUTEX, unix.SYS_NANOSLEEP, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_EPOLL_PWAIT, unix.SYS_SCHED_YIELD,
	unix.SYS_MADVISE,
	unix.SYS_MMAP, unix.SYS_MUNMAP, unix.SYS_MPROTECT, unix.SYS_PRCTL, unix.SYS_CLONE, unix.SYS_CLONE3,
	unix.SYS_RT_SIGACTION,
	unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGRETURN, unix.SYS_SIGALTSTACK, unix.SYS_GETTID, unix.SYS_GETPID,
	unix.SYS_TGKILL,
	unix.SYS_KILL, unix.SYS_SET_ROBUST_LIST, unix.SYS_RSEQ, unix.SYS_SCHED_GETAFFINITY,
}

// syscallInfo is struct ptrace_syscall_info of <linux/ptrace.h>.
type syscallInfo struct {
	op     uint8
	_      [3]uint8
	arch   uint32
	ip, sp uint64
	number uint64
	args   [6]uint64
}

const (
	ptraceGetSyscallInfo = 0x420e
	syscallEntry         = 1
)

// errNoTrace says that this system does not let a process trace its children.
var errNoTrace = errors.New("cannot trace a child")

// killAt runs the victim and kills it when it is about to make the n-th system call
// between its two stops, or when it is done.
func killAt(scenario, path string, n int) (call uint64, done bool, err error) {
	runtime.LockOSThread() // all of ptrace(2) is up to the thread that began it
	defer runtime.UnlockOSThread()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return 0, false, err
	}
	defer null.Close()
	pid, err := syscall.ForkExec(
		os.Args[0],
		[]string{os.Args[0], "-test.run", "^TestKilledVictim$"},
		&syscall.ProcAttr{
			Env:   append(os.Environ(), victimScenario+"="+scenario, victimPath+"="+path),
			Files: []uintptr{null.Fd(), null.Fd(), null.Fd()},
			Sys:   &syscall.SysProcAttr{Ptrace: true, Setpgid: true},
		},
	)
	if err != nil {
		return 0, false, errors.Join(errNoTrace, err)
	}
	tr := tracer{pid: pid, threads: map[int]bool{pid: true}, n: n}
	defer tr.end()
	return tr.run()
}

type tracer struct {
	pid     int
	threads map[int]bool
	n       int // the system call to kill at
	stops   int
	seen    int
}

// end kills the victim, if it is there, and waits until nothing is left of it.
func (tr *tracer) end() {
	_ = unix.Kill(tr.pid, unix.SIGKILL)
	for {
		var status unix.WaitStatus
		tid, err := unix.Wait4(-tr.pid, &status, unix.WALL, nil)
		if err != nil && err != unix.EINTR || tid == tr.pid && (status.Exited() || status.Signaled()) {
			return
		}
	}
}

func (tr *tracer) run() (call uint64, done bool, err error) {
	var status unix.WaitStatus
	if _, err := unix.Wait4(tr.pid, &status, unix.WALL, nil); err != nil {
		return 0, false, err
	}
	options := unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_EXITKILL
	if err := unix.PtraceSetOptions(tr.pid, options); err != nil {
		return 0, false, errors.Join(errNoTrace, err)
	}
	tid, signal := tr.pid, 0
	for {
		if err := tr.resume(tid, signal); err != nil {
			return 0, false, err
		}
		if tid, err = unix.Wait4(-tr.pid, &status, unix.WALL, nil); err == unix.EINTR {
			tid, signal = 0, 0
			continue
		} else if err != nil {
			return 0, false, err
		}
		tr.threads[tid] = true
		signal = 0
		switch {
		case status.Exited() || status.Signaled():
			delete(tr.threads, tid)
			if tid == tr.pid {
				return 0, false, fmt.Errorf("the victim ended by itself after %d stops: %v", tr.stops, status)
			}
			tid = 0
		case status.StopSignal() == unix.SIGTRAP|0x80:
			call, kill, err := tr.systemCall(tid)
			if kill || err != nil {
				return call, false, err
			}
		case status.StopSignal() == unix.SIGUSR2:
			if tr.stops++; tr.stops == 2 {
				return 0, true, nil
			}
			tr.poke(tid)
		case status.StopSignal() != unix.SIGTRAP && status.StopSignal() != unix.SIGSTOP:
			signal = int(status.StopSignal())
		}
	}
}

// resume lets a stopped thread go on: to its next system call once the scenario has
// begun.
func (tr *tracer) resume(tid, signal int) error {
	var err error
	switch {
	case tid == 0:
	case tr.stops == 0:
		err = unix.PtraceCont(tid, signal)
	default:
		err = unix.PtraceSyscall(tid, signal)
	}
	if err == unix.ESRCH {
		return nil // it ended meanwhile
	}
	return err
}

// poke makes all other threads stop, so that their system calls are seen from now on. Go
// takes SIGURG for a request to let another goroutine run.
func (tr *tracer) poke(but int) {
	for tid := range tr.threads {
		if tid != but {
			_ = unix.Tgkill(tr.pid, tid, unix.SIGURG)
		}
	}
}

// systemCall counts what a thread is about to do, and reports whether it is where to kill
// it.
func (tr *tracer) systemCall(tid int) (call uint64, kill bool, err error) {
	var info syscallInfo
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, ptraceGetSyscallInfo, uintptr(tid), unsafe.Sizeof(info),
		uintptr(unsafe.Pointer(&info)), 0, 0)
	if errno != 0 {
		return 0, false, errors.Join(errNoTrace, errno)
	}
	if info.op != syscallEntry || slices.Contains(noise, info.number) {
		return 0, false, nil
	}
	tr.seen++
	return info.number, tr.seen == tr.n, nil
}

// zend is killed, really, before each system call that a change makes, and after the last
// one: the old state is there or the new one, and the next zend can go on.
func TestKilledAtEverySystemCall(t *testing.T) {
	for _, s := range killedScenarios() {
		t.Run(s.name, func(t *testing.T) {
			w := s.world(t)
			before, after, _ := w.normally(t, false)
			outcomes := make(map[string]int)
			n := 1
			for ; ; n++ {
				path := w.disk.write(t)
				keys := filepath.Join(filepath.Dir(path), "keys")
				if err := os.MkdirAll(keys, 0o700); err != nil {
					t.Fatal(err)
				}
				persist(t, w.slot, keys)
				call, done, err := killAt(s.name, path, n)
				if errors.Is(err, errNoTrace) {
					t.Skip(err)
				}
				if err != nil {
					t.Fatal(err)
				}
				w.afterKill(t, path, keys, before, after, fmt.Sprintf("killed at system call %d (number "+
					"%d)", n, call), outcomes)
				if done {
					break
				}
			}
			if n < 5 || outcomes[before] == 0 || before != after && outcomes[after] == 0 {
				t.Errorf("%d kills, outcomes %v: this showed nothing", n, outcomes)
			}
			t.Logf(
				"%d kills: %d times the old state, %d times the new one",
				n,
				outcomes[before],
				outcomes[after],
			)
		})
	}
}

func (w world) afterKill(t *testing.T, path, keys, before, after, context string, outcomes map[string]int) {
	t.Helper()
	slot := persisted(t, w.kind(), keys)
	got := outcome(t, path, slot)
	outcomes[got]++
	if got != before && got != after {
		t.Fatalf("%s:\n got    %s\n before %s\n after  %s", context, got, before, after)
	}
	v := open(t, path, slot)
	defer v.Close()
	if names, err := os.ReadDir(filepath.Dir(path)); err != nil ||
		slices.ContainsFunc(names, func(e os.DirEntry) bool {
			return strings.HasPrefix(e.Name(), tempPrefix)
		}) {
		t.Errorf("%s: left behind: %v, %v", context, names, err)
	}
	if v.EnsureOpen(t.Context()) != nil {
		return // locked, lost or damaged, as before
	}
	mustCommit(t, v, put("later", `{}`, "s"))
	if content(t, v)["later"] == "" {
		t.Errorf("%s: the next change is not there", context)
	}
}
