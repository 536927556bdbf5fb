package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/ui"
)

func TestAttributes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(canary+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	// a type that zen does not know may have any attribute
	for _, tt := range []struct {
		name, line, stdin string
		want              map[string]string
	}{
		{
			"equals sign", "--username=u --password-stdin", "p\n",
			map[string]string{"username": "u", "password": "p"},
		},
		{
			"space", "--username u --password-stdin", "p\r\n",
			map[string]string{"username": "u", "password": "p"},
		},
		{
			"before the name", "--username=u --registry=eu.example --password-stdin", "p",
			map[string]string{"username": "u", "registry": "eu.example", "password": "p"},
		},
		{
			"dashes are underscores", "--aws-region=x --aws_key=y", "",
			map[string]string{"aws_region": "x", "aws_key": "y"},
		},
		{
			"a file", "--username=u --password=@" + file, "",
			map[string]string{"username": "u", "password": canary},
		},
		{
			"an at sign", "--username=@@u --password-stdin", "p",
			map[string]string{"username": "@u", "password": "p"},
		},
		{
			"another from standard input", "--username=u --token-stdin", "t\n\n",
			map[string]string{"username": "u", "token": "t\n"},
		},
		{"an equals sign in the value", "--username=a=b", "", map[string]string{"username": "a=b"}},
		{"the last one counts", "--username=a --username=b", "", map[string]string{"username": "b"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			z := startZend(t, smallWorld())
			args := append(words("service-connector register "+tt.line+" --type newer --resource-type "+
				"docker-registry -ri=docker.io"), "new")
			r := zen(t, z, tt.stdin, terminalOf{}, args...)
			got := z.sent(api.MethodConnectorRegister)
			if r.code != 0 || len(got) != 1 {
				t.Fatalf("exit %d: %s", r.code, r.stderr)
			}
			if diff := cmp.Diff(tt.want, got[0].secrets); diff != "" {
				t.Errorf("zend was sent: -want +got\n%s", diff)
			}
			if want := `{"name":"new","resource_id":"docker.io","resource_type":"docker-registry",` +
				`"type":"newer"}`; got[0].params != want {
				t.Errorf("zend was sent %s", got[0].params)
			}
		})
	}
}

func TestAttributesRefused(t *testing.T) {
	for _, tt := range []struct{ line, says string }{
		{"n --type docker --us.er=" + canary, "Invalid argument: '--us.er'."},
		{"n --type docker --password", "Invalid argument: '--password'."},
		{"n --type docker --password --username=u", "Invalid argument: '--password'."},
		{"n --type docker --password=@/does/not/exist", "cannot read /does/not/exist: no such file or " +
			"directory"},
		{"n --type docker --password-stdin --username-stdin", "one attribute only"},
		{"n --type docker -- --password=" + canary, "Got unexpected extra argument"},
		// what is mistyped, or empty, would send the password to Docker Hub
		{
			"n --type docker --username=u --password-stdin --registy=localhost:5000",
			"No such option: --registy. Did you mean --registry?",
		},
		{"n --type docker --username=u --password-stdin --uri=localhost:5000", "No such option: --uri."},
		{
			"n --type docker --username=u --password-stdin --no-verify --usernam=v",
			"Did you mean --username?",
		},
		{"n --type docker --username=u --password-stdin --registry=", "Option '--registry' needs a value."},
		{"n --type docker --username= --password-stdin", "Option '--username' needs a value."},
	} {
		z := startZend(t, smallWorld())
		r := zen(t, z, "x", terminalOf{}, words("service-connector register "+tt.line)...)
		if r.code == 0 || !strings.Contains(r.stderr, tt.says) ||
			len(z.sent(api.MethodConnectorRegister)) != 0 {
			t.Errorf("register %s: exit %d: %s", tt.line, r.code, r.stderr)
		}
	}
}

// A password in argv works, and the user is told what is wrong with it; a file or a pipe
// is no reason to warn.
func TestWarningAboutSecretsInArgv(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(canary), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		line string
		warn bool
	}{
		{"--username=u --password=" + canary, true},
		{"--username=u --password=@@" + canary, true},
		{"--username=u --password=@" + file, false},
		{"--username=u --password-stdin", false},
	} {
		z := startZend(t, smallWorld())
		r := zen(t, z, canary, terminalOf{}, words("service-connector register n --type docker "+tt.line)...)
		if r.code != 0 || strings.Contains(r.stderr, "shell's history") != tt.warn {
			t.Errorf("register %s: exit %d: %s", tt.line, r.code, r.stderr)
		}
	}
}

func TestOptionsInZenMLsSpelling(t *testing.T) {
	z := startZend(t, smallWorld())
	for _, line := range []string{
		"service-connector list --sort_by desc:name --connector_type docker --logical_operator or " +
			"--resource_id x",
		"service-connector list --sort-by desc:name --connector-type docker --logical-operator or " +
			"--resource-id=x",
	} {
		if r := zen(t, z, "", terminalOf{}, words(line)...); r.code != 0 {
			t.Errorf("zen %s: %s", line, r.stderr)
		}
	}
	const want = `{"filters":{"connector_type":["docker"],"resource_id":["x"]},"logical_operator":"or",` +
		`"page":1,"size":20,"sort_by":"desc:name"}`
	for _, got := range z.sent(api.MethodConnectorList) {
		if got.params != want {
			t.Errorf("zend was sent %s", got.params)
		}
	}
}

func TestFilters(t *testing.T) {
	z := startZend(t, smallWorld())
	line := "service-connector list --name contains:a --name notequals:ab -l env=dev -l team --created " +
		"'gte:2026-01-01 00:00:00' --size 5 --page 2"
	if r := zen(t, z, "", terminalOf{}, words(line)...); r.code != 0 {
		t.Fatal(r.stderr)
	}
	const want = `{"filters":{"created":["gte:2026-01-01 00:00:00"],"name":["contains:a","notequals:ab"]},` +
		`"labels":{"env":"dev","team":null},"logical_operator":"and","page":2,"size":5}`
	if got := z.sent(api.MethodConnectorList)[0].params; got != want {
		t.Errorf("zend was sent %s", got)
	}
}

func TestUpdateSendsWhatWasNamed(t *testing.T) {
	z := startZend(t, smallWorld())
	for line, want := range map[string]string{
		"reg --description=": `{"description":"","ref":"reg"}`,
		"reg --expires-at 2026-12-01T00:00:00 --expires-skew-tolerance 0": "" +
			`{"expires_at":"2026-12-01T00:00:00Z","expires_skew_tolerance":0,"ref":"reg"}`,
		"reg -l a=b -l c= -l d --remove-attr resource-id": `{"labels":{"a":"b","c":null,` +
			`"d":null},"ref":"reg","remove":["resource-id"]}`,
		"reg --name n --no-verify -a password -r docker-registry": `{"auth_method":"password",` +
			`"name":"n","no_verify":true,"ref":"reg","resource_type":"docker-registry"}`,
	} {
		if r := zen(t, z, "", terminalOf{}, words("service-connector update "+line)...); r.code != 0 {
			t.Errorf("update %s: %s", line, r.stderr)
		}
		got := z.sent(api.MethodConnectorUpdate)
		if got[len(got)-1].params != want {
			t.Errorf("update %s: zend was sent %s", line, got[len(got)-1].params)
		}
	}
}

func TestLoginSendsWhatWasNamed(t *testing.T) {
	z := startZend(t, smallWorld())
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	r := zen(t, z, "", terminalOf{}, words("login reg --ttl 8h --dir . --path team/app --profile work "+
		"--no-verify -ri 127.0.0.1:5050 -r docker-registry")...)
	if r.code != 0 {
		t.Fatal(r.stderr)
	}
	want := `{"dir":"` + wd + `","name":"reg","no_verify":true,"path":"team/app","profile":"work",` +
		`"resource_id":"127.0.0.1:5050",` +
		`"resource_type":"docker-registry","ttl_seconds":28800}`
	if got := z.sent(api.MethodLogin)[0].params; got != want {
		t.Errorf("zend was sent %s", got)
	}
}

func TestSecretsOverTheLimitAreRefused(t *testing.T) {
	z := startZend(t, smallWorld())
	big := strings.Repeat("x", ui.MaxInput+1)
	r := zen(t, z, big, terminalOf{}, words("service-connector register n --type docker --username=u "+
		"--password-stdin")...)
	if r.code != 1 || !strings.Contains(r.stderr, "more than 1 MiB") {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
	r = zen(t, z, big[:ui.MaxInput], terminalOf{}, words("service-connector register n --type docker "+
		"--username=u --password-stdin")...)
	if got := z.sent(api.MethodConnectorRegister); r.code != 0 || len(got) != 1 ||
		len(got[0].secrets["password"]) != ui.MaxInput {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
}
