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

// Executable is the path of the peer's program; "[name]" when only its name can be read,
// as with programs that forbid being looked at (docker-credential-zen is one); "" when
// the process is gone.
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

// look finds out about the peer's process by its number, and then that the number was
// still its own.
func (p Peer) look() {
	exe := executable(p.PID)
	if parent, ok := p.parent(); ok {
		p.process.exe, p.process.parents = exe, p.process.ancestors.of(parent)
	}
}

// Dir is the working directory of the peer or, where that cannot be read (as that of
// docker-credential-zen), of its nearest ancestor whose can be; "" when there is none.
func (p Peer) Dir() string {
	if p.process == nil {
		return ""
	}
	dir, _ := os.Readlink(procPath(p.PID, "cwd"))
	pid, ok := p.parent()
	for range maxParents {
		if !ok || dir != "" || pid <= 1 {
			break
		}
		pid, ok = ancestor(pid, func(pid int) { dir, _ = os.Readlink(procPath(pid, "cwd")) })
	}
	if !ok {
		return ""
	}
	return dir
}

// parent is whose child the peer's process is; false when it has ended: its number may be
// another's by now. The kernel names the very process with SO_PEERPIDFD (Linux 6.5);
// older ones leave a doubt.
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
		return stat(p.PID)
	}
	defer unix.Close(pidfd)
	return parentOf(pidfd, p.PID)
}

// ancestors remembers whose child is whose among processes that are parents again and
// again: shells, terminals, docker. To look up a whole chain takes longer than to serve a
// request.
type ancestors struct {
	mu    sync.Mutex
	known map[int]lineage
}

// lineage is a process, and the programs of itself and its ancestors, nearest first. They
// hold for as long as each of the processes still executes its own: to execute another
// changes nothing else about a process.
type lineage struct {
	unique   uint64 // what no other process has had since the boot: numbers are given out again
	pids     []int
	programs []string
}

// maxKnown bounds the memory: beyond it everything is looked up anew.
const maxKnown = 256

func newAncestors() *ancestors { return &ancestors{known: make(map[int]lineage)} }

// of returns the programs of a process and its ancestors, nearest first, at most
// maxParents. Process 1 is nobody's parent.
func (a *ancestors) of(pid int) []string {
	unique := uniqueOf(pid)
	a.mu.Lock()
	l := a.known[pid]
	a.mu.Unlock()
	if unique != 0 && l.unique == unique && l.holds() {
		return l.programs
	}
	l = lineage{unique: unique}
	for next, ok := pid, true; ok && next > 1 && len(l.pids) < maxParents; {
		at, exe := next, ""
		if next, ok = ancestor(at, func(pid int) { exe = executable(pid) }); ok {
			l.pids, l.programs = append(l.pids, at), append(l.programs, exe)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.known) >= maxKnown {
		clear(a.known)
	}
	a.known[pid] = l
	return l.programs
}

func (l lineage) holds() bool {
	for i, pid := range l.pids {
		if !executes(pid, l.programs[i]) {
			return false
		}
	}
	return true
}

// executes reports whether a process's program is exe, for the most part with one system
// call.
func executes(pid int, exe string) bool {
	var buf [512]byte
	n, err := unix.Readlink(procPath(pid, "exe"), buf[:])
	return err == nil && string(buf[:n]) == exe || executable(pid) == exe
}

// uniqueOf is the inode of a descriptor of a process, which is the process's own; 0: it
// has ended, or the kernel is older than Linux 6.13, where all have the same.
func uniqueOf(pid int) uint64 {
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return 0
	}
	defer unix.Close(pidfd)
	info, st := unix.PidfdInfo{Mask: unix.PIDFD_INFO_PID}, unix.Stat_t{}
	if unix.IoctlPidfdInfo(pidfd, &info) != nil || unix.Fstat(pidfd, &st) != nil {
		return 0
	}
	return st.Ino
}

// ancestor looks at a process and returns whose child it is; false when it has ended, and
// what was seen may be another's.
func ancestor(pid int, look func(pid int)) (parent int, ok bool) {
	pidfd, err := unix.PidfdOpen(pid, 0)
	look(pid)
	if err != nil { // Linux before 5.3
		return stat(pid)
	}
	defer unix.Close(pidfd)
	return parentOf(pidfd, pid)
}

// parentOf is whose child the process of that number is, to which the descriptor belongs;
// false when it has ended. To ask the descriptor (Linux 6.13) takes a third of the time
// that reading from /proc does.
func parentOf(pidfd, pid int) (parent int, ok bool) {
	info := unix.PidfdInfo{Mask: unix.PIDFD_INFO_PID}
	if unix.IoctlPidfdInfo(pidfd, &info) == nil {
		return int(info.Ppid), true
	}
	parent, ok = stat(pid)
	return parent, ok && unix.PidfdSendSignal(pidfd, 0, nil, 0) == nil
}

func procPath(pid int, name string) string { return "/proc/" + strconv.Itoa(pid) + "/" + name }

// executable is the path of a process's program, or its bracketed name; "" when the
// process is gone.
func executable(pid int) string {
	var buf [512]byte // longer than nearly every path
	n, err := unix.Readlink(procPath(pid, "exe"), buf[:])
	exe := string(buf[:max(n, 0)])
	if n == len(buf) {
		exe, err = os.Readlink(procPath(pid, "exe"))
	}
	if err == nil && strings.HasSuffix(exe, deleted) {
		return unlinked(pid, exe)
	}
	if err == nil {
		return exe
	}
	name, err := readOnce(procPath(pid, "comm"), buf[:])
	if err != nil {
		return ""
	}
	return "[" + strings.TrimSuffix(string(name), "\n") + "]"
}

// deleted is what the kernel writes behind the name of a file that has none any more
// (d_path), and what a name may end with.
const deleted = " (deleted)"

// unlinked is the path that a removed or replaced program had, as after an upgrade. A
// program whose own name ends like that keeps it: asked of one descriptor, a file with no
// name left stays without, so that what ends its path then is the kernel's.
func unlinked(pid int, exe string) string {
	fd, err := unix.Open(procPath(pid, "exe"), unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return exe
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Nlink > 0 {
		return exe
	}
	path, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
	if err != nil || strings.HasPrefix(path, "/memfd:") { // which has never had a path
		return exe
	}
	return strings.TrimSuffix(path, deleted)
}

// stat reads whose child a process is from /proc/PID/stat: "PID (NAME) STATE PPID ...",
// where NAME may hold anything (proc(5)).
func stat(pid int) (parent int, ok bool) {
	var buf [1024]byte // it has less than 400 bytes, and the kernel works for each read
	content, err := readOnce(procPath(pid, "stat"), buf[:])
	if err != nil {
		return 0, false
	}
	fields := strings.Fields(string(content[bytes.LastIndexByte(content, ')')+1:]))
	if len(fields) < 2 {
		return 0, false
	}
	parent, err = strconv.Atoi(fields[1])
	return parent, err == nil
}

// readOnce does with three system calls what takes os.Open and Read eight: the client
// waits for it.
func readOnce(path string, buf []byte) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	n, err := unix.Read(fd, buf)
	return buf[:max(n, 0)], err
}

// acceptNow takes a connection that waits, which neither blocks nor survives exec.
func acceptNow(listening int) (fd int, err error) {
	fd, _, err = unix.Accept4(listening, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	return fd, err
}
