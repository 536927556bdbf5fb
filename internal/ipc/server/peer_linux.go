package server

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"

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
	return ofPeer(p, func() string { return executable(p.PID) })
}

// Dir is the peer's working directory, "" when it cannot be read.
func (p Peer) Dir() string {
	return ofPeer(p, func() string {
		dir, _ := os.Readlink(procPath(p.PID, "cwd"))
		return dir
	})
}

// Parents are the programs of the peer's ancestors, nearest first, without process 1.
func (p Peer) Parents() []string {
	return ofPeer(p, func() (list []string) {
		for pid := parent(p.PID); pid > 1 && len(list) < maxParents; pid = parent(pid) {
			list = append(list, executable(pid))
		}
		return list
	})
}

// ofPeer returns what f reads about the peer's process number, unless that process has ended: the number may be another's
// by now. The kernel names the very process with SO_PEERPIDFD (Linux 6.5); older ones leave a doubt.
func ofPeer[T any](p Peer, f func() T) (none T) {
	if p.conn == nil || p.PID <= 0 {
		return none
	}
	result, pidfd := f(), -1
	err := p.conn.Control(func(fd uintptr) {
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

func executable(pid int) string {
	if exe, err := os.Readlink(procPath(pid, "exe")); err == nil {
		return strings.TrimSuffix(exe, " (deleted)")
	}
	name, _, ok := stat(pid)
	if !ok {
		return ""
	}
	return "[" + name + "]"
}

func parent(pid int) int {
	_, ppid, _ := stat(pid)
	return ppid
}

// stat reads name and parent from /proc/PID/stat: "PID (NAME) STATE PPID ...", where NAME may hold anything (proc(5)).
func stat(pid int) (name string, ppid int, ok bool) {
	content, err := os.ReadFile(procPath(pid, "stat"))
	if err != nil {
		return "", 0, false
	}
	open, shut := bytes.IndexByte(content, '('), bytes.LastIndexByte(content, ')')
	if open < 0 || shut < open {
		return "", 0, false
	}
	fields := strings.Fields(string(content[shut+1:]))
	if len(fields) < 2 {
		return "", 0, false
	}
	ppid, err = strconv.Atoi(fields[1])
	return string(content[open+1 : shut]), ppid, err == nil
}
