package sessionbus

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func lookup(env map[string]string) func(string) string {
	return func(name string) string { return env[name] }
}

func TestFind(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "zen bus")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	with, file := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	for _, d := range []string{with, file} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	ln, err := net.Listen("unix", filepath.Join(with, "bus"))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if err := os.WriteFile(filepath.Join(file, "bus"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name          string
		env           map[string]string
		want, problem string
	}{
		{"nothing", nil, "", "neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR is set"},
		{
			"named",
			map[string]string{"DBUS_SESSION_BUS_ADDRESS": "unix:abstract=/x,guid=1", "XDG_RUNTIME_DIR": with},
			"unix:abstract=/x,guid=1",
			"",
		},
		{
			"over a network",
			map[string]string{"DBUS_SESSION_BUS_ADDRESS": "unix:path=/x;tcp:host=y", "XDG_RUNTIME_DIR": with},
			"",
			"does not name a Unix socket",
		},
		{
			"systemd's",
			map[string]string{"XDG_RUNTIME_DIR": with},
			"unix:path=" + strings.ReplaceAll(with, " ", "%20") + "/bus",
			"",
		},
		{"no socket", map[string]string{"XDG_RUNTIME_DIR": file}, "", "is not a socket"},
		{"no directory", map[string]string{"XDG_RUNTIME_DIR": "/nonexistent"}, "", "is not a socket"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, problem := Find(lookup(tt.env))
			if got != tt.want || (problem == "") != (tt.problem == "") ||
				!strings.Contains(problem, tt.problem) {
				t.Errorf("%q, %q", got, problem)
			}
		})
	}
}

func TestEnvironHasOnlyWhatIsNeeded(t *testing.T) {
	env := map[string]string{
		"HOME": "/h", "PATH": "/bin", "GITHUB_TOKEN": "t", "LANG": "de_DE", "DISPLAY": "",
		"DBUS_SESSION_BUS_ADDRESS": "tcp:x",
	}
	want := []string{"HOME=/h", "LANG=de_DE", "DBUS_SESSION_BUS_ADDRESS=unix:path=/b"}
	if diff := cmp.Diff(want, Environ(lookup(env), "unix:path=/b")); diff != "" {
		t.Error(diff)
	}
	if got := Environ(lookup(env), ""); len(got) != 2 {
		t.Errorf("without a bus: %q", got)
	}
}

func TestOddRuntimeDirectoryIsEscaped(t *testing.T) {
	if got, want := escape("/run/a b,c;d/ü*"), "/run/a%20b%2cc%3bd/%c3%bc*"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
