package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
	"github.com/zen-agent/zen/internal/ipc"
	"github.com/zen-agent/zen/internal/safetext/textwidth"
)

// everyCommand visits the command tree.
func everyCommand(cmd *cobra.Command, visit func(*cobra.Command)) {
	visit(cmd)
	for _, sub := range cmd.Commands() {
		everyCommand(sub, visit)
	}
}

func TestEveryCommandHasHelp(t *testing.T) {
	a := testApp(t, &fakeZend{}, "", &strings.Builder{})
	seen := 0
	everyCommand(a.root(), func(cmd *cobra.Command) {
		seen++
		switch {
		case cmd.Example == "":
			t.Errorf("%s: no example", cmd.CommandPath())
		case !strings.Contains(cmd.Example, "zen"):
			t.Errorf("%s: the example does not call zen", cmd.CommandPath())
		}
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") || cmd.Args == nil && cmd.RunE == nil {
			t.Errorf("%s: short help %q", cmd.CommandPath(), cmd.Short)
		}
		for _, text := range []string{cmd.Long, cmd.Example} {
			for line := range strings.Lines(text) {
				if textwidth.Of(line) > 120 {
					t.Errorf("%s: a line of the help is too long: %s", cmd.CommandPath(), line)
				}
			}
		}
	})
	if seen < 25 {
		t.Errorf("found only %d commands", seen)
	}
}

// An unset variable is no argument that was left out: what is active, everywhere and this
// machine are meant by saying nothing, never by an empty text.
func TestNothingIsNotSaidByAnEmptyText(t *testing.T) {
	a := testApp(t, &fakeZend{}, "", &strings.Builder{})
	arguments, options := 0, 0
	everyCommand(a.root(), func(cmd *cobra.Command) {
		if cmd.Name() == "help" || cmd.Name() == "completion" || cmd.Hidden || cmd.HasSubCommands() {
			return
		}
		for n := 1; n <= 3; n++ {
			args := slices.Repeat([]string{"x"}, n)
			if cmd.ValidateArgs(args) != nil {
				continue
			}
			for i := range args {
				arguments++
				empty := slices.Clone(args)
				empty[i] = ""
				if err := cmd.ValidateArgs(empty); err == nil {
					t.Errorf("%s takes %q", cmd.CommandPath(), empty)
				}
			}
		}
		for _, name := range []string{"server", "connector", "registry", "dir", "path", "profile"} {
			flag := cmd.Flags().Lookup(name)
			if flag == nil || strings.Contains(flag.Usage, "OPERATOR") || cmd.Name() == "list" {
				continue // an empty filter finds what has none
			}
			options++
			if cmd.Flags().Set(name, "") == nil {
				t.Errorf("%s takes an empty --%s", cmd.CommandPath(), name)
			}
		}
	})
	if arguments < 40 || options < 20 {
		t.Errorf("tried only %d arguments and %d options", arguments, options)
	}
}

// A command of ZenML that zen does not have says what to type, whatever follows it.
func TestAbsentCommands(t *testing.T) {
	const linked = "zen container-registry connect NAME --connector CONNECTOR"
	for line, want := range map[string]string{
		"stack connect s -c a2":                     linked,
		"stack connect --help":                      linked,
		"stack set-default":                         "zen stack set default",
		"stack register-secrets x -i":               "zenml stack register-secrets",
		"stack export-requirements s --file x":      "zenml stack export-requirements",
		"stack deploy -p aws":                       "zenml stack deploy",
		"container-registry logs hub --follow":      "zenml container-registry logs",
		"registry explain":                          "zen container-registry --help",
		"container-registry flavor register a.b.C":  "zenml container-registry flavor register",
		"container-registry flavor delete mine --x": "zenml container-registry flavor delete",
	} {
		var said strings.Builder
		a := testApp(t, &fakeZend{}, "", &said)
		code := a.run(t.Context(), strings.Fields(line))
		if !strings.Contains(said.String(), "Error: zen has no '") ||
			!strings.Contains(said.String(), "Hint: "+want+"\n") || code != 2 {
			t.Errorf("zen %s ends with %d:\n%s", line, code, said.String())
		}
	}
}

// What the examples type must be understood: they are parsed, not run.
func TestExamplesAreUnderstood(t *testing.T) {
	a := testApp(t, &fakeZend{}, "", &strings.Builder{})
	var examples []string
	everyCommand(a.root(), func(cmd *cobra.Command) {
		for line := range strings.Lines(cmd.Example) {
			if _, piped, ok := strings.Cut(line, "| zen "); ok {
				line = "zen " + piped
			}
			_, line, ok := strings.Cut(line, "zen ")
			line, _, _ = strings.Cut(line, " #")
			line, _, _ = strings.Cut(line, " <")
			line, _, _ = strings.Cut(line, " >")
			line, _, _ = strings.Cut(line, " |")
			if ok && !strings.HasPrefix(cmd.Name(), "completion") {
				examples = append(examples, strings.TrimSuffix(strings.TrimSpace(line), ")"))
			}
		}
	})
	for _, line := range examples {
		root := testApp(t, &fakeZend{}, "", &strings.Builder{})
		tree := root.root()
		args, err := root.line.Normalize(tree, words(line))
		if err != nil {
			t.Errorf("zen %s: %v", line, err)
			continue
		}
		cmd, rest, err := tree.Find(args)
		if err == nil {
			err = cmd.ParseFlags(rest)
		}
		if err == nil && cmd.Args != nil {
			err = cmd.Args(cmd, cmd.Flags().Args())
		}
		if err != nil {
			t.Errorf("zen %s: %v", line, err)
		}
	}
	if len(examples) < 30 {
		t.Errorf("found only %d examples", len(examples))
	}
}

// Everything that shows something does so in every format.
func TestOutputFormats(t *testing.T) {
	for _, line := range []string{
		"status", "approve", "vault status", "version", "why docker.io", "audit", "service-connector " +
			"list", "service-connector describe reg",
		"service-connector verify reg", "service-connector list-resources", "service-connector list-types",
		"service-connector describe-type docker", "service-connector update reg " +
			"--description=d", "daemon status",
	} {
		for _, format := range ui.Formats() {
			w := smallWorld()
			w.why.Reason = ""
			w.approvals = pendingApprovals()
			z := startZend(t, w)
			r := zen(t, z, "", terminalOf{}, append(words(line), "-o", format)...)
			if r.code != 0 || r.stdout == "" {
				t.Errorf("zen %s -o %s: exit %d\n%s%s", line, format, r.code, r.stdout, r.stderr)
			}
			if isTable := strings.ContainsAny(r.stdout, "┏┃"); format != ui.FormatTable && isTable {
				t.Errorf("zen %s -o %s draws a table:\n%s", line, format, r.stdout)
			}
		}
	}
}

func TestDefaultOutputComesFromTheEnvironment(t *testing.T) {
	z := startZend(t, smallWorld())
	env := map[string]string{"HOME": t.TempDir(), ui.OutputVariable: "csv"}
	if r := zenWith(t, z, "", terminalOf{}, env, "service-connector", "list", "--columns",
		"name"); r.stdout != "name\ndockerhub\nreg\nold\n" {
		t.Errorf("with %s=csv: %s%s", ui.OutputVariable, r.stdout, r.stderr)
	}
	if r := zenWith(t, z, "", terminalOf{}, env, "service-connector", "list", "-o", "json", "-c",
		"name"); !strings.HasPrefix(
		r.stdout,
		"{",
	) {
		t.Errorf("--output does not win: %s", r.stdout)
	}
}

// completions runs what a shell runs when a person presses TAB.
func completions(t *testing.T, z *fakeZend, args ...string) []string {
	t.Helper()
	r := zen(t, z, "", terminalOf{}, append([]string{cobra.ShellCompRequestCmd}, args...)...)
	if r.code != 0 {
		t.Fatalf("completing %q: %s", args, r.stderr)
	}
	var names []string
	for line := range strings.Lines(r.stdout) {
		if !strings.HasPrefix(line, ":") {
			name, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
			names = append(names, name)
		}
	}
	return names
}

func TestCompletion(t *testing.T) {
	w := smallWorld()
	w.connectors[1].Name = "evil\nname\x1b[2J"
	z := startZend(t, w)
	for _, tt := range []struct {
		line string
		want []string
	}{
		{"service-connector describe ", []string{"dockerhub", `evil name\x1b[2J`, "old"}},
		{"connector login d", []string{"dockerhub"}},
		{"login dockerhub ", nil},
		{"logout ", []string{"dockerhub", "docker.io", "ghcr.io/team"}},
		{"service-connector register x --type ", []string{"docker", "cloud"}},
		{
			"service-connector register x --type docker --username=u --pass",
			[]string{"--password", "--password-stdin"},
		},
		{
			"service-connector register x --username=u --resource-type ",
			[]string{"docker-registry", "docker-registry", "bucket"},
		},
		{"service-connector register x -a ", []string{"password", "secret-key", "session"}},
		{"service-connector list -o ", ui.Formats()},
		{"service-connector list --columns al", []string{"all"}},
		{"service-connector describe-type ", []string{"docker", "cloud"}},
		{"completion ", []string{"bash", "zsh", "fish", "powershell"}},
		{"vault st", []string{"status"}},
	} {
		args := words(tt.line)
		if strings.HasSuffix(tt.line, " ") {
			args = append(args, "")
		}
		got := completions(t, z, args...)
		// cobra leaves it to some shells to pick what fits.
		got = slices.DeleteFunc(got, func(s string) bool { return !strings.HasPrefix(s, args[len(args)-1]) })
		if !slices.Equal(got, tt.want) {
			t.Errorf("%q completes to %q, want %q", tt.line, got, tt.want)
		}
	}
}

// Completing must neither start zend nor complain when it does not run.
func TestCompletionWithoutZend(t *testing.T) {
	a := testApp(t, &fakeZend{}, "", &strings.Builder{})
	a.zend = func(start bool) (zend.Caller, error) {
		if start {
			t.Error("completion wants to start zend")
		}
		return &ipc.Client{Socket: filepath.Join(t.TempDir(), "none")}, nil
	}
	var out strings.Builder
	a.Out = &ui.DataWriter{W: &out}
	if code := a.run(t.Context(), []string{cobra.ShellCompRequestCmd, "login", ""}); code != 0 ||
		out.String() != ":4\n" {
		t.Errorf("exit %d: %q", code, out.String())
	}
}

func TestCompletionScripts(t *testing.T) {
	z := startZend(t, smallWorld())
	for shell, marker := range map[string]string{
		"bash": "__start_zen", "zsh": "#compdef zen", "fish": "complete -c zen",
		"powershell": "Register-ArgumentCompleter",
	} {
		if r := zen(t, z, "", terminalOf{}, "completion", shell); r.code != 0 ||
			!strings.Contains(r.stdout, marker) {
			t.Errorf("%s: exit %d, %d bytes", shell, r.code, len(r.stdout))
		}
	}
}

func TestManPages(t *testing.T) {
	z := startZend(t, smallWorld())
	dir := t.TempDir()
	if r := zen(t, z, "", terminalOf{}, "man", "--dir", dir); r.code != 0 {
		t.Fatal(r.stderr)
	}
	page, err := os.ReadFile(filepath.Join(dir, "zen-service-connector-register.1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		".TH \"ZEN-SERVICE-CONNECTOR-REGISTER\" \"1\"", "password-stdin",
		"EXAMPLE",
	} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
	if strings.Contains(string(page), t.Name()) {
		t.Error("the page names this machine")
	}
	if r := zen(t, z, "", terminalOf{}, "man", "--dir", filepath.Join(dir, "absent")); r.code != 1 ||
		!strings.Contains(r.stderr, "absent") {
		t.Errorf("into a directory that is not there: exit %d: %s", r.code, r.stderr)
	}
	if r := zen(t, z, "", terminalOf{}, "man"); r.code != 2 {
		t.Errorf("without --dir: exit %d", r.code)
	}
}

func TestTypesAreAskedForOnce(t *testing.T) {
	z := startZend(t, smallWorld())
	r := zen(t, z, "", terminalOf{}, "service-connector", "describe-type", "docker")
	if got := z.sent(api.MethodConnectorTypes); r.code != 0 || len(got) != 1 {
		t.Errorf("asked %d times: %s", len(got), r.stderr)
	}
}
