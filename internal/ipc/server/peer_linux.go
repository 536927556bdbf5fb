package server

import (
	"bytes"
	"os"
	"path/filepath"
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

func (p Peer) look() {
	type found struct {
		exe     string
		parents []string
	}
	f := ofPeer(p, func() found {
		st, _ := stat(p.PID)
		return found{executable(p.PID, st.name), p.process.ancestors.of(st.parent)}
	})
	p.process.exe, p.process.parents = f.exe, f.parents
}

// Dir is the peer's working directory, "" when it cannot be read.
func (p Peer) Dir() string {
	return ofPeer(p, func() string {
		dir, _ := os.Readlink(procPath(p.PID, "cwd"))
		return dir
	})
}

// ofPeer returns what f reads about the peer's process number, unless that process has ended: the number may be another's
// by now. The kernel names the very process with SO_PEERPIDFD (Linux 6.5); older ones leave a doubt.
func ofPeer[T any](p Peer, f func() T) (none T) {
	if p.process == nil || p.PID <= 0 {
		return none
	}
	result, pidfd := f(), -1
	err := p.process.conn.Control(func(fd uintptr) {
		if got, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PEERPIDFD); err == nil {
			pidfd = got
		}
	})
	if err != nil {
		return none
	}
	if pidfd < 0 {
		return result
	}
	defer unix.Close(pidfd)
	if unix.PidfdSendSignal(pidfd, 0, nil, 0) != nil {
		return none
	}
	return result
}

func procPath(pid int, name string) string {
	return filepath.Join("/proc", strconv.Itoa(pid), name)
}

// executable is the path of a process's program, or its bracketed name.
func executable(pid int, name string) string {
	if exe, err := os.Readlink(procPath(pid, "exe")); err == nil {
		return strings.TrimSuffix(exe, " (deleted)")
	}
	if name == "" {
		return ""
	}
	return "[" + name + "]"
}

// status is the part of /proc/PID/stat that is of use here.
type status struct {
	name   string
	parent int
	start  string // when the process began, in clock ticks since the boot: with the number it names the process
}

// stat reads /proc/PID/stat: "PID (NAME) STATE PPID ...", where NAME may hold anything and START is the 22nd field (proc(5)).
func stat(pid int) (status, bool) {
	var buf [1024]byte // it has less than 400 bytes, and the kernel works for each read
	content, err := readOnce(procPath(pid, "stat"), buf[:])
	if err != nil {
		return status{}, false
	}
	open, shut := bytes.IndexByte(content, '('), bytes.LastIndexByte(content, ')')
	if open < 0 || shut < open {
		return status{}, false
	}
	fields := strings.Fields(string(content[shut+1:]))
	if len(fields) < 20 {
		return status{}, false
	}
	parent, err := strconv.Atoi(fields[1])
	return status{string(content[open+1 : shut]), parent, fields[19]}, err == nil
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
	status
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
	st, ok := stat(pid)
	if !ok {
		return nil
	}
	a.mu.Lock()
	l := a.known[pid]
	a.mu.Unlock()
	if l.status == st {
		return l.programs
	}
	programs := append([]string{executable(pid, st.name)}, a.chain(st.parent, steps-1)...)
	programs = programs[:min(len(programs), maxParents)]
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.known) >= maxKnown {
		clear(a.known)
	}
	a.known[pid] = lineage{st, programs}
	return programs
}
