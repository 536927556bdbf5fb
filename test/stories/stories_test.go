package stories

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/zen-agent/zen/internal/keystore/kernelkeyring"
	"github.com/zen-agent/zen/internal/keystore/keystoretest"
	"github.com/zen-agent/zen/internal/registrytest"
	"github.com/zen-agent/zen/internal/zenml/zenmltest"
)

var update = flag.Bool("update", false, "write what the programs print into the scripts' cmp files")

// TestScripts builds the three programs once and runs every story in a home directory of
// its own.
func TestScripts(t *testing.T) {
	bin := build(t)
	testscript.Run(t, testscript.Params{
		Dir:           "testdata",
		UpdateScripts: *update,
		Setup:         func(e *testscript.Env) error { return setup(t, e, bin) },
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"crane":      crane,
			"dockersave": dockerSave,
			"eventually": eventually,
			"nosecret":   noSecret,
			"password":   setPassword,
			"killzend":   killZend,
			"zenml":      zenmlServer,
		},
	})
}

// build compiles the programs into one directory, as make install does, with the race
// detector off: they are run hundreds of times, and their packages' own tests have it on.
func build(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("go", "build", "-o", dir, "../../cmd/...")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building the programs: %v\n%s", err, out)
	}
	return dir
}

// story is what the script commands need of their script.
type story struct {
	password string
	basic    *registrytest.Registry
	bearer   *registrytest.Registry
	zenml    *zenmltest.Server // has connectors for the registries
}

type storyKey struct{}

// setup gives the script a home, a runtime directory short enough for a socket,
// registries, and a password that is nowhere but in its memory and in the file
// $WORK/password (removed before the search for leaks).
func setup(t *testing.T, e *testscript.Env, bin string) error {
	run, err := os.MkdirTemp("/tmp", "zen")
	if err != nil {
		return err
	}
	s := &story{password: randomPassword()}
	s.basic = registrytest.StartBasic("alice", s.password)
	s.bearer = registrytest.StartBearer("alice", s.password)
	s.zenml = s.startZenML()
	e.Values[storyKey{}] = s
	home := filepath.Join(e.WorkDir, "home")
	for _, dir := range []string{home, filepath.Join(home, ".docker")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(e.WorkDir, "password"), []byte(s.password), 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(e.WorkDir, "apikey"), []byte(s.zenml.APIKey+"\n"),
		0o600); err != nil {
		return err
	}
	e.Vars = append(
		e.Vars,
		"HOME="+home,
		"XDG_RUNTIME_DIR="+run,
		"XDG_DATA_HOME=",
		"XDG_CONFIG_HOME=",
		"XDG_STATE_HOME=",
		"XDG_CACHE_HOME=",
		"DBUS_SESSION_BUS_ADDRESS=",
		"DOCKER_CONFIG="+filepath.Join(home, ".docker"),
		"DOCKER_AUTH_CONFIG=",
		"NO_COLOR=1",
		"PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"),
		"BASIC="+s.basic.Host,
		"BEARER="+s.bearer.Host,
		"RUN="+run,
		"BIN="+bin,
		"ZENML="+s.zenml.URL,
	)
	e.Defer(func() {
		stopZend(e.Getenv)
		if err := keystoretest.Forget(filepath.Join(home, ".local/share/zen/vault.json"),
			kernelkeyring.Slot{}); err != nil {
			t.Error(err)
		}
		s.basic.Close()
		s.bearer.Close()
		s.zenml.Close()
		os.RemoveAll(run)
	})
	return nil
}

func randomPassword() string {
	b := make([]byte, 15)
	rand.Read(b)
	return "canary-" + base64.RawURLEncoding.EncodeToString(b)
}

// stopZend ends the script's zend, however the script ended.
func stopZend(getenv func(string) string) {
	cmd := exec.Command(filepath.Join(getenv("BIN"), "zen"), "daemon", "stop")
	for _, k := range []string{"HOME", "XDG_RUNTIME_DIR", "PATH"} {
		cmd.Env = append(cmd.Env, k+"="+getenv(k))
	}
	_ = cmd.Run() // there may be none
}

func storyOf(ts *testscript.TestScript) *story { return ts.Value(storyKey{}).(*story) }

// setPassword: password FILE writes the registry's password to a file; password -change
// sets a new one at the registries.
func setPassword(ts *testscript.TestScript, neg bool, args []string) {
	s := storyOf(ts)
	if len(args) == 1 && args[0] == "-change" {
		s.password = randomPassword()
		s.basic.SetPassword("alice", s.password)
		s.bearer.SetPassword("alice", s.password)
		ts.Check(os.WriteFile(ts.MkAbs("password"), []byte(s.password), 0o600))
		return
	}
	ts.Fatalf("usage: password -change")
}

// killZend sends zend SIGKILL.
func killZend(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(ts.Exec("sh", "-c", `kill -9 $(zen status -o json | sed -n 's/.*"pid": \([0-9]*\).*/\1/p')`))
}

// noSecret fails when the password, in plain text or in base64, alone or as
// user:password, is in any file below the script's directories except the one the test
// wrote itself.
func noSecret(ts *testscript.TestScript, neg bool, args []string) {
	s := storyOf(ts)
	needles := []string{s.password, s.zenml.APIKey}
	for _, text := range []string{s.password, "alice:" + s.password} {
		needles = append(needles, strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(text)), "="))
	}
	searched := 0
	for _, root := range []string{ts.Getenv("WORK"), ts.Getenv("RUN")} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() || path == ts.MkAbs("password") ||
				path == ts.MkAbs("apikey") {
				return nil
			}
			searched++
			return search(path, needles)
		})
		ts.Check(err)
	}
	if searched == 0 {
		ts.Fatalf("searched no file at all")
	}
}

var errLeak = errors.New("holds the password")

func search(path string, needles []string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil // gone meanwhile
	}
	for _, n := range needles {
		if bytes.Contains(content, []byte(n)) {
			return fmt.Errorf("%s: %w", path, errLeak)
		}
	}
	return nil
}
