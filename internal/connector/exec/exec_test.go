package exec

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker-credential-helpers/credentials"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/connector/connectortest"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/registryauth"
	"github.com/zen-agent/zen/internal/registrytest"
)

// The test binary is a credential helper too, written with docker's own library, when it
// is called by this word.
const asHelper = "be-a-credential-helper"

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == asHelper {
		err := credentials.HandleCommand(goHelper{}, credentials.Action(os.Args[2]), os.Stdin, os.Stdout)
		if err != nil {
			fmt.Fprintln(os.Stdout, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

type goHelper struct{ credentials.Helper }

func (goHelper) Get(url string) (username, secret string, err error) {
	if url == "ghcr.io" {
		return "bob", "from-go \"quoted\"\n\u00fc", nil
	}
	return "", "", credentials.NewErrCredentialsNotFound()
}

// script writes a shell script. No other test may fork while the file is open for
// writing, or executing it fails with ETXTBSY.
func script(t *testing.T, name, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func array(items ...string) string {
	text, err := json.Marshal(items)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// kind is the exec kind in a zend that lies elsewhere than the test binary.
func kind() *Kind {
	k := New(registryauth.New())
	k.self = func() (string, error) { return "", errors.New("not installed") }
	return k
}

func spec(t *testing.T, method string, config map[string]string) connector.Spec {
	t.Helper()
	s, err := kind().Validate(connector.Spec{Type: "exec", AuthMethod: method, Config: config})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mint(t *testing.T, s connector.Spec) (credential.Credential, error) {
	t.Helper()
	return mintWith(t, kind(), s)
}

func mintWith(t *testing.T, k *Kind, s connector.Spec) (credential.Credential, error) {
	t.Helper()
	a, err := address.Parse(s.ResourceID)
	if err != nil {
		t.Fatal(err)
	}
	reg, ok := k.Match(s, a)
	if !ok {
		t.Fatalf("no match for %s", a)
	}
	return k.Mint(t.Context(), s, reg)
}

func TestConformance(t *testing.T) {
	helper := script(t, "docker-credential-test", `read url; echo `+
		`"{\"ServerURL\":\"$url\",\"Username\":\"alice\",\"Secret\":\"pw for $1 $url\"}"`)
	command := script(
		t,
		"command",
		`echo "{\"Version\":1,\"Username\":\"alice\",\"Secret\":\"$1-$ZEN_REGISTRY\",`+
			`\"Expiration\":\"2999-01-02T15:04:05Z\"}"`,
	)
	plugin := script(
		t,
		"plugin",
		`read request; case $request in *'"image":"123.dkr.ecr.eu-west-1.amazonaws.com/team/app:1"'*) ;;
*) exit 1;; esac
echo '{"kind":"CredentialProviderResponse","apiVersion":"credentialprovider.kubelet.k8s.io/v1",
"cacheKeyType":"Registry","cacheDuration":"6h",'
echo '"auth":{"*.dkr.ecr.*.amazonaws.com":{"username":"AWS","password":"ecr-token"}}}'`,
	)
	connectortest.Run(t, kind(),
		connectortest.Sample{
			Name: "helper", AuthMethod: "docker-helper",
			Configuration: map[string]string{
				"command":         helper,
				"registry":        "https://index.docker.io/v1/",
				"timeout_seconds": "20",
			},
			Covers: []string{
				"docker.io",
				"docker.io/library/alpine",
			}, Foreign: []string{"ghcr.io", "https://index.docker.io/v1/access-token"},
			Username: "alice", Password: "pw for get https://index.docker.io/v1/",
		},
		connectortest.Sample{
			Name: "command", AuthMethod: "command",
			Configuration: map[string]string{
				"command":  command,
				"args":     `["word"]`,
				"registry": "http://reg.example:5000",
				"env":      `["AWS_PROFILE=dev"]`,
			},
			Covers: []string{
				"reg.example:5000",
				"reg.example:5000/team",
			}, Foreign: []string{"reg.example"},
			Username: "alice", Password: "word-reg.example:5000",
		},
		connectortest.Sample{
			Name: "plugin", AuthMethod: "kubelet-plugin",
			Configuration: map[string]string{
				"command": plugin, "registry": "123.dkr.ecr.eu-west-1.amazonaws.com",
				"image": "123.dkr.ecr.eu-west-1.amazonaws.com/team/app:1",
			},
			Covers: []string{
				"123.dkr.ecr.eu-west-1.amazonaws.com",
			}, Foreign: []string{"124.dkr.ecr.eu-west-1.amazonaws.com"},
			Username: "AWS", Password: "ecr-token",
		},
	)
}

func TestHelperOfDockersOwnLibrary(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	config := map[string]string{"command": self, "args": array(asHelper), "registry": "ghcr.io"}
	start := time.Now()
	cred, err := mint(t, spec(t, methodHelper, config))
	if err != nil || cred.Username != "bob" || string(cred.Secret.Reveal()) != "from-go \"quoted\"\nü" {
		t.Fatalf("got %+v, %v", cred, err)
	}
	if life := cred.Expires.Sub(start); life < defaultLife || life > defaultLife+time.Minute {
		t.Errorf("lives for %v", life)
	}
	config["registry"] = "quay.io"
	_, err = mint(t, spec(t, methodHelper, config))
	if !credential.NeedsLogin.Is(err) || !strings.Contains(err.Error(), "it has no credentials for the "+
		"registry") {
		t.Errorf("got %v", err)
	}
	if e, ok := errors.AsType[*credential.Error](err); !ok || !strings.Contains(e.Hint, "echo quay.io "+
		"| "+self+" "+asHelper+" get") {
		t.Errorf("hint is %q", e.Hint)
	}
}

func TestValidateRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		name, value, want string
	}{
		"relative path":  {"command", "docker-credential-pass", "must be an absolute path"},
		"no path":        {"command", "", "missing required attribute 'command'"},
		"zen's helper":   {"command", "/usr/bin/docker-credential-zen", "would ask zend again"},
		"for a profile":  {"command", "/usr/bin/docker-credential-zen-work", "would ask zend again"},
		"zen":            {"command", "/usr/bin/zen", "would ask zend again"},
		"no registry":    {"registry", "", "missing required attribute 'registry'"},
		"bad registry":   {"registry", "bad host!", "space"},
		"shell words":    {"args", "--region eu", "must be of type array"},
		"NUL":            {"args", `["a\u0000b"]`, "NUL"},
		"bad variable":   {"env", `["A-B=1"]`, "'A-B' is not a valid name of an environment variable"},
		"no variable":    {"env", `["=1"]`, "'' is not a valid name of an environment variable"},
		"slow":           {"timeout_seconds", "301", "must be from 1 to 300"},
		"never":          {"timeout_seconds", "0", "must be from 1 to 300"},
		"for ever":       {"timeout_seconds", "99999999999999999", "must be from 1 to 300"},
		"no number":      {"timeout_seconds", "1m", "must be of type integer"},
		"foreign image":  {"image", "ghcr.io.evil.example/a", "the image is not one of ghcr.io"},
		"image and port": {"image", "ghcr.io:5000/a:1", "the image is not one of ghcr.io"},
		"no image":       {"image", "ghcr.io/A", "path"},
	} {
		config := map[string]string{"command": "/bin/sh", "registry": "ghcr.io"}
		config[tt.name] = tt.value
		_, err := kind().Validate(connector.Spec{Type: "exec", AuthMethod: methodKubelet, Config: config})
		if !credential.InvalidInput.Is(err) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
	for _, image := range []string{
		"ghcr.io/a/b", "ghcr.io/a/b:tag", "ghcr.io/a/b@sha256:00",
		"GHCR.io/a:1@sha256:00",
	} {
		spec(t, methodKubelet, map[string]string{"command": "/bin/sh", "registry": "ghcr.io", "image": image})
	}
}

// What a program does wrong, and what a person reads; never what it printed.
func TestBadPrograms(t *testing.T) {
	for name, tt := range map[string]struct {
		body   string
		reason credential.Reason
		want   string
	}{
		"hangs": {"sleep 1000", credential.Timeout, "did not end within 1s"},
		"ignores signals": {
			"trap '' TERM INT HUP; while :; do sleep 1; done", credential.Timeout,
			"did not end within 1s",
		},
		"floods":            {"exec cat /dev/zero", credential.TooLarge, "printed more than 1048576 bytes"},
		"floods its stderr": {"cat /dev/zero >&2", credential.Timeout, "did not end within 1s"},
		"prints a secret on stderr": {
			"echo hunter2-canary >&2; exit 3", credential.Unreachable, "failed (exit status 3)",
		},
		"prints a secret before it fails": {
			`echo '{"Username":"u","Secret":"hunter2-canary"}'; exit 3`, credential.Unreachable, "failed " +
				"(exit status 3)",
		},
		"prints garbage": {"echo hunter2-canary", credential.InvalidInput, "gave no credential: " +
			"not valid JSON at byte 0"},
		"prints too much JSON": {
			`echo '{"Secret":"hunter2-canary"} hunter2-canary'`, credential.InvalidInput,
			"not valid JSON at byte 28",
		},
		"prints nothing": {"", credential.InvalidInput, "gave no credential: it printed nothing"},
		"prints a list": {`echo '["hunter2-canary"]'`, credential.InvalidInput, "a JSON object " +
			"was expected"},
		"leaves out the user": {`echo '{"Secret":"hunter2-canary"}'`, credential.InvalidInput, "no user " +
			"name"},
		"leaves out the secret": {
			`echo '{"Username":"u"}'`, credential.InvalidInput, "no secret",
		},
		"dies": {"kill -9 $$", credential.Unreachable, "failed (signal: killed)"},
		"needs a login": {
			"echo 'session of hunter2-canary Expired' >&2; exit 255", credential.NeedsLogin,
			"failed (exit status 255): it seems to need a new login",
		},
		"has no network": {
			"echo 'dial tcp: lookup x: no such host' >&2; exit 1", credential.Unreachable,
			"it seems to have no connection",
		},
		"may not": {"echo AccessDenied; exit 1", credential.Denied, "it seems to lack a " +
			"permission"},
		"asks too often": {"echo ThrottlingException; exit 1", credential.RateLimited, "it seems to " +
			"have asked too often"},
		"calls zen back": {`test "$ZEN_EXEC" = 1 && exit 77; echo ` +
			`'{"Username":"u","Secret":"s"}'`, credential.Unreachable, "exit status 77"},
		"does not read": {"exec <&-; exit 4", credential.Unreachable, "exit status 4"},
		"speaks in escapes": {`printf ` +
			`'{"Username":"u\\u001b[2J","Secret":"hunter2-canary"}'`, credential.InvalidInput, "control " +
			"character"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := script(t, "program", tt.body)
			start := time.Now()
			cred, err := mint(
				t,
				spec(
					t,
					methodHelper,
					map[string]string{"command": path, "registry": "ghcr.io", "timeout_seconds": "1"},
				),
			)
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
			e, ok := errors.AsType[*credential.Error](err)
			if !ok || e.Reason != tt.reason || !strings.Contains(e.Message, path+" ") ||
				!strings.Contains(e.Message, tt.want) {
				t.Fatalf("got %v, %v; want %s: %s", cred, err, tt.reason, tt.want)
			}
			if strings.Contains(e.Message+e.Hint+fmt.Sprint(e.Cause), "hunter2") {
				t.Errorf("what it printed is repeated: %v (%s) %v", e, e.Hint, e.Cause)
			}
		})
	}
}

// What a program leaves behind is gone when the credential is there, and does not keep
// anybody waiting.
func TestProcessGroupIsKilled(t *testing.T) {
	for name, end := range map[string]string{
		"after success": `echo '{"Username":"u","Secret":"s"}'`,
		"after failure": "exit 1",
		"after a while": "sleep 1000",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fifo := filepath.Join(t.TempDir(), "alive")
			if err := syscall.Mkfifo(fifo, 0o600); err != nil {
				t.Fatal(err)
			}
			alive, err := os.OpenFile(fifo, os.O_RDONLY|syscall.O_NONBLOCK, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer alive.Close()
			// The children hold the pipe for writing, and standard output too.
			path := script(t, "program", "exec 3>"+fifo+"\necho started >&3\nsleep 1000 &\n(trap '' "+
				"TERM; sleep 1000) &\n"+end)
			start := time.Now()
			_, err = mint(
				t,
				spec(
					t,
					methodHelper,
					map[string]string{"command": path, "registry": "ghcr.io", "timeout_seconds": "1"},
				),
			)
			if (err == nil) != (name == "after success") {
				t.Error(err)
			}
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
			alive.SetReadDeadline(time.Now().Add(10 * time.Second))
			buf := make([]byte, 64)
			n, err := alive.Read(buf)
			if string(buf[:n]) != "started\n" {
				t.Fatalf("got %q, %v", buf[:n], err)
			}
			if n, err = alive.Read(buf); n != 0 || err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("a process is still there: %d, %v", n, err)
			}
		})
	}
}

// A script between zend and its helper cannot make them wait for each other.
func TestHelperRefusesToBeCalledBack(t *testing.T) {
	helper := filepath.Join(t.TempDir(), "docker-credential-zen")
	if out, err := osexec.Command("go", "build", "-o", helper,
		"../../../cmd/docker-credential-zen").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	wrapper := script(t, "wrapper", "exec "+helper+` "$@"`)
	k := kind()
	k.environ = func() []string { return []string{"HOME=" + t.TempDir(), "ZEN_SOCKET=/nowhere"} }
	_, err := mintWith(
		t,
		k,
		spec(t, methodHelper, map[string]string{"command": wrapper, "registry": "ghcr.io"}),
	)
	if !credential.InvalidInput.Is(err) || !strings.Contains(err.Error(), "it asked zen in turn") {
		t.Errorf("got %v", err)
	}
}

func TestCommandWithoutExpiry(t *testing.T) {
	path := script(t, "command", `echo '{"Version":1,"Username":"u","Secret":"s","Expiration":null}'`)
	s := spec(t, methodCommand, map[string]string{"command": path, "registry": "ghcr.io"})
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	k := kind()
	k.now = func() time.Time { return now }
	for seconds, want := range map[int]time.Duration{0: defaultLife, 3600: time.Hour} {
		s.ExpirationSeconds = seconds
		cred, err := mintWith(t, k, s)
		if err != nil || !cred.Expires.Equal(now.Add(want)) {
			t.Errorf("%d s: expires %v, %v", seconds, cred.Expires, err)
		}
	}
}

func TestExpiryIsTheProgramsButNotLongerThanWanted(t *testing.T) {
	path := script(
		t,
		"command",
		`echo '{"Version":1,"Username":"u","Secret":"s","Expiration":"2026-11-23T13:00:00Z"}'`,
	)
	s := spec(t, methodCommand, map[string]string{"command": path, "registry": "ghcr.io"})
	k := kind()
	for _, tt := range []struct {
		now     string
		seconds int
		want    string // "" for an error
	}{
		{"12:00", 0, "13:00"},
		{"12:00", 1800, "12:30"},
		{"12:45", 1800, "13:00"},
		{"13:00", 0, ""},
		{"14:00", 1800, ""},
	} {
		at := func(clock string) time.Time {
			parsed, err := time.Parse("2006-01-02 15:04", "2026-11-23 "+clock)
			if err != nil {
				t.Fatal(err)
			}
			return parsed
		}
		k.now = func() time.Time { return at(tt.now) }
		s.ExpirationSeconds = tt.seconds
		cred, err := mintWith(t, k, s)
		switch {
		case tt.want == "" && !(credential.NeedsLogin.Is(err) && strings.Contains(err.Error(), "expired "+
			"at 2026-11-23T13:00:00Z")):
			t.Errorf("at %s: got %v, %v", tt.now, cred, err)
		case tt.want != "" && (err != nil || !cred.Expires.Equal(at(tt.want))):
			t.Errorf("at %s with %d s: expires %v, %v", tt.now, tt.seconds, cred.Expires, err)
		}
	}
}

func TestEnvironmentIsClean(t *testing.T) {
	path := script(t, "command", `env=$(env | cut -d= -f1 | sort | tr '\n' ' ')
printf '{"Version":1,"Username":"%s","Secret":"%s"}' "$env" "$GIVEN $PASSED $ZEN_REGISTRY $(pwd)"`)
	k := kind()
	k.environ = func() []string {
		return []string{
			"PATH=" + os.Getenv("PATH"),
			"HOME=/nowhere",
			"PASSED=passed",
			"SECRET=hunter2",
			"LD_PRELOAD=",
			"ZEN_SOCKET=/x",
			"ZEN_EXEC=",
		}
	}
	cred, err := mintWith(t, k, spec(t, methodCommand, map[string]string{
		"command": path, "registry": "ghcr.io",
		"env": array("GIVEN=a b$HOME", "PASSED", "ABSENT", "ZEN_EXEC=0"),
	}))
	if err != nil {
		t.Fatal(err)
	}
	names := strings.Fields(cred.Username)
	for _, shells := range []string{"PWD", "OLDPWD", "SHLVL", "_"} { // set by the shell itself
		for i, n := range names {
			if n == shells {
				names = append(names[:i], names[i+1:]...)
				break
			}
		}
	}
	if got := strings.Join(names, " "); got != "GIVEN HOME PASSED PATH ZEN_EXEC ZEN_REGISTRY" {
		t.Errorf("the program saw %s", got)
	}
	if got := string(cred.Secret.Reveal()); got != "a b$HOME passed ghcr.io /" {
		t.Errorf("the program saw %q", got)
	}
}

func TestProgramsThatAreNotRun(t *testing.T) {
	good := script(t, "good", "echo '{}'")
	link := func(to string) string {
		path := filepath.Join(t.TempDir(), "link")
		if err := os.Symlink(to, path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	changed := func(f func(path string) error) string {
		path := script(t, "program", "echo '{}'")
		if err := f(path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	helper := script(t, "docker-credential-zen", "echo '{}'")
	open := filepath.Join(t.TempDir(), "open")
	below := filepath.Join(open, "in", "program")
	if err := errors.Join(
		os.MkdirAll(filepath.Dir(below), 0o700), os.Chmod(open, 0o777),
		os.Rename(script(t, "program", "echo '{}'"), below),
	); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ path, want string }{
		"absent":          {filepath.Join(t.TempDir(), "none"), "there is no program"},
		"link to nothing": {link("/nowhere/at/all"), "there is no program"},
		"directory":       {t.TempDir(), " is not a file"},
		"device":          {"/dev/null", " is not a file"},
		"not executable": {
			changed(func(p string) error { return os.Chmod(p, 0o600) }),
			" is not executable",
		},
		"writable": {
			changed(func(p string) error { return os.Chmod(p, 0o702) }),
			"it can be changed by everyone",
		},
		"below a directory for all": {below, "can be changed by everyone"},
		"in a directory for all": {changed(func(p string) error {
			return os.Chmod(filepath.Dir(p),
				0o777)
		}), "can be changed by everyone"},
		"link to zen's helper":       {link(helper), "would ask zend again"},
		"link to a link":             {link(link(helper)), "would ask zend again"},
		"zen's helper, another name": {changed(os.Remove), "would ask zend again"},
		"no program": {changed(func(p string) error {
			return os.WriteFile(p, []byte("hello"),
				0o700)
		}), "is not a program"},
		"no interpreter": {changed(func(p string) error {
			return os.WriteFile(p,
				[]byte("#!/no/such/shell\n"), 0o700)
		}), "cannot be run"},
	} {
		k := kind()
		k.self = func() (string, error) { return filepath.Join(filepath.Dir(helper), "zend"), nil }
		if name == "zen's helper, another name" {
			if err := os.Link(helper, tt.path); err != nil {
				t.Fatal(err)
			}
		}
		_, err := mintWith(
			t,
			k,
			spec(t, methodHelper, map[string]string{"command": tt.path, "registry": "ghcr.io"}),
		)
		if !credential.InvalidInput.Is(err) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
	if path, err := kind().fit(link(good)); err != nil || filepath.Base(path) != "good" {
		t.Errorf("a link to a good program: %s, %v", path, err)
	}
	if os.Geteuid() == 0 {
		foreign := changed(func(p string) error { return os.Chown(p, 12345, 12345) })
		if _, err := kind().fit(foreign); err == nil || !strings.Contains(err.Error(), "it belongs to "+
			"user 12345") {
			t.Errorf("somebody else's program: %v", err)
		}
	}
}

func TestVerifyShowsTheRegistryWhatWasMade(t *testing.T) {
	reg := registrytest.StartBearer("alice", "right-one")
	defer reg.Close()
	for password, want := range map[string]string{"right-one": "valid", "stale-one": "rejected"} {
		path := script(t, "command", `echo '{"Version":1,"Username":"alice","Secret":"`+password+`"}'`)
		s := spec(t, methodCommand, map[string]string{"command": path, "registry": reg.Host})
		report, err := kind().Verify(t.Context(), s, connector.Registry{Address: address.Address{}},
			connector.VerifyOptions{})
		if err != nil || report.Verification != want || strings.Contains(report.Detail, password) {
			t.Errorf("%s: %+v, %v", password, report, err)
		}
	}
	failing := spec(
		t,
		methodCommand,
		map[string]string{"command": script(t, "command", "exit 1"), "registry": reg.Host},
	)
	if _, err := kind().Verify(t.Context(), failing, connector.Registry{},
		connector.VerifyOptions{}); !credential.Unreachable.Is(
		err,
	) {
		t.Errorf("got %v", err)
	}
}
