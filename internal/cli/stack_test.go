package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zen-agent/zen/internal/cli/ui"
)

func TestStackGolden(t *testing.T) {
	two := []string{registerReg, "registry register two --uri=HOST --connector reg", "registry register " +
		"one --uri=docker.io/me"}
	compareEntities(t, []entityGolden{
		{name: "stack-register", setup: two, cases: lines(
			"stack list",
			"stack describe",
			"stack get",
			"stack register s -o default -a default -c two "+
				"--set",
			"stack get",
			"stack register s2 -c one",
			"stack register s3 -c nope",
			"stack register s -c "+
				"two",
			"stack register",
			"stack register a b",
			"stack register s4 -c two --label env=prod --output json",
			"stack register s5 -a s3 -o kubeflow -c two -r mlflow -s k8s -s sagemaker -f feast -d kserve "+
				"-e mlflow -e wandb -al slack -an "+
				"argilla -dv evidently -i kaniko -D dd -l logs -sb box",
			"stack register s6 --artifact_store a --orchestrator b --container-registry one "+
				"--image-builder c",
			"stack register s7 -c one -c two",
			"stack register s8 --label env",
			"stack register -x",
			"stack register s9 -c",
			"stack register default",
			"stack list",
			"stack list --columns name,container_registry,image_builder,experiment_tracker",
		)},
		{
			name: "stack-list",
			setup: append(two, "stack register s -c two --set", "stack register multi -e mlflow -e wandb "+
				"--label env=prod"),
			cases: lines(
				"stack list", "stack list -o json", "stack list -o yaml", "stack list -o "+
					"csv", "stack list -o tsv",
				"stack list --container_registry two", "stack list --container-registry two -o "+
					"csv", "stack list --label env -o json",
				"stack list --name startswith:m --columns all -o yaml", "stack list --sort_by asc:name "+
					"--columns name",
				"stack list --experiment_tracker wandb --columns name,experiment_tracker", "stack list "+
					"--component contains:mlf -o csv",
				"stack list --name nope", "stack list --name nope -o tsv", "stack list --columns "+
					"nosuch", "stack list --page 0",
				"stack list --size 1 --page 2",
			),
		},
		{
			name: "stack-60", width: 60, setup: []string{
				"registry register one --uri=docker.io/me",
				"stack register s -c one --set -e mlflow -e wandb",
			},
			cases: lines("stack list", "stack describe"),
		},
		{
			name: "stack-200", width: 200, setup: append(two, "stack register s -c two --set"),
			cases: lines("stack list --columns all"),
		},
		{
			name: "stack-describe",
			setup: append(two, "stack register s -c two --label env=prod", "stack register multi -e "+
				"mlflow -e wandb"),
			cases: lines(
				"stack describe",
				"stack describe s",
				"stack describe s -o json",
				"stack describe s -o "+
					"yaml",
				"stack describe s -o csv",
				"stack describe s -o tsv",
				"stack describe multi",
				"stack describe multi -o "+
					"json",
				"stack describe default -o json",
				"stack describe nope",
				"stack describe m",
				"stack get",
				"stack get -o json",
				"stack set s",
				"stack describe",
				"stack get",
				"stack get -o csv",
				"stack set nope",
				"stack set def", "stack set default",
				"stack set",
			),
		},
		{
			name: "stack-change",
			setup: append(two, "stack register s -c two --set", "stack register other -c one -i kaniko "+
				"-al slack"),
			cases: append(lines(
				"stack update -c one",
				"stack update s -c two -e mlflow --label env=prod",
				"stack update "+
					"-c nope",
				"stack update nope -c two",
				"stack update",
				"stack update s --label a=b=c",
				"stack describe s",
				"stack remove-component -c",
				"stack remove-component other -i -al",
				"stack remove-component other -o",
				"stack remove-component",
				"stack remove-component "+
					"nope -c",
				"stack describe other",
				"stack rename other others",
				"stack rename others s",
				"stack rename default "+
					"x",
				"stack rename nope x",
				"stack rename others",
				"stack copy others copied",
				"stack copy others copied",
				"stack copy nope "+
					"x",
				"stack copy others",
				"stack delete s -y",
				"stack delete default -y",
				"stack delete nope -y",
				"stack delete",
			),
				goldenCase{line: "stack delete copied", stdin: "maybe\nn\n"},
				goldenCase{line: "stack delete copied"},
				goldenCase{line: "stack delete copied", stdin: "y\n"},
				goldenCase{line: "stack delete oth --recursive --yes"},
				goldenCase{line: "stack delete others --recursive", stdin: "yes\n"},
				goldenCase{line: "stack list"},
				goldenCase{line: "registry list"},
				goldenCase{line: "stack update s -c two"},
				goldenCase{line: "stack copy s t"},
				goldenCase{line: "stack delete t --recursive --yes"},
				goldenCase{line: "registry list"},
			),
		},
		{
			name: "stack-export",
			setup: append(two, "stack register s -c two", "stack register multi -e mlflow -e wandb",
				"registry update two --label env=prod"),
			cases: lines("stack export", "stack export s", "stack export s -", "stack export "+
				"multi", "stack export nope",
				"stack export s a b"),
		},
		{name: "stack-help", cases: lines("stack --help", "stack nosuch", "stack register "+
			"--help", "stack import --help")},
	})
}

// exported is what ZenML 0.98 writes.
const exported = `components:
  artifact_store:
  - configuration: {}
    flavor: local
    name: default
    type: artifact_store
  container_registry:
  - configuration:
      uri: 127.0.0.1:5050
    flavor: default
    name: c8
    type: container_registry
  orchestrator:
  - configuration: {}
    flavor: local
    name: default
    type: orchestrator
stack_name: s
zenml_version: 0.98.0
`

// What ZenML exported is imported and exported again to the byte.
func TestStackFileOfZenML(t *testing.T) {
	z := startRealZend(t, "me")
	file := filepath.Join(t.TempDir(), "s.yaml")
	if err := os.WriteFile(file, []byte(exported), 0o600); err != nil {
		t.Fatal(err)
	}
	r := z.run(0, "", "stack import s7 -f "+file)
	want := "Using '" + file + "' to import 's7' stack.\nStack 's7' successfully imported!\n"
	if r.code != 0 || r.stderr != want || r.stdout != "" {
		t.Fatalf("exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	if r := z.run(0, "", "stack export s7"); r.stdout != strings.Replace(exported, "stack_name: "+
		"s", "stack_name: s7", 1) {
		t.Errorf("exported again:\n%s", r.stdout)
	}
	if r := z.run(0, "", "registry describe c8 -o tsv"); !strings.Contains(
		r.stdout,
		`{"uri":"127.0.0.1:5050"}`,
	) {
		t.Errorf("the container registry: %s", r.stdout)
	}
	// Exported to a file, it is the same; the file is nobody else's business.
	copied := filepath.Join(t.TempDir(), "copy.yaml")
	if r := z.run(0, "", "stack export s7 "+copied); r.code != 0 || r.stdout != "" ||
		r.stderr != "Exported stack 's7' to file '"+copied+"'.\n" {
		t.Errorf("exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	content, err := os.ReadFile(copied)
	if err != nil || string(content) != strings.Replace(exported, "stack_name: s", "stack_name: s7", 1) {
		t.Errorf("%v: the file holds %s", err, content)
	}
	if info, err := os.Stat(copied); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, mode %v", err, info.Mode())
	}
}

// Values of every type come back as they were, and so does a second round.
func TestStackFileKeepsValues(t *testing.T) {
	const text = `components:
  artifact_store:
  - configuration:
      big: 9007199254740993
      flag: true
      list:
      - 1
      - two
      - null
      ratio: 0.25
      text: "123"
      yes: "true"
    flavor: s3
    name: "42"
    type: artifact_store
  container_registry:
  - configuration:
      uri: ghcr.io/me
    flavor: github
    labels:
      env: prod
    name: gh
    type: container_registry
  experiment_tracker:
  - configuration: {}
    flavor: mlflow
    name: a
    type: experiment_tracker
  - configuration:
      nested:
        deep: 1
    flavor: wandb
    name: b
    type: experiment_tracker
  orchestrator:
  - configuration: {}
    flavor: local
    name: default
    type: orchestrator
stack_name: round
zenml_version: 0.98.0
`
	z := startRealZend(t, "me")
	for range 2 { // the second time it is there already
		r := z.run(0, text, "stack import -f -")
		if r.code != 0 || r.stderr != "Using 'standard input' to import 'round' stack.\nStack 'round' "+
			"successfully imported!\n" {
			t.Fatalf("exit %d: %s", r.code, r.stderr)
		}
		if r := z.run(0, "", "stack export round"); r.stdout != text {
			t.Errorf("exported:\n%s", r.stdout)
		}
	}
	other := startRealZend(t, "me")
	if r := other.run(0, z.run(0, "", "stack export round").stdout, "stack import -f -"); r.code != 0 {
		t.Fatal(r.stderr)
	}
	if r := other.run(0, "", "stack export round"); r.stdout != text {
		t.Errorf("another zend exports:\n%s", r.stdout)
	}
}

func TestStackImportRefused(t *testing.T) {
	z := startRealZend(t, "me")
	z.must("registry register c8 --uri=example.com", "stack register taken")
	const component = "components: {orchestrator: [{name: x, flavor: local}]}\n"
	for _, tt := range []struct {
		line, stdin string
		code        int
		says        string
	}{
		{"stack import", "", 2, "Error: Missing option '--filename' / '-f'.\nHint: zen stack import " +
			"--help\n"},
		{"stack import nosuch", "", 1, "Error: cannot read nosuch.yaml: no such file or directory\n"},
		{"stack import -f /nonexistent/x.yaml", "", 1, "Error: cannot read /nonexistent/x.yaml: no such " +
			"file or directory\n"},
		{"stack import -f -", "", 1, "Error: standard input is not a stack in ZenML's format: it has no " +
			"components\n"},
		{"stack import -f -", "just text", 1, "Error: standard input is not a stack in ZenML's format: " +
			"yaml: unmarshal errors:"},
		{"stack import -f -", "a: [", 1, "Error: standard input is not a stack in ZenML's format: yaml: "},
		{
			"stack import -f -", "components: {orchestrator: [{name: x, configuration: {1: {2: 3}}}]}", 1,
			"holds what no stack can have",
		},
		{
			"stack import x -f -", "components: {orchestrator: [{name: x, configuration: {n: .nan}}]}", 1,
			"holds what no stack can have",
		},
		{"stack import x -f -", "components: {'Not A Type': [{name: x}]}", 1, "is not a type of stack " +
			"components"},
		{"stack import -f -", component, 1, "The stack name cannot be empty."},
		{"stack import taken -f -", component, 1, "A stack with name `taken` already exists, please use " +
			"a different name."},
		{"stack import new -f -", exported, 1, "There is already a container registry with the name " +
			"'c8', and it is not the one of the file."},
		{
			"stack import new -f -", strings.NewReplacer("uri: 127.0.0.1:5050", "uri: ''", "c8",
				"c9").Replace(exported), 1,
			"missing required attribute 'uri'",
		},
		{"stack import a b -f -", component, 2, "Got unexpected extra argument (b)"},
		{"stack import big -f -", strings.Repeat("#", ui.MaxInput+1), 1, "standard input: more than 1 MiB"},
		{
			"stack export taken /nonexistent/x.yaml", "", 1,
			"Error: cannot write the file: open /nonexistent/x.yaml: no such file or directory\n",
		},
	} {
		if r := z.run(0, tt.stdin, tt.line); r.code != tt.code || !strings.Contains(r.stderr, tt.says) ||
			r.stdout != "" {
			t.Errorf(
				"zen %s: exit %d, want %d and %q\n%s%s",
				tt.line,
				r.code,
				tt.code,
				tt.says,
				r.stdout,
				r.stderr,
			)
		}
	}
	if r := z.run(0, "", "stack list --columns name -o csv"); r.stdout != "name\ndefault\ntaken\n" {
		t.Errorf("something was kept:\n%s", r.stdout)
	}
}

// ZenML's default file, its older format, and its option are taken.
func TestStackImportInZenMLsWays(t *testing.T) {
	z := startRealZend(t, "me")
	t.Chdir(t.TempDir())
	const old = `zenml_version: 0.40.0
stack_name: old
components:
  orchestrator: {name: default, flavor: local, configuration: {}}
  container_registry:
    name: hub
    flavor: dockerhub
    configuration:
      uri: docker.io/me
`
	if err := os.WriteFile("mine.yaml", []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := z.run(0, "", "stack import mine --ignore-version-mismatch"); r.code != 0 {
		t.Fatal(r.stderr)
	}
	r := z.run(0, "", "stack describe mine -o json")
	if !strings.Contains(r.stdout, `"hub"`) || !strings.Contains(r.stdout, `"artifact_store"`) {
		t.Errorf("imported:\n%s", r.stdout)
	}
}

// All options of components reach zend under ZenML's names, and the first of several is
// the default.
func TestStackComponentsSent(t *testing.T) {
	z := startRealZend(t, "me")
	z.must("stack register s -s one -s two -al a -sb b -o first -o last")
	r := z.run(0, "", "stack export s")
	for _, want := range []string{"alerter:\n", "sandbox:\n", "name: last\n"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("%q is missing:\n%s", want, r.stdout)
		}
	}
	if strings.Contains(r.stdout, "name: first") ||
		strings.Index(r.stdout, "name: one") > strings.Index(r.stdout,
			"name: two") {
		t.Errorf("exported:\n%s", r.stdout)
	}
}

// At a terminal, the question before a stack is deleted; Ctrl-C deletes nothing.
func TestStackDeleteAsks(t *testing.T) {
	z := startRealZend(t, "me")
	z.must("stack register s")
	const sure = "This will delete stack 's'. \nAre you sure you want to proceed? [y/N]: "
	d := startDialog(t, z.fakeZend, 100, "stack", "delete", "s")
	d.expect("Are you sure you want to proceed? [y/N]: ")
	d.press("\x03")
	d.expect("Aborted!")
	if text := d.end(130); !strings.Contains(text, sure) {
		t.Errorf("the terminal shows %q", text)
	}
	d = startDialog(t, z.fakeZend, 100, "stack", "delete", "s")
	d.answer("Are you sure you want to proceed? [y/N]: ", "y")
	d.expect("Deleted stack 's'.")
	d.end(0)
	if r := z.run(0, "", "stack list --columns name -o csv"); r.stdout != "name\ndefault\n" {
		t.Errorf("left: %s", r.stdout)
	}
}
