package config

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/credential"
)

// whole is a rule with everything that a rule can have.
func whole() Rule {
	return Rule{
		Connector: "prod-*", Registry: "ghcr.io", Executables: []Executable{"/usr/bin/docker", "podman"},
		Directories: []Directory{"~/src/prod"},
		Confirm:     true, ConfirmKeep: Duration(10 * time.Minute), Rate: Rate{30, time.Minute},
	}
}

// checkExampleRule checks that the example shows a rule with every setting, which is what
// TestExample could not see: the rule is no default.
func checkExampleRule(t *testing.T) {
	t.Helper()
	var shown strings.Builder
	for line := range strings.Lines(example(t)) {
		if text, ok := strings.CutPrefix(line, "## "); ok {
			shown.WriteString(text)
		}
	}
	cfg, err := parse("example.toml", []byte(shown.String()))
	if err != nil || len(cfg.Policy) != 1 || !cfg.Policy[0].equal(whole()) {
		t.Errorf("the rule of the example: %+v, %v", cfg.Policy, err)
	}
	for _, name := range settings(reflect.TypeFor[Rule]()) {
		if !strings.Contains(shown.String(), name+" = ") || !strings.Contains(example(t), "\n#   "+name+" ") {
			t.Errorf("%s is not explained", name)
		}
	}
}

func TestPolicy(t *testing.T) {
	tests := []struct {
		name, text string
		want       []Rule
	}{
		{"confirm", "[[policy]]\nconfirm = true", []Rule{{Confirm: true}}},
		{"rate", "[[policy]]\nrate = \"5/12h\"", []Rule{{Rate: Rate{5, 12 * time.Hour}}}},
		{"spelling of the registry", "[[policy]]\nregistry = \"https://index.docker.io/v1/\"\nconfirm = " +
			"true", []Rule{{Registry: "docker.io", Confirm: true}}},
		{"two", "log_level = \"info\"\n[[policy]]\nconfirm = true\n[[policy]]\ndirectories = [\"/src\", " +
			"\"~\"]\n", []Rule{
			{Confirm: true}, {Directories: []Directory{"/src", "~"}},
		}},
		{"pattern of paths", "[[policy]]\nexecutables = [\"/nix/store/*/bin/docker\", " +
			"\"~/bin/docker\"]", []Rule{
			{Executables: []Executable{"/nix/store/*/bin/docker", "~/bin/docker"}},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "config.toml")
			write(t, path, tt.text)
			want := Default()
			want.Policy = tt.want
			if got, err := Load(path); err != nil || !got.Equal(want) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func TestPolicyRefuses(t *testing.T) {
	const head = "log_level = \"info\"\n[[policy]]\nconfirm = true\n[[policy]]\n"
	tests := []struct{ name, text, want string }{
		{"unknown", "confirm = true\nconector = \"x\"\n", `config.toml, line 6: there is no setting ` +
			`"policy.conector"; settings are connector, registry, executables,`},
		{"connector", "connector = \"[\"\n", `config.toml, line 5: policy.connector: "[" is not a name`},
		{"empty connector", "connector = \"\"\n", `"" is not a name`},
		{"registry", "confirm = true\nregistry = \"a b\"\n", `config.toml, line 6: policy.registry: "a ` +
			`b" is not a registry`},
		{"relative program", "executables = [\"docker\", \"bin/docker\"]\n", `config.toml, line 5: ` +
			`policy.executables: "bin/docker" is not a program`},
		{"number as a program", "executables = [1]\n", `1 is not a program`},
		{"control character", "executables = [\"/bin/\\u001b[2J\"]\n", `is not a program`},
		{"no program", "executables = []\n", "config.toml, line 4: policy, rule 2: executables is empty"},
		{"no directory", "directories = []\n", "config.toml, line 4: policy, rule 2: directories is empty"},
		{"relative directory", "directories = [\"src\"]\n", `"src" is not a directory`},
		{"other user's home", "directories = [\"~bob/src\"]\n", `"~bob/src" is not a directory`},
		{"nothing", "connector = \"x\"\n", "config.toml, line 4: policy, rule 2: it asks for nothing"},
		{"keep alone", "rate = \"1/1s\"\nconfirm_keep = \"1m\"\n", "policy, rule 2: confirm_keep has a " +
			"meaning beside confirm = true only"},
		{"rate without a time", "rate = \"30\"\n", `config.toml, line 5: policy.rate: "30" is not a ` +
			`valid rate`},
		{"rate of none", "rate = \"0/1m\"\n", `"0/1m" is not a valid rate`},
		{"rate in no time", "rate = \"1/0\"\n", `"1/0" is not a valid rate`},
		{"huge rate", "rate = \"1000001/1s\"\n", "is not a valid rate"},
		{"text for true", "confirm = \"yes\"\n", "config.toml, line 5: policy.confirm: a value of type " +
			"string is not allowed; write true or false"},
		{"text for a list", "executables = \"docker\"\n", "config.toml, line 5: policy.executables: a " +
			"value of type string is not allowed; write a list"},
		{"another letter", "Confirm = true\n", `config.toml, line 5: there is no setting ` +
			`"policy.Confirm"; settings are connector,`},
		{"rules by another name", "rate = \"1/1s\"\n[[Policy]]\nrate = \"1/1s\"\n", `config.toml, line ` +
			`6: there is no setting "Policy"; settings are`},
		{"one table", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := head + tt.text
			if tt.name == "one table" {
				text, tt.want = "[policy]\nconfirm = true\n", "config.toml, line 1: policy is a list of "+
					"tables: write each as [[policy]]"
			}
			path := filepath.Join(t.TempDir(), "config.toml")
			write(t, path, text)
			_, err := Load(path)
			if credential.ReasonOf(err) != credential.InvalidInput ||
				!strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestEqual(t *testing.T) {
	one := Default()
	one.Policy = []Rule{whole()}
	changes := map[string]func(*Config){
		"level":       func(c *Config) { c.LogLevel = "debug" },
		"no rule":     func(c *Config) { c.Policy = nil },
		"two rules":   func(c *Config) { c.Policy = append(c.Policy, whole()) },
		"connector":   func(c *Config) { c.Policy[0].Connector = "x" },
		"registry":    func(c *Config) { c.Policy[0].Registry = "x" },
		"executables": func(c *Config) { c.Policy[0].Executables = nil },
		"directories": func(c *Config) { c.Policy[0].Directories[0] = "/x" },
		"confirm":     func(c *Config) { c.Policy[0].Confirm = false },
		"keep":        func(c *Config) { c.Policy[0].ConfirmKeep = 1 },
		"rate":        func(c *Config) { c.Policy[0].Rate.Count = 1 },
	}
	if fields := reflect.TypeFor[Rule]().NumField(); fields != 7 {
		t.Errorf("a rule has %d fields: test and compare them all", fields)
	}
	for name, change := range changes {
		two := Default()
		two.Policy = []Rule{whole()}
		if !one.Equal(two) {
			t.Fatal("the same is not equal")
		}
		change(&two)
		if one.Equal(two) || two.Equal(one) {
			t.Errorf("%s: a change is not seen", name)
		}
	}
}
