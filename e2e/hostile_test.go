//go:build e2e && linux

package e2e

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Something happens to the socket of a zend that runs. Nobody can reach it any more, so
// it goes; the clients start another one, or say what is in its place and what to type.
func TestSocketIsTakenFromARunningZend(t *testing.T) {
	for _, tt := range []struct {
		name   string
		spoil  func(h *home, socket string) error
		refuse string // what clients say; "" when they work on
	}{
		{"removed", func(_ *home, socket string) error { return os.Remove(socket) }, ""},
		{"renamed", func(_ *home, socket string) error { return os.Rename(socket, socket+".old") }, ""},
		{"replaced by a dead socket", func(h *home, socket string) error {
			return put(h, socket, func(path string) error {
				ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
				if err != nil {
					return err
				}
				ln.SetUnlinkOnClose(false)
				return ln.Close()
			})
		}, ""},
		{"replaced by a FIFO", func(h *home, socket string) error {
			return put(h, socket, func(path string) error { return unix.Mkfifo(path, 0o600) })
		}, "is not a socket"},
		{"replaced by a file", func(h *home, socket string) error {
			return put(h, socket, func(path string) error { return os.WriteFile(path, nil, 0o600) })
		}, "is not a socket"},
		{"replaced by a link", func(h *home, socket string) error {
			return put(h, socket, func(path string) error { return os.Symlink("/dev/null", path) })
		}, "is not a socket"},
		{"replaced by root's socket", func(h *home, socket string) error {
			ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket + ".new", Net: "unix"})
			if err != nil {
				return err
			}
			ln.SetUnlinkOnClose(false)
			h.t.Cleanup(func() { ln.Close() })
			return errors.Join(os.Chmod(socket+".new", 0o777), os.Rename(socket+".new", socket))
		}, "another user"},
		{
			"its directory removed", func(h *home, _ string) error { return os.RemoveAll(h.path("run/zen")) },
			"",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHomeFor(t, nobody)
			h.storeSecret("known.example", "alice", "the-secret")
			socket := h.path("run/zen/zend.sock")
			h.check(tt.spoil(h, socket))
			h.noZend("its socket is " + tt.name)
			if tt.refuse != "" {
				r := h.helper("get", "known.example")
				if r.code != 1 || !strings.Contains(r.stdout+r.stderr, tt.refuse) ||
					strings.Contains(r.stdout, "the-secret") {
					t.Errorf("the helper:\n%s", r)
				}
				if r := h.zen("status"); r.code == 0 || !strings.Contains(r.stderr, tt.refuse) {
					t.Errorf("zen status:\n%s", r)
				}
				h.check(os.Remove(socket))
			}
			if got := h.secretOf("known.example"); got != "the-secret" {
				t.Errorf("afterwards the secret is %q", got)
			}
		})
	}
}

// put makes something of the home's user and moves it into a place in one step.
func put(h *home, path string, create func(path string) error) error {
	if err := create(path + ".new"); err != nil {
		return err
	}
	return errors.Join(os.Lchown(path+".new", h.uid, h.uid), os.Rename(path+".new", path))
}

// Without a runtime directory that is fit, zen uses a place that is closed to others, or
// says what is wrong.
func TestUnfitRuntimeDirectories(t *testing.T) {
	for name, spoil := range map[string]func(h *home) error{
		"no variable":   func(h *home) error { delete(h.env, "XDG_RUNTIME_DIR"); return nil },
		"empty":         func(h *home) error { h.env["XDG_RUNTIME_DIR"] = ""; return nil },
		"relative":      func(h *home) error { h.env["XDG_RUNTIME_DIR"] = "run"; return nil },
		"not there":     func(h *home) error { h.env["XDG_RUNTIME_DIR"] = h.path("none"); return nil },
		"another one's": func(h *home) error { return os.Chown(h.path("run"), nobody-1, nobody-1) },
		"another one's, open to all": func(h *home) error {
			return errors.Join(os.Chown(h.path("run"), nobody-1, nobody-1), os.Chmod(h.path("run"), 0o777))
		},
		"a file": func(h *home) error { h.env["XDG_RUNTIME_DIR"] = h.write("file", ""); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHomeFor(t, nobody)
			h.check(spoil(h))
			r := h.helper("store", `{"ServerURL":"known.example","Username":"alice","Secret":"the-secret"}`)
			if r.code != 0 {
				t.Fatalf("no fallback:\n%s", r)
			}
			if got := h.secretOf("known.example"); got != "the-secret" {
				t.Errorf("the secret is %q", got)
			}
			var socket, dir unix.Stat_t
			path := h.status().Socket
			h.check(unix.Lstat(path, &socket))
			h.check(unix.Lstat(filepath.Dir(path), &dir))
			if socket.Uid != nobody || dir.Uid != nobody || socket.Mode&0o777 != 0o600 ||
				dir.Mode != unix.S_IFDIR|0o700 {
				t.Errorf(
					"%s is of %d, mode %o, in a directory of %d, mode %o",
					path,
					socket.Uid,
					socket.Mode,
					dir.Uid,
					dir.Mode,
				)
			}
		})
	}
	for variable, below := range map[string]string{"ZEN_SOCKET": "/zen.sock", "XDG_RUNTIME_DIR": ""} {
		h := newHomeFor(t, nobody)
		given := h.env[variable]
		long := h.path("run/" + strings.Repeat("x", 120))
		h.mkdirs(long)
		h.env[variable] = long + below
		for _, r := range []result{
			h.helper("store", `{"ServerURL":"x.example","Username":"u","Secret":"s"}`), h.zen("status"),
			h.run("", "zend"),
		} {
			if r.code == 0 || !strings.Contains(r.stdout+r.stderr, "too long") ||
				!strings.Contains(r.stderr, "ZEN_SOCKET") {
				t.Errorf("a path that is too long for a socket:\n%s", r)
			}
		}
		if h.env[variable] = given; given == "" {
			delete(h.env, variable)
		}
	}
}

// Directories of another user come first in PATH, and so do the working directory and the
// empty name for it: none of what lies there is executed. The user's own programs are
// named by absolute paths, as a shell or docker has found them.
func TestHostilePATH(t *testing.T) {
	h := newHomeFor(t, nobody)
	trap, marks := h.path("trap"), h.path("marks")
	h.check(os.Mkdir(trap, 0o755))
	h.check(os.Mkdir(marks, 0o777))
	h.check(os.Chmod(marks, 0o777))
	for _, name := range []string{
		"zend", "zen", "docker-credential-zen", "notify-send", "sh", "bash", "env", "uname", "hostname",
		"git", "ps", "systemctl", "systemd-run",
		"dbus-launch", "dbus-daemon", "dbus-send", "gnome-keyring-daemon", "secret-tool", "which", "id",
		"getent", "tty", "stty", "tput",
		"docker", "podman", "docker-credential-desktop", "docker-credential-pass",
		"docker-credential-secretservice", "less", "more", "pager",
	} {
		script := "#!/bin/sh\necho \"$0 $*\" >> '" + marks + "/" + name + "'\n"
		h.check(os.WriteFile(filepath.Join(trap, name), []byte(script), 0o755))
	}
	for _, path := range []string{trap, trap + ":" + programs, ".:" + programs, ":" + programs, ""} {
		h.env["PATH"] = path
		run := func(stdin, name string, args ...string) result {
			cmd := h.command(filepath.Join(programs, name), args...)
			cmd.Dir = trap
			return execute(t, cmd, stdin)
		}
		h.killZend()
		if r := run(`{"ServerURL":"known.example","Username":"alice","Secret":"the-secret"}`,
			"docker-credential-zen", "store"); r.code != 0 {
			t.Errorf("with PATH=%s:\n%s", path, r)
		}
		if r := run("known.example", "docker-credential-zen", "get"); r.code != 0 ||
			!strings.Contains(r.stdout, "the-secret") {
			t.Errorf("with PATH=%s:\n%s", path, r)
		}
		run("", "zen", "status")
		run("", "zen", "daemon", "restart")
		run("", "zen", "vault", "rotate")
		run("", "zen", "logout", "known.example")
	}
	h.env["PATH"] = programs
	sprung, err := filepath.Glob(marks + "/*")
	h.check(err)
	for _, mark := range sprung {
		content, _ := os.ReadFile(mark)
		t.Errorf("executed what lay in a trap: %s", content)
	}
}

// A zend that crashes leaves no core file, though the user's limits allow one, and its
// dying words hold no secret.
func TestCrashLeavesNoCore(t *testing.T) {
	h := newHomeFor(t, nobody)
	dumped := func(name string, args ...string) bool {
		t.Helper()
		cmd := h.command("/bin/sh", append([]string{"-c", `ulimit -c unlimited && exec "$0" ` +
			`"$@"`, name}, args...)...)
		if err := cmd.Run(); cmd.ProcessState == nil {
			t.Fatal(err)
		}
		status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
		return ok && status.CoreDump()
	}
	if !dumped("/bin/sh", "-c", "kill -ABRT $$") {
		t.Skip("this system keeps no core files (kernel.core_pattern, or a hard limit): even a shell that " +
			"aborts leaves none")
	}
	h.env["GOTRACEBACK"] = "crash" // a Go program then ends by SIGABRT, as a crash of the kernel's kind
	cmd := h.command("/bin/sh", "-c", "ulimit -c unlimited && exec '"+filepath.Join(programs, "zend")+"'")
	words, err := os.Create(h.path("words"))
	h.check(err)
	defer words.Close()
	cmd.Stderr = words
	h.check(cmd.Start())
	for end := time.Now().Add(startTimeout); !strings.Contains(h.read("words"),
		"Serving"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("zend does not serve: %s", h.read("words"))
		}
	}
	delete(h.env, "GOTRACEBACK")
	h.storeSecret("known.example", "alice", "the-secret")
	h.secretOf("known.example")
	h.check(cmd.Process.Signal(syscall.SIGQUIT))
	_ = cmd.Wait()
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() || status.Signal() != syscall.SIGABRT {
		t.Errorf("zend did not crash but: %v", cmd.ProcessState)
	}
	if status.CoreDump() {
		t.Error("zend left a core file")
	}
	if text := h.read("words"); strings.Contains(text, "the-secret") || !strings.Contains(text, "SIGQUIT") {
		t.Errorf("zend's last words:\n%s", text)
	}
	if got := h.secretOf("known.example"); got != "the-secret" {
		t.Errorf("after the crash the secret is %q", got)
	}
}

// Directories on the way to the vault are links. A user's own are followed, in the place
// of zen's own directories too. One that leads to another user's directory is told of,
// and nothing is written there.
func TestLinkedDirectories(t *testing.T) {
	for name, target := range map[string]string{
		".local": "share/zen/", ".local/share/zen": "",
		".config/zen": "",
	} {
		t.Run("own "+name, func(t *testing.T) {
			h := newHomeFor(t, nobody)
			h.mkdirs(h.path("elsewhere"))
			h.mkdirs(filepath.Dir(h.path(name)))
			h.check(os.Symlink(h.path("elsewhere"), h.path(name)))
			h.check(os.Lchown(h.path(name), nobody, nobody))
			h.storeSecret("known.example", "alice", "the-secret")
			if got := h.secretOf("known.example"); got != "the-secret" {
				t.Errorf("the secret is %q", got)
			}
			if _, err := os.Stat(h.path("elsewhere/" + target + "vault.json")); err != nil &&
				name != ".config/zen" {
				t.Errorf("a user's own link is not followed: %v", err)
			}
		})
	}
	for _, name := range []string{".local/share/zen", ".local/state/zen"} {
		t.Run("planted "+name, func(t *testing.T) {
			h := newHomeFor(t, nobody)
			target := h.path("trap")
			h.check(os.Mkdir(target, 0o777))
			h.check(os.Chmod(target, 0o777)) // another user's, open to all
			h.mkdirs(filepath.Dir(h.path(name)))
			h.check(os.Symlink(target, h.path(name)))
			r := h.helper("store", `{"ServerURL":"known.example","Username":"alice","Secret":"the-secret"}`)
			if vault := name == ".local/share/zen"; (r.code == 0) == vault ||
				vault && !strings.Contains(r.stdout+r.stderr, "belongs to root") {
				t.Errorf("store:\n%s", r)
			}
			if status := h.zen("status"); !strings.Contains(status.stdout+status.stderr, "belongs to root") {
				t.Errorf("nobody says whose directory %s is:\n%s", name, status)
			}
			h.unknownIsNotFound()
			left, err := os.ReadDir(target)
			h.check(err)
			if len(left) > 0 {
				t.Errorf("written: %v", left)
			}
			if with := h.filesWith("the-secret"); len(with) > 0 {
				t.Errorf("the secret is in %s", with)
			}
		})
	}
}
