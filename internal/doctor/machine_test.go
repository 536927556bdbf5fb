package doctor_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/doctor"
	"github.com/zen-agent/zen/internal/paths"
)

// canary is a password that no result may hold.
const canary = "hunter2-canary"

// machine is a made-up computer in a directory: a home, a bin directory with zen's helper
// on PATH, and an empty system.
type machine struct {
	t     *testing.T
	dir   string
	env   map[string]string
	facts doctor.Facts
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{t: t, dir: t.TempDir()}
	home := m.at("home")
	m.env = map[string]string{
		"HOME":             home,
		"PATH":             m.at("bin"),
		"XDG_RUNTIME_DIR":  m.at("run"),
		"HELM_CONFIG_HOME": m.at("home/.config/helm"),
	}
	for _, dir := range []string{"home", "bin", "run", "zen"} {
		if err := os.Mkdir(m.at(dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	m.facts = doctor.Facts{
		Env: clientconfig.Env{
			Getenv: func(name string) string { return m.env[name] }, State: m.at("zen/state"),
			Program: m.at("bin/zen"), Root: m.at("root"),
		},
		Dirs: paths.Dirs{
			Data:    m.at("zen/data"),
			Config:  m.at("zen/config"),
			State:   m.at("zen/state"),
			Runtime: m.at("run/zen"),
		},
		OS:      "linux",
		UID:     os.Getuid(),
		Version: "1.2.3",
		Zend:    doctor.Zend{Program: "/opt/zend", Status: running()},
		System: doctor.System{
			Owner:    doctor.ThisSystem().Owner,
			Writable: func(string) bool { return true },
			Free:     func(string) (uint64, bool) { return 1 << 30, true },
			UserName: func(uid int) string { return map[int]string{0: "root", os.Getuid(): "alice"}[uid] },
			HelperVersion: func(context.Context, string) (string, error) {
				return "1.2.3", nil
			},
		},
	}
	m.program("docker-credential-zen", "zen")
	return m
}

// running is a zend that runs, with nothing to complain about.
func running() *api.Status {
	return &api.Status{
		Version: "1.2.3", PID: 42, Vault: api.VaultStatus{
			State: "unlocked", Slots: []api.VaultSlot{{Kind: "os-keyring", Detail: "the login keyring"}},
		},
		Logins: []api.Login{{Address: "ghcr.io", ServerURL: "ghcr.io", ConnectorName: "gh"}},
	}
}

func (m *machine) at(path string) string { return filepath.Join(m.dir, filepath.FromSlash(path)) }

// program puts executables on PATH.
func (m *machine) program(names ...string) {
	for _, name := range names {
		m.write("bin/"+name, "#!/bin/sh\n")
		m.chmod("bin/"+name, 0o755)
	}
}

func (m *machine) write(path, text string) {
	m.t.Helper()
	if err := os.MkdirAll(filepath.Dir(m.at(path)), 0o700); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(m.at(path), []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) docker(text string) { m.write("home/.docker/config.json", text) }

func (m *machine) chmod(path string, mode os.FileMode) {
	m.t.Helper()
	if err := os.Chmod(m.at(path), mode); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) mkdir(path string) {
	m.t.Helper()
	if err := os.MkdirAll(m.at(path), 0o700); err != nil {
		m.t.Fatal(err)
	}
}

// results are what the checks say, one line each, with the machine's directory taken out.
func (m *machine) results(checks ...string) []string {
	m.t.Helper()
	var lines []string
	for _, r := range doctor.Run(m.t.Context(), m.facts, checks...) {
		line := string(r.Status) + ": " + r.Message
		if r.Hint != "" {
			line += " => " + r.Hint
		}
		lines = append(lines, strings.ReplaceAll(line, m.dir, "DIR"))
	}
	if all := strings.Join(lines, "\n"); strings.Contains(all, canary) {
		m.t.Errorf("the password is told:\n%s", all)
	}
	return lines
}

// file and mode of everything below the machine's directory.
func (m *machine) snapshot() string {
	var b strings.Builder
	err := filepath.WalkDir(m.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		b.WriteString(path + " " + info.Mode().String() + " " + info.ModTime().String())
		if d.Type().IsRegular() {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			b.Write(text)
		}
		b.WriteByte('\n')
		return nil
	})
	if err != nil {
		m.t.Fatal(err)
	}
	return b.String()
}
