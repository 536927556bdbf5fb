package cli

import (
	"context"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/ipc/server"
)

const registerReg = "service-connector register reg --type docker --username=alice --password-stdin " +
	"--registry=HOST"

// entityGolden is a file of commands with what they print, of a realZend.
type entityGolden struct {
	name  string
	width int
	setup []string
	cases []goldenCase
}

func compareEntities(t *testing.T, all []entityGolden) {
	t.Helper()
	for _, g := range all {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			z := startRealZend(t, "me")
			z.must(g.setup...)
			compareGolden(
				t,
				filepath.Join("testdata", "golden", g.name+".txt"),
				z.transcript(g.width, g.cases),
			)
		})
	}
}

func TestRegistryGolden(t *testing.T) {
	twoConnectors := []string{registerReg, "service-connector register second --type docker " +
		"--username=bob --password-stdin --registry=HOST --no-verify"}
	compareEntities(t, []entityGolden{
		{name: "registry-register", setup: []string{registerReg}, cases: lines(
			"container-registry register local --flavor=default --uri=HOST",
			"registry register inferred --uri=ghcr.io/me/ --label env=prod --label team=a",
			"registry register hub -f dockerhub --uri=docker.io/me --default_repository=me",
			"registry register hub2 -f dockerhub --uri=example.com/me",
			"registry register gh2 -f github --uri=x.io/me",
			"registry register aws -f aws --uri=715803424592.dkr.ecr.us-east-1.amazonaws.com/x",
			"registry register gh -f github --uri=ghcr.io/me --automatic-token-authentication=true",
			"registry register gh -f github --uri=ghcr.io/me --default_repository me -o yaml",
			"registry register connected --uri=HOST --connector reg",
			"registry register connected2 --uri=HOST -c reg -r HOST --no-verify",
			"registry register connected3 --uri=HOST/team/app -c reg -o json",
			"registry register elsewhere --uri=example.com -c reg",
			"registry register nobody --uri=example.com -c nope",
			"registry register local --uri=HOST",
			"registry register c3 --flavor=nosuch --uri=x.io",
			"registry register c4 --flavor=default",
			"registry register c6 --uri=localhost:5001 --nosuch=1",
			"registry register c7 --uri",
			"registry register c8 --uri=localhost:5001 --label env",
			"registry register",
			"registry register a b --uri=x",
			"registry list --columns name,flavor,uri,connector",
		)},
		{
			name: "registry-list",
			setup: []string{
				registerReg, "registry register one --uri=docker.io/me --label env=prod",
				"registry register two --uri=HOST --connector reg",
				"registry register three --uri=ghcr.io/me", "stack update -c two",
			},
			cases: lines(
				"container-registry list", "registry list -o json", "registry list -o "+
					"yaml", "registry list -o csv",
				"registry list -o tsv",
				"registry list --flavor dockerhub", "registry list --flavor "+
					"oneof:[\"github\",\"dockerhub\"] --sort_by desc:name",
				"registry list --connector reg -o json", "registry list --label env",
				"registry list --uri contains:ghcr --columns all -o yaml",
				"registry list --size 2", "registry list --size 2 --page 2 -o csv", "registry list --page 9",
				"registry list --name nope",
				"registry list --name nope -o json", "registry list --columns nosuch", "registry list "+
					"--sort_by nosuch",
				"registry list extra",
			),
		},
		{
			// Ids and addresses that chance makes would be broken over lines here: none
			// is shown.
			name: "registry-60", width: 60, setup: []string{
				"registry register one --uri=docker.io/me --label env=prod",
				"stack update -c one",
			},
			cases: lines("registry list", "registry list --columns "+
				"active,name,flavor,owner,uri,labels,created", "registry describe",
				"registry flavor list"),
		},
		{
			name: "registry-200", width: 200, setup: []string{"registry register one --uri=docker.io/me " +
				"--label env=prod"},
			cases: lines("registry list --columns all", "registry flavor list"),
		},
		{
			name: "registry-describe",
			setup: []string{
				registerReg, "registry register one --uri=docker.io/me --label env=prod",
				"registry register two --uri=HOST --connector reg",
			},
			cases: lines(
				"registry describe one", "registry describe two", "registry describe two -o "+
					"json", "registry describe two -o yaml",
				"registry describe two -o csv", "registry describe one -o json", "registry "+
					"describe", "registry get",
				"registry get -o json",
				"stack update -c two", "registry describe", "registry get", "registry get -o "+
					"json", "registry get -o tsv",
				"registry describe nope", "registry describe t", "registry describe one two",
			),
		},
		{
			name: "registry-change",
			setup: []string{
				registerReg, "registry register one --uri=docker.io/me --default_repository=me --label " +
					"env=prod",
				"registry register two --uri=HOST --connector reg", "stack update -c two",
			},
			cases: lines(
				"registry update one --uri=docker.io/you --label env --label team=a", "registry update "+
					"one --uri=bad.io/you",
				"registry update --default-repository=team", "registry update two "+
					"--uri=example.com", "registry update two --nosuch=1",
				"registry update one --label a=b=c", "registry update one", "registry update nope --uri=x.io",
				"registry remove-attribute one default-repository", "registry remove-attribute one uri",
				"registry remove-attribute one nosuch",
				"registry remove-attribute one --label team", "registry remove-attribute "+
					"one", "registry remove-attribute",
				"registry describe one", "registry rename one uno", "registry rename uno "+
					"two", "registry rename nope x",
				"registry rename uno",
				"registry copy two three", "registry copy two three", "registry copy nope "+
					"x", "registry describe three",
				"registry delete three", "registry delete two", "registry delete nope", "registry "+
					"delete", "registry delete un", "registry delete uno",
				"registry list",
			),
		},
		{
			name: "registry-connect",
			setup: append(twoConnectors, "registry register one --uri=docker.io/me", "registry register "+
				"two --uri=HOST",
				"stack update -c two"),
			cases: lines(
				"container-registry connect two --connector reg", "registry connect two --connector reg "+
					"--resource-id HOST",
				"registry connect two -c reg -r example.com", "registry connect -c reg -o json",
				"registry connect two -c re",
				"registry connect two -c reg --no-verify",
				"registry connect two -c second", "registry connect one -c reg", "registry connect two "+
					"-c nope",
				"registry connect nope -c reg",
				"registry connect two", "registry connect two -c reg -i", "registry describe "+
					"two", "registry disconnect two",
				"registry disconnect", "registry disconnect tw", "registry disconnect nope",
				"registry describe two",
			),
		},
		{
			name: "registry-connect-interactive",
			setup: append(twoConnectors, "registry register one --uri=docker.io/me", "registry register "+
				"two --uri=HOST",
				"registry register gar -f gcp --uri=europe-west1-docker.pkg.dev/p/r"),
			cases: []goldenCase{
				{line: "registry connect one -i"},
				{line: "registry connect gar -i"},
				{line: "registry connect two -i", stdin: "nosuch\n\nreg\n"},
				{line: "registry connect two -i", stdin: "nosuch\n"},
				{line: "registry connect two -i", stdin: "sec\nsecond\n"},
				{line: "registry describe two"},
			},
		},
		{
			name: "registry-login",
			setup: []string{
				registerReg, "service-connector register wrong --type docker --username=bob " +
					"--password-stdin --registry=HOST --no-verify",
				"registry register one --uri=docker.io/me", "registry register two --uri=HOST " +
					"--connector reg",
				"registry register three --uri=HOST --connector wrong --no-verify",
			},
			cases: lines(
				"registry login two", "registry login tw --ttl 8h", "registry login "+
					"three", "registry login one", "registry login nope",
				"login --registry two", "registry login", "login", "stack update -c two", "registry "+
					"login", "login", "login --ttl 90m",
			),
		},
		{name: "registry-flavor", cases: lines(
			"container-registry flavor list", "registry flavor list -o json", "registry flavor list -o csv",
			"registry flavor describe default",
			"registry flavor describe aws", "registry flavor describe github -o yaml", "registry flavor "+
				"describe nosuch",
			"registry flavor describe",
			"registry flavor",
		)},
		{name: "registry-help", cases: lines("container-registry --help", "registry "+
			"nosuch", "registry register --help",
			"registry connect --help")},
	})
}

// The table of ZenML's page about the default container registry, to the character.
func TestConnectDrawsThePagesTable(t *testing.T) {
	registry := api.ContainerRegistry{
		ID:            "1",
		Name:          "dockerhub",
		Configuration: map[string]string{"uri": "docker.io"},
	}
	z := served(t, map[string]server.Handler{
		api.MethodConnectorTypes: answering(api.ConnectorTypes{Items: []api.ConnectorType{dockerType()}}),
		api.MethodRegistryGet:    answering(api.RegistryResult{Registry: registry}),
		api.MethodRegistryConnect: answering(
			api.RegistryResult{Registry: registry, Resources: []api.Resource{{
				ConnectorID: "cf55339f-dbc8-4ee6-862e-c25aff411292", ConnectorName: "dockerhub",
				ConnectorType: "docker",
				ResourceType:  "docker-registry", ResourceIDs: []string{"docker.io"},
				Verification: api.VerificationValid,
			}}},
		),
	})
	r := zen(t, z, "", terminalOf{}, "container-registry", "connect", "dockerhub", "--connector", "dockerhub")
	const says = "Successfully connected container registry `dockerhub` to the following resources:\n"
	if r.code != 0 || r.stdout != pageResources || r.stderr != says {
		t.Errorf("exit %d\n%s\n%s", r.code, r.stdout, r.stderr)
	}
}

// What nobody could verify is connected, and said to be unverified.
func TestConnectWarnsOfWhatIsUnchecked(t *testing.T) {
	z := startRealZend(t, "me")
	z.must("service-connector register down --type docker --username=u --password-stdin "+
		"--registry=127.0.0.1:1",
		"registry register down --uri=127.0.0.1:1")
	r := z.run(0, "", "registry connect down -c down")
	if r.code != 0 || !strings.Contains(r.stderr, "Warning: the credentials for 127.0.0.1:1 were not "+
		"verified: ") ||
		!strings.Contains(r.stderr, "Hint: zen service-connector verify down\n") {
		t.Errorf("exit %d\n%s", r.code, r.stderr)
	}
}

// connectorOf is the connector that a container registry is connected to.
func (z *realZend) connectorOf(registry string) string {
	z.t.Helper()
	r := z.run(0, "", "registry list --columns name,connector -o tsv --name "+registry)
	if r.code != 0 {
		z.t.Fatal(r.stderr)
	}
	return strings.TrimSpace(strings.TrimPrefix(r.stdout, "name\tconnector\n"+registry))
}

// At a terminal: one connector that fits, yes by default.
func TestConnectInteractively(t *testing.T) {
	z := startRealZend(t, "me")
	z.must(registerReg, "registry register two --uri=HOST")
	d := startDialog(t, z.fakeZend, 120, "container-registry", "connect", "two", "-i")
	d.expect("Only one connector has compatible resources:")
	d.expect("│ reg ")
	d.answer("Would you like to use this connector? [Y/n]: ", "what")
	d.answer("Would you like to use this connector? [Y/n]: ", "")
	d.expect("Successfully connected container registry `two` to the following resources:")
	d.end(0)
	if got := z.connectorOf("two"); got != "reg" {
		t.Errorf("connected to %q", got)
	}
}

// Wherever the dialog ends early, nothing is connected.
func TestConnectInteractivelyInterrupted(t *testing.T) {
	const several, single = "Please enter the name or ID of the connector you want to use: ",
		"Would you like to use this connector? [Y/n]: "
	for _, tt := range []struct {
		name, question, keys string
		code                 int
	}{
		{"Ctrl-C", several, "\x03", credential.ExitInterrupted},
		{"Ctrl-D", several, "\x04", 1},
		{"Ctrl-C at the confirmation", single, "\x03", credential.ExitInterrupted},
		{"no", single, "n\n", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			z := startRealZend(t, "me")
			z.must(registerReg, "registry register two --uri=HOST")
			if tt.question == several {
				z.must("service-connector register second --type docker --username=bob --password-stdin " +
					"--registry=HOST --no-verify")
			}
			d := startDialog(t, z.fakeZend, 120, "container-registry", "connect", "two", "-i")
			d.expect(tt.question)
			d.press(tt.keys)
			d.expect("Aborted!")
			d.end(tt.code)
			if got := z.connectorOf("two"); got != "" {
				t.Errorf("connected to %q", got)
			}
		})
	}
}

func TestEntityCompletion(t *testing.T) {
	z := startRealZend(t, "me")
	z.must(registerReg, "registry register one --uri=docker.io/me", "registry register two --uri=HOST",
		"stack register prod -c two -o kubeflow")
	for _, tt := range []struct {
		line string
		want []string
	}{
		{"registry describe ", []string{"one", "two"}},
		{"container-registry delete ", []string{"one", "two"}},
		{"registry connect two --connector ", []string{"reg"}},
		{"registry register x --flavor ", []string{"default", "dockerhub", "github", "aws"}},
		{"registry flavor describe ", []string{"default", "gcp"}},
		{"registry login ", []string{"one", "two"}},
		{"stack describe ", []string{"default", "prod"}},
		{"stack update -c ", []string{"one", "two"}},
		{"stack update -o ", []string{"default", "kubeflow"}},
		{"stack set ", []string{"default", "prod"}},
		{"stack export ", []string{"default", "prod"}},
	} {
		got := completions(t, z.fakeZend, append(strings.Fields(tt.line), "")...)
		for _, want := range tt.want {
			if !slices.ContainsFunc(
				got,
				func(s string) bool { return s == want || strings.HasPrefix(s, want+"\t") },
			) {
				t.Errorf("zen %s: %q lacks %s", tt.line, got, want)
			}
		}
	}
}

// A failing zend ends every command with its words and its status.
func TestEntitiesWithoutZend(t *testing.T) {
	locked := credential.NewError(credential.Locked, "the vault is locked", "zen unlock")
	methods := map[string]server.Handler{}
	for _, method := range []string{
		api.MethodRegistryFlavors, api.MethodRegistryRegister, api.MethodRegistryList, api.MethodRegistryGet,
		api.MethodRegistryUpdate,
		api.MethodRegistryDelete, api.MethodRegistryCopy, api.MethodRegistryConnect,
		api.MethodRegistryDisconnect,
		api.MethodStackRegister,
		api.MethodStackList, api.MethodStackGet, api.MethodStackUpdate, api.MethodStackDelete,
		api.MethodStackCopy,
		api.MethodStackSet,
		api.MethodStackExport, api.MethodStackImport,
	} {
		methods[method] = refusing(locked)
	}
	z := served(t, methods)
	for _, line := range []string{
		"registry register x --uri=x.io", "registry list", "registry describe", "registry " +
			"get", "registry update --uri=x.io",
		"registry remove-attribute x y", "registry rename x y", "registry copy x y", "registry delete x",
		"registry connect x -c y",
		"registry connect x -i", "registry disconnect x", "registry flavor list", "registry flavor " +
			"describe default",
		"stack register x",
		"stack update -c x", "stack remove-component -c", "stack list", "stack describe", "stack get",
		"stack set x",
		"stack rename x y",
		"stack copy x y", "stack delete x -y", "stack export", "stack import -f -",
	} {
		r := zen(t, z, "components: {orchestrator: {name: x}}", terminalOf{}, words(line)...)
		if want := credential.Locked.Info().Exit; r.code != want || !strings.Contains(r.stderr,
			"Error: the vault is locked\nHint: zen unlock\n") {
			t.Errorf("zen %s: exit %d, want %d\n%s%s", line, r.code, want, r.stdout, r.stderr)
		}
	}
}

// Ctrl-C ends the reading of an imported file that never comes.
func TestImportInterrupted(t *testing.T) {
	z := startRealZend(t, "me")
	reader, writer := io.Pipe()
	defer writer.Close()
	a := testApp(t, z.fakeZend, "", io.Discard)
	a.In = reader
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(ui.ErrInterrupted)
	if code := a.run(ctx, words("stack import -f -")); code != credential.ExitInterrupted {
		t.Errorf("exit %d", code)
	}
}
