package cli

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
)

var update = flag.Bool("update", false, "write what the commands print into testdata/golden")

// golden is a file of commands with what they print, in the form of a recorded session.
type golden struct {
	name  string
	width int
	setup func(*world)
	cases []goldenCase
}

type goldenCase struct {
	line  string // words after zen, with shell-like single quotes
	stdin string
}

func lines(all ...string) []goldenCase {
	var cases []goldenCase
	for _, line := range all {
		cases = append(cases, goldenCase{line: line})
	}
	return cases
}

func goldens() []golden {
	const unreachable = "dial tcp 127.0.0.1:1: connect: connection refused"
	return []golden{
		{name: "register", cases: []goldenCase{
			{line: "service-connector register dockerhub2 --type docker --username=username " +
				"--password-stdin", stdin: canary + "\n"},
			{line: "connector register r2 --type docker --username=u --password-stdin " +
				"--registry=127.0.0.1:5050 -o json", stdin: canary},
			{line: "service-connector register x11 --type docker --username=u --password-stdin " +
				"--no-verify", stdin: canary},
			{line: "service-connector register x12 --type docker --username=u --password=" + canary},
			{line: "service-connector register --type docker --username=u"},
			{line: "service-connector register x7 --username=u"},
			{line: "service-connector register x9 --type docker --expires-at yesterday"},
			{line: "service-connector register x9 --type docker --label env"},
			{line: "service-connector register x9 --type docker --nosuch"},
			{line: "service-connector register x9 extra --type docker"},
		}},
		{
			name:  "register-unreachable",
			setup: func(w *world) { w.resources = resourceWith(api.VerificationUnreachable, unreachable) },
			cases: []goldenCase{
				{line: "service-connector register down --type docker --username=u " +
					"--password-stdin", stdin: canary},
				{line: "service-connector verify dockerhub"},
				{line: "service-connector list-resources --verify"},
				{line: "service-connector update reg --description new"},
			},
		},
		{
			name: "register-rejected",
			setup: func(w *world) {
				w.fail[api.MethodConnectorRegister] = rejected()
				w.
					fail[api.MethodLogin] = rejected()
			},
			cases: []goldenCase{
				{line: "service-connector register bad --type docker --username=u " +
					"--password-stdin", stdin: canary},
				{line: "service-connector login dockerhub"},
				{line: "login"},
			},
		},
		{
			name: "register-anonymous",
			setup: func(w *world) {
				w.resources = resourceWith(api.VerificationAnonymous, "the registry lets everybody in")
			},
			cases: lines("service-connector verify dockerhub", "service-connector login dockerhub"),
		},
		{name: "list", cases: lines(
			"service-connector list",
			"service-connector list -o json", "service-connector list -o yaml", "service-connector list "+
				"-o csv", "service-connector list -o tsv",
			"service-connector list --columns id,name", "service-connector list --columns "+
				"name,labels,configuration,expires_at -o json",
			"service-connector list --columns name,labels -o csv", "service-connector list -c nosuch",
			"service-connector list --name equals:zzz", "service-connector list --name equals:zzz -o json",
			"service-connector list --name equals:zzz -o csv", "service-connector list --page "+
				"0", "service-connector list --logical_operator xor",
			"service-connector list -o xml", "service-connector list extra",
		)},
		{name: "list-60", width: 60, cases: lines("service-connector list", "service-connector list "+
			"--columns name,resource_name,labels")},
		{name: "list-200", width: 200, cases: lines("service-connector list --columns all")},
		{name: "describe", cases: lines(
			"service-connector describe reg", "service-connector describe dockerhub", "service-connector "+
				"describe reg -o json",
			"service-connector describe reg -o yaml", "service-connector describe reg -o "+
				"csv", "service-connector describe reg -o tsv",
			"service-connector describe dockerhub --show-secrets", "service-connector describe "+
				"old", "service-connector describe nope",
			"service-connector describe reg --client", "service-connector describe", "service-connector "+
				"describe reg -ri docker.io -o json",
		)},
		{
			name:  "describe-60",
			width: 60,
			cases: lines("service-connector describe reg", "service-connector describe-type docker"),
		},
		{name: "update", cases: []goldenCase{
			{line: "service-connector update reg --name reg2 --description d --label k=v --label old"},
			{line: "service-connector update reg --password-stdin", stdin: canary},
			{line: "service-connector update reg --no-verify --remove-attr registry"},
			{line: "service-connector update nope --name x"},
			{line: "service-connector update reg --label k=v=w"},
			{line: "service-connector update reg --expires-at 2026-13-01"},
		}},
		{name: "delete", cases: lines("service-connector delete reg", "service-connector delete "+
			"nope", "service-connector delete")},
		{name: "verify", cases: lines("service-connector verify reg", "service-connector verify reg -o "+
			"yaml", "service-connector verify reg -v",
			"service-connector verify nope")},
		{
			name: "list-resources",
			setup: func(w *world) {
				w.connectors = w.connectors[:1]
				w.connectors[0].ID = "cf55339f-dbc8-4ee6-862e-c25aff411292"
			},
			cases: lines(
				"service-connector list-resources --connector-type docker --resource-id "+
					"docker.io", "service-connector list-resources",
				"service-connector list-resources -c docker", "service-connector list-resources -r "+
					"docker-registry",
				"service-connector list-resources -r docker-registry -ri docker.io", "service-connector "+
					"list-resources -ri other.io",
				"service-connector list-resources -o json", "service-connector list-resources -o csv"),
		},
		{name: "types", cases: lines(
			"service-connector list-types",
			"service-connector list-types --type docker",
			"service-connector list-types --type nosuch",
			"service-connector list-types -o json",
			"service-connector list-types -o csv",
			"service-connector list-types -d",
			"service-connector describe-type docker",
			"service-connector describe-type docker "+
				"--auth-method password",
			"service-connector describe-type docker --resource-type docker-registry",
			"service-connector "+
				"describe-type nosuch",
			"service-connector describe-type docker -a token",
			"service-connector describe-type docker "+
				"-r bucket",
			"service-connector describe-type docker -o yaml",
		)},
		{name: "login", cases: lines(
			"service-connector login dockerhub", "login dockerhub --ttl 90m", "login dockerhub "+
				"--identity-token", "login nope", "login dockerhub --ttl 1ms", "login dockerhub --ttl "+
				"7d", "login dockerhub --ttl soon", "login a b",
			"login dockerhub --registry x", "logout dockerhub", "logout ghcr.io/team", "logout "+
				"--all", "logout", "logout x --all",
			"logout nope", "service-connector logout dockerhub",
		)},
		{
			name:  "status",
			cases: lines("status", "status -o json", "status -o yaml", "vault status", "vault status -o csv"),
		},
		{
			name: "status-limits",
			setup: func(w *world) {
				soon := noon().Add(14 * time.Minute)
				w.autoLock = &soon
				w.limits = []api.PullLimit{
					{
						Address: "docker.io", AnsweredBy: "service connector 'dockerhub'", Username: "me",
						Limited: true, Limit: 200, Remaining: 0,
						WindowSeconds: 21600, Source: "4b1d0c",
					},
					{Address: "docker.io/team", AnsweredBy: "docker login", Username: "team\x1b[2J"},
					{Address: "docker.io/x", AnsweredBy: "docker login", Error: "docker.io cannot be " +
						"reached: timeout", Hint: "check your network"},
				}
			},
			cases: lines("status --limits", "status --limits -o json", "status --limits --watch"),
		},
		{
			name: "status-trouble",
			setup: func(w *world) {
				w.vault = api.VaultStatus{File: "/v", State: "key lost", Problem: "the key is " +
					"gone", Hint: "zen vault restore"}
				w.logins = nil
			},
			cases: lines("status", "vault status"),
		},
		{name: "vault", cases: []goldenCase{
			{line: "lock"},
			{line: "unlock"},
			{line: "vault rotate"},
			{line: "vault restore"},
			{line: "vault restore --yes"},
			{line: "vault passphrase --passphrase-stdin", stdin: canary + "\n"},
			{line: "vault passphrase --passphrase-stdin"},
			{line: "vault passphrase"},
			{line: "unlock --passphrase-stdin", stdin: canary},
			{line: "unlock --passphrase-stdin", stdin: "wrong"},
			{line: "vault passphrase --remove"},
			{line: "vault passphrase --remove --passphrase-stdin"},
		}},
		{
			name: "unlock-needs-passphrase",
			setup: func(w *world) {
				w.passphrase = canary
				w.vault.Slots = append(w.vault.Slots, api.VaultSlot{Kind: "passphrase"})
			},
			cases: []goldenCase{
				{line: "unlock"},
				{line: "unlock --passphrase-stdin", stdin: canary},
				{line: "unlock --passphrase-stdin"},
			},
		},
		{name: "why", cases: lines("why ghcr.io/team/app", "why ghcr.io/team/app -o json", "why")},
		{
			name: "why-answered",
			setup: func(w *world) {
				w.why = api.WhyResult{Address: "docker.io", Steps: []string{"the login for docker.io " +
					"covers it"}, Login: &w.logins[0]}
			},
			cases: lines("why docker.io"),
		},
		{name: "audit", cases: lines("audit", "audit -o json", "audit -o csv", "audit --since "+
			"1y", "audit --since 24h", "audit -n 0",
			"audit --json", "audit --json -o yaml", "audit --follow -c time")},
		{
			name:  "approve",
			setup: func(w *world) { w.approvals = pendingApprovals() },
			cases: lines("approve", "approve -o json", "approve -o csv", "approve zzzz", "approve "+
				"k7qm", "approve k7qm", "approve b3x2 --deny",
				"approve --all", "approve --all --deny", "approve", "approve --deny", "approve k7qm "+
					"--all", "approve --follow", "approve -f k7qm",
				"approve a b", "approve --help"),
		},
		{
			name:  "server",
			setup: withServers,
			cases: []goldenCase{
				{line: "server list"},
				{line: "server list -o json"},
				{line: "server describe"},
				{line: "server describe dev -o yaml"},
				{line: "server describe nope"},
				{line: "server use dev"},
				{line: "server disconnect prod"},
				{line: "server connect https://zenml.example.com --api-key-stdin --name " +
					"work", stdin: canary + "\n"},
				{line: "server connect https://zenml.example.com --api-key-stdin", stdin: "wrong"},
				{line: "server connect https://zenml.example.com --api-key-stdin", stdin: "\n"},
				{line: "server connect https://zenml.example.com --username alice --password-stdin " +
					"--name work", stdin: canary},
				{line: "server connect https://zenml.example.com --username alice --name " +
					"work", stdin: canary + "\n"},
				{line: "server connect https://zenml.example.com --name work"},
				{line: "server connect https://zenml.example.com --api-key " + canary + " --username alice"},
				{line: "server connect https://zenml.example.com --password-stdin"},
				{line: "server connect https://zenml.example.com --api-key @/nonexistent/file"},
				{line: "server connect https://zenml.example.com --ssl-ca-cert /nonexistent/file"},
				{line: "server connect"},
				{line: "server connect --help"},
				{line: "service-connector list"},
				{line: "service-connector describe reg"},
				{line: "service-connector describe reg --show-secrets"},
				{line: "service-connector login reg --server prod"},
			},
		},
		{
			name:  "server-open",
			setup: func(w *world) { w.device = api.ServerDevice{} },
			cases: lines("server connect http://127.0.0.1:8237 --name local", "server list"),
		},
		{
			name: "failures",
			setup: func(w *world) {
				w.fail[api.MethodConnectorList] = credential.NewError(credential.Locked, "the vault is "+
					"locked", "")
				w.fail[api.MethodConnectorDelete] = credential.NewError(credential.InUse, "Service "+
					"connector 'reg' is used by 'local'.", "disconnect it")
				w.fail[api.MethodStatus] = errors.New("never shown")
				w.fail[api.MethodLogout] = credential.NewError(credential.Denied, "no\x1b]0;title\a way", "")
			},
			cases: lines("service-connector list", "service-connector delete reg", "status", "logout "+
				"dockerhub", "nosuch", "service-connector nosuch",
				"stauts", "service-connector list --nosuch", "service-connector list -z", "vault nosuch"),
		},
		{
			name: "mistakes",
			setup: func(w *world) {
				w.fail[api.MethodLogin] = credential.NewError(credential.NoSuchEntity, "there is none of "+
					"the name", "see all: zen service-connector list")
			},
			cases: lines("login ghcr.io", "login localhost:5000/team", "login wrok", "login reg "+
				"--profile a/b", "help nosuch", "help vault nosuch",
				"help vault rotate", "--version", "--version status", "audit -n x", "server connect "+
					"https://zenml.example.com --username bob",
				"service-connector register r --type docker --username=me --password-stdin"),
		},
		{name: "help", cases: lines("service-connector --help", "vault", "completion", "completion "+
			"tcsh", "version -o json")},
	}
}

// withServers lets a world be connected to two servers, on one of which a connector
// lives.
func withServers(w *world) {
	until := noon().Add(90 * time.Minute)
	w.servers = []api.Server{
		{
			ID: "5e000000-0000-4000-8000-000000000001", Name: "prod", URL: "https://zenml.example.com",
			Auth: api.ServerAuthAPIKey,
			User: "zenbot", Version: "0.98.0", Active: true, Owner: "me", Created: noon(), Updated: noon(),
			Logins: 2,
		}, {
			ID: "5e000000-0000-4000-8000-000000000002", Name: "dev", URL: "http://127.0.0.1:8237",
			Auth:    api.ServerAuthDevice,
			Version: "0.94.3", Owner: "me", Created: noon(), Updated: noon(), Until: &until,
		},
	}
	w.connectors = w.connectors[:2]
	for i := range w.connectors {
		if w.connectors[i].Name == "reg" {
			w.connectors[i].Server, w.connectors[i].SecretAttributes = "prod", nil
		}
	}
	w.device = api.ServerDevice{
		Device:   "d1",
		URL:      "https://zenml.example.com/devices/verify?user_code=x",
		UserCode: "x",
		Until:    until,
	}
	w.pending = 2
}

func resourceWith(verification, why string) []api.Resource {
	return []api.Resource{{
		ConnectorID: "cf55339f-dbc8-4ee6-862e-c25aff411292", ConnectorName: "down", ConnectorType: "docker",
		ResourceType: "docker-registry",
		ResourceIDs:  []string{"127.0.0.1:1"}, Verification: verification, Error: why,
	}}
}

func rejected() error {
	return credential.NewError(credential.Rejected, "docker.io refused the credentials: incorrect "+
		"username or password", "")
}

func TestGolden(t *testing.T) {
	for _, g := range goldens() {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			w := smallWorld()
			if g.setup != nil {
				g.setup(&w)
			}
			z := startZend(t, w)
			var b strings.Builder
			for _, c := range g.cases {
				r := zen(t, z, c.stdin, terminalOf{width: g.width}, words(c.line)...)
				fmt.Fprintf(&b, "$ zen %s\n", strings.ReplaceAll(c.line, canary, "CANARY"))
				if r.stdout != "" {
					fmt.Fprintf(&b, "[stdout]\n%s", r.stdout)
				}
				if r.stderr != "" {
					fmt.Fprintf(&b, "[stderr]\n%s", r.stderr)
				}
				fmt.Fprintf(&b, "[exit %d]\n\n", r.code)
			}
			compareGolden(
				t,
				filepath.Join("testdata", "golden", g.name+".txt"),
				strings.ReplaceAll(b.String(), canary, "CANARY"),
			)
		})
	}
}

func words(line string) []string {
	var list []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			list = append(list, part)
			continue
		}
		list = append(list, strings.Fields(part)...)
	}
	return list
}

func compareGolden(t *testing.T, path, got string) {
	t.Helper()
	got = strings.ReplaceAll(got, api.Version, "VERSION")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s (go test ./internal/cli -run Golden -update writes it anew): -want +got\n%s", path, diff)
	}
}
