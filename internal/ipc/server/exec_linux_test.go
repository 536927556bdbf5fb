package server_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zen-agent/zen/internal/ipc/server"
)

// A process that executes another program in place is that program from then on, whatever
// it asked for before: as the parent of a client, and as a client that keeps its
// connection.
func TestProgramsAcrossExec(t *testing.T) {
	type seen struct{ exe, parent string }
	peers := make(chan seen, 4)
	path := start(
		t,
		&server.Server{
			Methods: map[string]server.Handler{"echo": func(_ context.Context, call *server.Call) error {
				peers <- seen{call.Peer.Executable(), call.Peer.Parents()[0]}
				return nil
			}},
		},
	)
	dir := filepath.Dir(path)
	for _, order := range [][2]string{{"allowed", "evil"}, {"evil", "allowed"}} {
		t.Run(order[0], func(t *testing.T) {
			var shells, clients [2]string
			for i, name := range order {
				shells[i], clients[i] = copyTo(
					t,
					"/bin/sh",
					t.TempDir()+"/"+name,
				), copyTo(
					t,
					self(t),
					t.TempDir()+"/"+name,
				)
			}
			ask := `"$CLIENT" play ask "$DIR"; `
			cmd := exec.CommandContext(t.Context(), shells[0], "-c", ask+`exec "$THEN" -c '`+ask+`:'`)
			cmd.Env = append(os.Environ(), "CLIENT="+self(t), "DIR="+dir, "THEN="+shells[1])
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			for _, want := range shells {
				if got := <-peers; got.parent != want {
					t.Errorf("the parent is %s, and passes for %s", want, got.parent)
				}
			}
			cmd = exec.CommandContext(t.Context(), clients[0], "play", "ask", dir, clients[1])
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			for _, want := range clients {
				if got := <-peers; got.exe != want {
					t.Errorf("the client is %s, and passes for %s", want, got.exe)
				}
			}
		})
	}
}

// hide makes the process one that other processes of the user cannot look into.
func hide() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }

// Where a client works that cannot be looked at is where the nearest of its ancestors
// does that can be. Root can look at all, so it has an ordinary user make the test.
func TestDirOfTheHelper(t *testing.T) {
	if os.Geteuid() == 0 {
		dir := shortDir(t)
		program := copyTo(t, self(t), dir+"/program")
		if err := errors.Join(os.Chmod(dir, 0o755), os.Chmod(program, 0o755)); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), program, "-test.run=^TestDirOfTheHelper$", "-test.v")
		cmd.Dir, cmd.Env = "/", append(os.Environ(), "TMPDIR=/tmp")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: "+
			"TestDirOfTheHelper") {
			t.Errorf("as an ordinary user: %v\n%s", err, out)
		}
		return
	}
	dirs := make(chan string, 1)
	path := start(
		t,
		&server.Server{
			Methods: map[string]server.Handler{"echo": func(_ context.Context, call *server.Call) error {
				dirs <- call.Peer.Dir()
				return nil
			}},
		},
	)
	for _, command := range []string{`"$0" play helper "$1"; :`, `sh -c '"$0" play helper "$1"; :' "$0" ` +
		`"$1"; :`} {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", command, self(t), filepath.Dir(path))
		cmd.Dir = t.TempDir()
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if got := <-dirs; got != cmd.Dir {
			t.Errorf("%s, want %s", got, cmd.Dir)
		}
	}
}

func copyTo(t *testing.T, from, to string) string {
	t.Helper()
	content, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, content, 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
	return to
}
