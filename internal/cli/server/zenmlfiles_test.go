package server

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"
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
		"nothing": {},
		"global": {
			files: map[string]string{"zenml/config.yaml": rest},
			want:  "https://zenml.example.com global",
		},
		"repository": {files: map[string]string{
			"zenml/config.yaml":    rest,
			"src/.zen/config.yaml": "active_stack_id: mine\n",
		}, want: "https://zenml.example.com mine"},
		"repository without one": {
			files: map[string]string{
				"zenml/config.yaml":    rest,
				"src/.zen/config.yaml": "active_project_id: p\n",
			},
			want: "https://zenml.example.com global",
		},
		"environment": {
			files: map[string]string{
				"zenml/config.yaml":    rest,
				"src/.zen/config.yaml": "active_stack_id: mine\n",
			},
			env: map[string]string{
				"ZENML_ACTIVE_STACK_ID": "env",
				"ZENML_STORE_URL":       "http://127.0.0.1:8237",
			}, want: "http://127.0.0.1:8237 env",
		},
		"own database": {files: map[string]string{"zenml/config.yaml": "active_stack_id: a\nstore:\n  " +
			"type: sql\n  url: sqlite:////x.db\n"}},
		"no YAML": {files: map[string]string{"zenml/config.yaml": "{]"}},
		"another form": {files: map[string]string{"zenml/config.yaml": "store: [1, " +
			"2]\nactive_stack_id: {}\n"}},
		"nothing active": {files: map[string]string{"zenml/config.yaml": "store:\n  type: rest\n  url: " +
			"https://zenml.example.com\n"}},
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

// credentialsOfZenML is a credentials.yaml as ZenML 0.98 writes it.
const credentialsOfZenML = `https://key.example.com:
  api_key: ZENKEY_canary
  api_token:
    access_token: made-from-the-key
    expires_at: '2026-11-23T13:00:00.5+00:00'
  server_id: d5abb2d2-e398-428b-a6e4-b19c08204186
  url: https://key.example.com
https://password.example.com:
  password: canary
  url: https://password.example.com
  username: alice
https://browser.example.com/:
  api_token:
    access_token: canary
    device_id: c7ba3f7c-e246-445c-aad8-e69ee4de9092
    expires_at: '2026-11-23T13:00:00.5+00:00'
  url: https://browser.example.com
https://over.example.com:
  api_token: {access_token: canary, device_id: c7ba3f7c-e246-445c-aad8-e69ee4de9092,
              expires_at: '2026-11-23T11:00:00Z'}
https://cloudapi.zenml.io:
  api_token: {access_token: canary}
https://empty.example.com: {}
`

func TestLoginsOfZenML(t *testing.T) {
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	home := zenmlHome(t, map[string]string{"zenml/credentials.yaml": credentialsOfZenML})
	z := zenmlFiles{getenv: func(string) string { return filepath.Join(home, "zenml") }}
	var got []string
	for _, l := range z.logins(noon) {
		line := l.url + " " + l.auth + " " + l.username + " " + string(l.secret.Reveal())
		if l.until != nil {
			line += " " + l.until.Format("15:04:05")
		}
		got = append(got, line)
	}
	want := []string{
		"https://browser.example.com device  canary 13:00:00", "https://key.example.com api-key  " +
			"ZENKEY_canary",
		"https://password.example.com password alice canary",
	}
	if !slices.Equal(got, want) {
		t.Errorf("logins are %q", got)
	}
	for _, broken := range []string{"", "- a\n", "{]", "https://x: [1]\n", "https://x:\n  api_key: [1]\n"} {
		home := zenmlHome(t, map[string]string{"zenml/credentials.yaml": broken})
		z := zenmlFiles{getenv: func(string) string { return filepath.Join(home, "zenml") }}
		if got := z.logins(noon); len(got) != 0 {
			t.Errorf("%q has %d logins", broken, len(got))
		}
	}
}
