package cli

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// zenmlHome is a home directory with ZenML's files, and a repository below it.
func zenmlHome(t *testing.T, files map[string]string) string {
	t.Helper()
	home := t.TempDir()
	for name, content := range files {
		name = filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return home
}

func TestActiveStackOfZenML(t *testing.T) {
	const rest = "active_stack_id: global\nstore:\n  type: rest\n  url: https://zenml.example.com\n"
	for name, tt := range map[string]struct {
		files map[string]string
		env   map[string]string
		want  string // URL and id; "": none
	}{
		"nothing":    {},
		"global":     {files: map[string]string{"zenml/config.yaml": rest}, want: "https://zenml.example.com global"},
		"repository": {files: map[string]string{"zenml/config.yaml": rest, "src/.zen/config.yaml": "active_stack_id: mine\n"}, want: "https://zenml.example.com mine"},
		"repository without one": {
			files: map[string]string{"zenml/config.yaml": rest, "src/.zen/config.yaml": "active_project_id: p\n"},
			want:  "https://zenml.example.com global",
		},
		"environment": {
			files: map[string]string{"zenml/config.yaml": rest, "src/.zen/config.yaml": "active_stack_id: mine\n"},
			env:   map[string]string{"ZENML_ACTIVE_STACK_ID": "env", "ZENML_STORE_URL": "http://127.0.0.1:8237"}, want: "http://127.0.0.1:8237 env",
		},
		"own database":   {files: map[string]string{"zenml/config.yaml": "active_stack_id: a\nstore:\n  type: sql\n  url: sqlite:////x.db\n"}},
		"no YAML":        {files: map[string]string{"zenml/config.yaml": "{]"}},
		"another form":   {files: map[string]string{"zenml/config.yaml": "store: [1, 2]\nactive_stack_id: {}\n"}},
		"nothing active": {files: map[string]string{"zenml/config.yaml": "store:\n  type: rest\n  url: https://zenml.example.com\n"}},
	} {
		home := zenmlHome(t, tt.files)
		z := zenmlFiles{cwd: filepath.Join(home, "src", "deep"), getenv: func(name string) string {
			if name == envZenMLConfig {
				return filepath.Join(home, "zenml")
			}
			return tt.env[name]
		}}
		got := ""
		if s := z.activeStack(); s != nil {
			got = s.URL + " " + s.ID
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

func TestDirectoryOfZenML(t *testing.T) {
	for _, tt := range []struct {
		env  map[string]string
		want string
	}{
		{nil, ""},
		{map[string]string{"ZENML_CONFIG_PATH": "/z", "HOME": "/h"}, "/z"},
		{map[string]string{"XDG_CONFIG_HOME": "/x", "HOME": "/h"}, "/x/zenml"},
		{map[string]string{"HOME": "/h"}, "/h/.config/zenml"},
	} {
		z := zenmlFiles{getenv: func(name string) string { return tt.env[name] }}
		if got := z.dir(); got != tt.want && (runtime.GOOS != "darwin" || tt.want == "" || tt.want == "/z") {
			t.Errorf("%v: %s, want %s", tt.env, got, tt.want)
		}
	}
}
