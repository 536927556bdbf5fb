//go:build e2e && linux

package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// notFound is what docker compares a helper's answer with, to the letter, before it goes
// on without a credential.
const notFound = "credentials not found in native keychain\n"

// unknownIsNotFound checks the answer for a host that nobody logged in to.
func (h *home) unknownIsNotFound() {
	h.t.Helper()
	for _, server := range []string{
		"unknown.example", "https://index.docker.io/v1/", "known.example.org",
		"known.example:8443",
	} {
		r := h.helper("get", server)
		if r.stdout != notFound || r.code != 1 || r.elapsed > time.Second {
			h.t.Errorf("an unknown host is not answered with docker's not-found text within a second:\n%s", r)
		}
	}
}

// knownIsAnError checks that a host somebody logged in to is not taken for an unknown
// one, and that a person learns why.
func (h *home) knownIsAnError(text string) {
	h.t.Helper()
	r := h.helper("get", "known.example")
	if r.code != 1 || r.stdout == notFound || strings.TrimSpace(r.stdout) == "" {
		h.t.Errorf("a host that is logged in is not answered with an error:\n%s", r)
	}
	if !strings.Contains(r.stdout+r.stderr, text) {
		h.t.Errorf("the error does not say %q:\n%s", text, r)
	}
}

// killZend ends the home's zend at once and waits until it is gone, with all that it
// held.
func (h *home) killZend() {
	h.t.Helper()
	pids := h.zendPIDs()
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != syscall.ESRCH {
			h.check(err)
		}
	}
	for deadline := time.Now().Add(10 * time.Second); slices.ContainsFunc(pids,
		isRunning); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			h.t.Fatalf("zend survives SIGKILL: %s", h.zends())
		}
	}
}

// isRunning reports whether a process still has something open: it has not when it waits
// for its parent to take notice.
func isRunning(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X")
}

// noZend waits until no zend is left.
func (h *home) noZend(why string) {
	h.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); len(h.zends()) > 0; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			h.t.Fatalf("zend does not end when %s: %s", why, h.zends())
		}
	}
}

// ownPrograms gives the home programs of its own, so that a test can take zend away.
func (h *home) ownPrograms() {
	h.t.Helper()
	h.check(os.Mkdir(h.path("bin"), 0o755))
	for _, name := range []string{"zend", "zen", "docker-credential-zen"} {
		copyFile(h.t, filepath.Join(programs, name), filepath.Join(h.path("bin"), name), 0o755)
	}
	h.env["PATH"] = h.path("bin") + strings.TrimPrefix(h.env["PATH"], programs)
}

func TestUnknownHostWhenZendCannotStart(t *testing.T) {
	tests := []struct {
		name   string
		spoil  func(h *home) error
		repair func(h *home) error
		text   string
	}{
		{
			"zend is gone",
			func(h *home) error { return os.Rename(h.path("bin/zend"), h.path("bin/zend.away")) },
			func(h *home) error { return os.Rename(h.path("bin/zend.away"), h.path("bin/zend")) },
			"zend",
		}, {
			"zend is not executable",
			func(h *home) error { return os.Chmod(h.path("bin/zend"), 0o600) },
			func(h *home) error { return os.Chmod(h.path("bin/zend"), 0o755) },
			"is not executable",
		}, {
			"zend ends at once",
			func(h *home) error {
				return errors.Join(os.Rename(h.path("bin/zend"), h.path("bin/zend.away")),
					os.WriteFile(h.path("bin/zend"), []byte("#!/bin/sh\nexit 1\n"), 0o755))
			},
			func(h *home) error { return os.Rename(h.path("bin/zend.away"), h.path("bin/zend")) },
			"zend",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHomeFor(t, nobody) // root may execute and write everything
			h.ownPrograms()
			h.storeSecret("known.example", "alice", "the-secret")
			h.killZend()
			h.check(tt.spoil(h))
			h.unknownIsNotFound()
			h.knownIsAnError(tt.text)
			h.check(tt.repair(h))
			if got := h.secretOf("known.example"); got != "the-secret" {
				t.Errorf("the credential is %q after zend is back", got)
			}
		})
	}
}

// A machine on which zen never ran: no directory, no index, no zend.
func TestUnknownHostOnAFreshMachineWithoutZend(t *testing.T) {
	h := newHome(t)
	h.ownPrograms()
	h.check(os.Remove(h.path("bin/zend")))
	h.unknownIsNotFound()
}

func TestUnknownHostWhenVaultIsLocked(t *testing.T) {
	h := newHome(t)
	h.storeSecret("known.example", "alice", "the-secret")
	h.zenOK("lock")
	h.unknownIsNotFound()
	h.knownIsAnError("zen unlock")
	h.killZend()
	h.unknownIsNotFound()
	h.knownIsAnError("zen unlock") // locked by a person stays locked
	h.zenOK("unlock")
	if got := h.secretOf("known.example"); got != "the-secret" {
		t.Errorf("the credential is %q after zen unlock", got)
	}
}

// A vault with a passphrase, after a reboot: the key is in no keyring any more.
func TestUnknownHostWhenVaultNeedsAPassphrase(t *testing.T) {
	const passphrase = "correct horse battery staple"
	h := newHome(t)
	h.storeSecret("known.example", "alice", "the-secret")
	h.ok(passphrase, "zen", "vault", "passphrase", "--passphrase-stdin")
	h.reboot()
	h.unknownIsNotFound()
	h.knownIsAnError("zen unlock")
	wrong := h.run("not this one", "zen", "unlock", "--passphrase-stdin")
	if wrong.code != 6 || !strings.Contains(wrong.stderr, "passphrase") {
		t.Errorf("a wrong passphrase:\n%s", wrong)
	}
	h.ok(passphrase, "zen", "unlock", "--passphrase-stdin")
	if got := h.secretOf("known.example"); got != "the-secret" {
		t.Errorf("the credential is %q after zen unlock", got)
	}
	h.holdsNo(passphrase)
}

// reboot ends zend and what the kernel keeps for the home's vault, as a reboot would.
func (h *home) reboot() {
	h.t.Helper()
	id := h.status().Vault.ID
	h.killZend()
	if r := execute(h.t, impostorCommand(h.t, h.uid, "forget", id), ""); r.code != 0 ||
		strings.HasPrefix(r.stdout, "0 ") {
		h.t.Fatalf("the kernel's keyring has no key of vault %s:\n%s", id, r)
	}
}

// full is a file system of its own without a free byte, mounted below the home until the
// test ends.
func (h *home) full(below string) {
	h.t.Helper()
	dir := h.path(below)
	old := h.path("aside")
	h.killZend()
	h.check(os.Rename(dir, old))
	h.check(os.Mkdir(dir, 0o700))
	h.check(unix.Mount("tmpfs", dir, "tmpfs", 0, "size=256k,mode=700"))
	h.t.Cleanup(func() {
		h.zen("daemon", "stop")
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			h.t.Error(err)
		}
	})
	if r := execute(h.t, command(h.t, "cp", "-a", old+"/.", dir), ""); r.code != 0 {
		h.t.Fatal(r)
	}
	h.fill(dir)
}

// fill takes all the room there is.
func (h *home) fill(dir string) {
	h.t.Helper()
	f, err := os.Create(filepath.Join(dir, "filler"))
	h.check(err)
	defer f.Close()
	for size := 64 << 10; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			if !errors.Is(err, syscall.ENOSPC) {
				h.t.Fatal(err)
			}
			size /= 2
		}
	}
}

func TestFullDisk(t *testing.T) {
	for _, below := range []string{".local", "run"} {
		t.Run(below, func(t *testing.T) {
			h := newHome(t)
			h.storeSecret("known.example", "alice", "the-secret")
			h.full(below)
			h.unknownIsNotFound()
			if got := h.secretOf("known.example"); got != "the-secret" {
				t.Errorf("a full disk keeps zend from reading: the secret is %q", got)
			}
			if below != ".local" {
				return
			}
			r := h.helper("store", `{"ServerURL":"new.example","Username":"bob","Secret":"s"}`)
			if r.code != 1 || !strings.Contains(r.stdout, "no space left") {
				t.Errorf("storing on a full disk:\n%s", r)
			}
			h.killZend()
			h.unknownIsNotFound()
			if got := h.secretOf("known.example"); got != "the-secret" {
				t.Errorf("lost by a failed write: the secret is %q", got)
			}
			h.check(os.Remove(h.path(".local/filler")))
			h.storeSecret("new.example", "bob", "s")
			if got := h.secretOf("new.example"); got != "s" {
				t.Errorf("the disk has room again, the secret is %q", got)
			}
		})
	}
}

// A disk that is full before zen was ever used.
func TestFullDiskFromTheStart(t *testing.T) {
	h := newHome(t)
	h.check(os.Mkdir(h.path(".local"), 0o700))
	h.full(".local")
	h.unknownIsNotFound()
	r := h.helper("store", `{"ServerURL":"new.example","Username":"bob","Secret":"s"}`)
	if r.code != 1 || !strings.Contains(r.stdout, "no space left") {
		t.Errorf("storing on a full disk:\n%s", r)
	}
	h.check(os.Remove(h.path(".local/filler")))
	h.storeSecret("new.example", "bob", "s")
}
