package selftest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zen-agent/zen/internal/credential"
)

// stateVariable names the file in which the fake zend keeps its login for the fake
// helper.
const stateVariable = "SELFTEST_STATE"

// TestMain lets the test binary play docker-credential-zen (by its name) and the client
// (by its first argument).
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "docker-credential-zen" {
		os.Exit(fakeHelper())
	}
	if len(os.Args) > 1 && os.Args[1] == ChildArgument {
		os.Exit(ChildMain(os.Args[2:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

type entry struct{ ServerURL, Username, Secret string }

// fakeHelper answers get from the state file, as docker-credential-helpers' protocol
// wants it.
func fakeHelper() int {
	asked, _ := io.ReadAll(os.Stdin)
	var e entry
	content, err := os.ReadFile(os.Getenv(stateVariable))
	if err == nil && json.Unmarshal(content, &e) == nil && e.ServerURL == strings.TrimSpace(string(asked)) {
		os.Stdout.Write(content)
		return 0
	}
	fmt.Println("credentials not found in native keychain")
	return 1
}

// fakeZen keeps the connector in memory and the login in a file for the helper.
type fakeZen struct {
	state      string
	connectors map[string]Connector
	onLogin    func(Connector)
	failLogin  error
	keepLogin  bool // a zend whose logout does nothing
	openAtOnce bool // a zend that logs in with the registration
}

func (z *fakeZen) Register(_ context.Context, c Connector) error {
	z.connectors[c.Name] = c
	if z.openAtOnce {
		return z.Login(context.Background(), c.Name)
	}
	return nil
}

func (z *fakeZen) Login(_ context.Context, name string) error {
	c := z.connectors[name]
	if z.failLogin != nil {
		return z.failLogin
	}
	content, err := json.Marshal(entry{c.Registry, c.Username, string(c.Password.Reveal())})
	if err != nil {
		return err
	}
	if z.onLogin != nil {
		z.onLogin(c)
	}
	return os.WriteFile(z.state, content, 0o600)
}

func (z *fakeZen) Logout(context.Context, string) error {
	if z.keepLogin {
		return nil
	}
	return os.Remove(z.state)
}

func (z *fakeZen) Delete(_ context.Context, name string) error {
	delete(z.connectors, name)
	if err := os.Remove(z.state); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// bench is a fake zend with options that fit it. Its state file is outside of the
// searched directory.
func bench(t *testing.T) (*fakeZen, Options) {
	t.Helper()
	dir := t.TempDir()
	z := &fakeZen{state: filepath.Join(dir, "state.json"), connectors: map[string]Connector{}}
	t.Setenv(stateVariable, z.state)
	// the helper and the client are this binary: do not sleep at each exit
	t.Setenv("GORACE", "atexit_sleep_ms=0")
	t.Setenv("TMPDIR", t.TempDir())
	for _, sub := range []string{"bin", "data"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	helper := filepath.Join(dir, "bin", "docker-credential-zen")
	if err := os.Symlink(self, helper); err != nil {
		t.Fatal(err)
	}
	roots := []string{filepath.Join(dir, "data"), filepath.Join(dir, "absent")}
	return z, Options{Zen: z, Helper: helper, Child: []string{self, ChildArgument}, Roots: roots}
}

// left reports what a run left behind in the fake zend and in the temporary directory.
func left(t *testing.T, z *fakeZen) string {
	t.Helper()
	names, err := os.ReadDir(os.Getenv("TMPDIR"))
	if err != nil {
		t.Fatal(err)
	}
	if len(z.connectors) > 0 || len(names) > 0 {
		return fmt.Sprintf("%d connectors, %v", len(z.connectors), names)
	}
	return ""
}

func TestRunProvesEveryStep(t *testing.T) {
	z, opt := bench(t)
	var steps []string
	opt.Progress = func(s Step) { steps = append(steps, s.Name) }
	report, err := Run(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	if len(steps) != 11 || len(report.Steps) != len(steps) {
		t.Errorf("steps: %q, reported %d", steps, len(report.Steps))
	}
	for _, s := range report.Steps {
		if !s.OK {
			t.Errorf("%s: %s", s.Name, s.Detail)
		}
	}
	if report.Files == 0 || report.Bytes == 0 {
		t.Errorf("searched %d files, %d bytes", report.Files, report.Bytes)
	}
	if l := left(t, z); l != "" {
		t.Error("left behind:", l)
	}
}

// Each fault of zend must be found, with the step that found it, and nothing may stay
// behind.
func TestRunFindsFaults(t *testing.T) {
	tests := []struct {
		name   string
		fault  func(*fakeZen, Options)
		step   string
		text   string
		reason credential.Reason
	}{
		{
			name: "helper that everyone can exchange", step: "A push without a login is refused",
			text: "is not safe to execute", reason: credential.InvalidInput,
			fault: func(_ *fakeZen, opt Options) { os.Chmod(filepath.Dir(opt.Helper), 0o777) },
		}, {
			name: "login fails", step: "Log in", text: "vault is locked", reason: credential.Locked,
			fault: func(z *fakeZen, _ Options) {
				z.failLogin = credential.NewError(credential.Locked, "the vault is locked", "")
			},
		}, {
			name: "login does nothing", step: "A push through docker-credential-zen " +
				"works", text: "refused", reason: credential.Internal,
			fault: func(z *fakeZen, _ Options) {
				z.state = filepath.Join(filepath.Dir(z.state),
					"elsewhere")
			},
		}, {
			name: "logout does nothing", step: "A pull after the logout is refused", text: "worked " +
				"although", reason: credential.Internal,
			fault: func(z *fakeZen, _ Options) { z.keepLogin = true },
		}, {
			name: "open without login", step: "The connector alone opens nothing", text: "worked " +
				"although", reason: credential.Internal,
			fault: func(z *fakeZen, _ Options) { z.openAtOnce = true },
		}, {
			name: "password in a file", step: "The password is in no file, command line or " +
				"environment", text: "clear text", reason: credential.Internal,
			fault: func(z *fakeZen, opt Options) {
				z.onLogin = func(c Connector) {
					plant(opt, "zend.log",
						"got "+string(c.Password.Reveal())+" from zen\n")
				}
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			z, opt := bench(t)
			tt.fault(z, opt)
			report, err := Run(t.Context(), opt)
			if err == nil {
				t.Fatal("found nothing")
			}
			last := report.Steps[len(report.Steps)-1]
			if last.OK || last.Name != tt.step || !strings.Contains(err.Error(), tt.text) ||
				credential.ReasonOf(err) != tt.reason {
				t.Errorf("found by %q: %v (%s)", last.Name, err, credential.ReasonOf(err))
			}
			if l := left(t, z); l != "" {
				t.Error("left behind:", l)
			}
		})
	}
}

func plant(opt Options, name, content string) {
	if err := os.WriteFile(filepath.Join(opt.Roots[0], name), []byte(content), 0o600); err != nil {
		panic(err)
	}
}

func TestInterruptCleansUp(t *testing.T) {
	z, opt := bench(t)
	ctx, cancel := context.WithCancel(t.Context())
	z.onLogin = func(Connector) { cancel() }
	_, err := Run(ctx, opt)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error: %v", err)
	}
	if l := left(t, z); l != "" {
		t.Error("left behind:", l)
	}
}

func TestFailedCleanupIsReported(t *testing.T) {
	z, opt := bench(t)
	opt.Zen = undeletable{z}
	_, err := Run(t.Context(), opt)
	e, ok := errors.AsType[*credential.Error](err)
	if !ok || !strings.Contains(e.Message, "disk full") {
		t.Fatalf("error: %v", err)
	}
	if !strings.Contains(err.Error(), "still there") {
		t.Errorf("error does not say that the connector is still there: %v", err)
	}
}

type undeletable struct{ *fakeZen }

func (undeletable) Delete(context.Context, string) error {
	return credential.NewError(credential.CannotWrite, "disk full", "")
}

func TestClientEnvHasOneSourceOfCredentials(t *testing.T) {
	env := clientEnv([]string{
		"HOME=/h", "PATH=/usr/bin", "DOCKER_AUTH_CONFIG={}", "DOCKER_CONFIG=/h/.docker",
		"REGISTRY_AUTH_FILE=/x", "ZEN_PROFILE=work",
	}, "/opt/zen", "/tmp/cfg")
	want := "DOCKER_CONFIG=/tmp/cfg HOME=/h PATH=/opt/zen:/usr/bin"
	if got := strings.Join(env, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
