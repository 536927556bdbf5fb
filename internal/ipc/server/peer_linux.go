package server

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// identify reads SO_PEERCRED (unix(7)).
func (p *Peer) identify(fd int) error {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return err
	}
	p.UID, p.GID, p.PID = int(cred.Uid), int(cred.Gid), int(cred.Pid)
	return nil
}

// Executable is the path of the peer's program; "[name]" when only its name can be read, as with programs that forbid
// being looked at (docker-credential-zen is one); "" when the process is gone.
func (p Peer) Executable() string {
	if p.process == nil {
		return ""
	}
	p.process.once.Do(p.look)
	return p.process.exe
}

// Parents are the programs of the peer's ancestors, nearest first, without process 1.
func (p Peer) Parents() []string {
	if p.process == nil {
		return nil
	}
	p.process.once.Do(p.look)
	return p.process.parents
}

// look finds out about the peer's process by its number, and then that the number was still its own.
func (p Peer) look() {
	exe := executable(p.PID)
	if parent, ok := p.parent(); ok {
		p.process.exe, p.process.parents = exe, p.process.ancestors.of(parent)
	}
}

// Dir is the peer's working directory, "" when it cannot be read.
func (p Peer) Dir() string {
	if p.process == nil {
		return ""
	}
	dir, _ := os.Readlink(procPath(p.PID, "cwd"))
	if _, ok := p.parent(); !ok {
		return ""
	}
	return dir
}

// parent is whose child the peer's process is; false when it has ended: its number may be another's by now. The kernel names
// the very process with SO_PEERPIDFD (Linux 6.5); older ones leave a doubt.
func (p Peer) parent() (pid int, ok bool) {
	if p.PID <= 0 {
		return 0, false
	}
	pidfd := -1
	err := p.process.conn.Control(func(fd uintptr) {
		if got, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PEERPIDFD); err == nil {
			pidfd = got
		}
	})
	if err != nil {
		return 0, false
	}
	if pidfd < 0 {
		id, ok := stat(p.PID)
		return id.parent, ok
	}
	defer unix.Close(pidfd)
	if pid, ok := parentBehind(pidfd); ok {
		return pid, true
	}
	id, ok := stat(p.PID)
	return id.parent, ok && unix.PidfdSendSignal(pidfd, 0, nil, 0) == nil
}

func procPath(pid int, name string) string { return "/proc/" + strconv.Itoa(pid) + "/" + name }

// executable is the path of a process's program, or its bracketed name; "" when the process is gone.
func executable(pid int) string {
	var buf [512]byte // longer than nearly every path
	n, err := unix.Readlink(procPath(pid, "exe"), buf[:])
	exe := string(buf[:max(n, 0)])
	if n == len(buf) {
		exe, err = os.Readlink(procPath(pid, "exe"))
	}
	if err == nil {
		return strings.TrimSuffix(exe, " (deleted)")
	}
	name, err := readOnce(procPath(pid, "comm"), buf[:])
	if err != nil {
		return ""
	}
	return "[" + strings.TrimSuffix(string(name), "\n") + "]"
}

// identity is whose child a process is, and what no other process has had since the boot. Numbers are given out again.
type identity struct {
	parent int
	unique uint64
}

// identityOf finds out about a process by its number.
func identityOf(pid int) (id identity, ok bool) {
	if pidfd, err := unix.PidfdOpen(pid, 0); err == nil {
		defer unix.Close(pidfd)
		if id, ok := behind(pidfd); ok {
			return id, true
		}
	}
	return stat(pid)
}

// behind asks a descriptor of a process (Linux 6.13, where its inode is the process's own). It takes a third of the time that
// reading from /proc does.
func behind(pidfd int) (id identity, ok bool) {
	var st unix.Stat_t
	parent, ok := parentBehind(pidfd)
	if !ok || unix.Fstat(pidfd, &st) != nil {
		return id, false
	}
	return identity{parent, st.Ino}, true
}

// parentBehind is whose child the process is that a descriptor belongs to (Linux 6.13).
func parentBehind(pidfd int) (pid int, ok bool) {
	info := unix.PidfdInfo{Mask: unix.PIDFD_INFO_PID}
	err := unix.IoctlPidfdInfo(pidfd, &info)
	return int(info.Ppid), err == nil
}

// stat reads /proc/PID/stat: "PID (NAME) STATE PPID ...", where NAME may hold anything. The 22nd field is when the process
// began, in clock ticks since the boot (proc(5)).
func stat(pid int) (id identity, ok bool) {
	var buf [1024]byte // it has less than 400 bytes, and the kernel works for each read
	content, err := readOnce(procPath(pid, "stat"), buf[:])
	if err != nil {
		return id, false
	}
	fields := strings.Fields(string(content[bytes.LastIndexByte(content, ')')+1:]))
	if len(fields) < 20 {
		return id, false
	}
	parent, err1 := strconv.Atoi(fields[1])
	start, err2 := strconv.ParseUint(fields[19], 10, 64)
	return identity{parent, start}, err1 == nil && err2 == nil
}

// readOnce does with three system calls what takes os.Open and Read eight: the client waits for it.
func readOnce(path string, buf []byte) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	n, err := unix.Read(fd, buf)
	return buf[:max(n, 0)], err
}

// ancestors remembers the programs of processes that are parents again and again: shells, terminals, docker. To look up a
// whole chain takes longer than to serve a request.
type ancestors struct {
	mu    sync.Mutex
	known map[int]lineage
}

// lineage is a process and the programs of itself and its ancestors, as they were when it was first seen.
type lineage struct {
	identity
	programs []string
}

// maxKnown bounds the memory: beyond it everything is looked up anew.
const maxKnown = 256

func newAncestors() *ancestors { return &ancestors{known: make(map[int]lineage)} }

// of returns the programs of a process and its ancestors, nearest first, at most maxParents. Process 1 is nobody's parent.
func (a *ancestors) of(pid int) []string { return a.chain(pid, 4*maxParents) }

func (a *ancestors) chain(pid, steps int) []string {
	if pid <= 1 || steps == 0 {
		return nil
	}
	id, ok := identityOf(pid)
	if !ok {
		return nil
	}
	a.mu.Lock()
	l := a.known[pid]
	a.mu.Unlock()
	if l.identity == id {
		return l.programs
	}
	programs := append([]string{executable(pid)}, a.chain(id.parent, steps-1)...)
	programs = programs[:min(len(programs), maxParents)]
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.known) >= maxKnown {
		clear(a.known)
	}
	a.known[pid] = lineage{id, programs}
	return programs
}

// acceptNow takes a connection that waits, which neither blocks nor survives exec.
func acceptNow(listening int) (fd int, err error) {
	fd, _, err = unix.Accept4(listening, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	return fd, err
}
