package server_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/zen-agent/zen/internal/ipc/server"
)

// A process that executes another program in place is that program from then on, whatever it asked for before: as the parent of
// a client, and as a client that keeps its connection.
func TestProgramsAcrossExec(t *testing.T) {
	type seen struct{ exe, parent string }
	peers := make(chan seen, 4)
	path := start(t, &server.Server{Methods: map[string]server.Handler{"echo": func(_ context.Context, call *server.Call) error {
		peers <- seen{call.Peer.Executable(), call.Peer.Parents()[0]}
		return nil
	}}})
	dir := filepath.Dir(path)
	for _, order := range [][2]string{{"allowed", "evil"}, {"evil", "allowed"}} {
		t.Run(order[0], func(t *testing.T) {
			var shells, clients [2]string
			for i, name := range order {
				shells[i], clients[i] = copyTo(t, "/bin/sh", t.TempDir()+"/"+name), copyTo(t, self(t), t.TempDir()+"/"+name)
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
