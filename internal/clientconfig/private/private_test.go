package private

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"

	"github.com/zen-agent/zen/internal/clientconfig"
)

// privateRig is a home with podman and docker-credential-zen on PATH.
func privateRig(t *testing.T, files map[string]string) (
	e clientconfig.Env, home string, vars func() map[string]string,
) {
	t.Helper()
	home = t.TempDir()
	files["bin/podman"], files["bin/docker-credential-zen"] = "#!/bin/sh\n", "#!/bin/sh\n"
	for name, content := range files {
		name = filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	env := map[string]string{"HOME": home, "PATH": filepath.Join(home, "bin")}
	e = clientconfig.Env{
		Getenv: func(name string) string { return env[name] }, Root: filepath.Join(home, "root"),
	}
	return e, home, func() map[string]string {
		t.Helper()
		list, err := Make(t.Context(), e, filepath.Join(home, "private"))
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]string{}
		for _, v := range list {
			found[v.Name] = v.Value
		}
		return found
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestPrivatePodman(t *testing.T) {
	_, home, vars := privateRig(t, map[string]string{
		"root/etc/containers/registries.conf": "unqualified-search-registries = " +
			"[\"docker.io\"]\ncredential-helpers = [\"secretservice\"]\n" +
			"[[registry]]\nprefix = \"a.example\"\nlocation = \"b.example\"\n[[registry]]\nlocation = " +
			"\"c.example\"\ninsecure = true\n",
		"root/etc/containers/registries.conf.d/10-short.conf": "[aliases]\nx = \"a.example/x\"\ny = " +
			"\"a.example/y\"\n",
		".config/containers/registries.conf.d/20-mine.conf": "[aliases]\ny = " +
			"\"mine.example/y\"\n[[registry]]\nprefix = \"a.example\"\nblocked = true\n",
	})
	got := vars()
	var conf struct {
		Search  []string          `toml:"unqualified-search-registries"`
		Helpers []string          `toml:"credential-helpers"`
		Aliases map[string]string `toml:"aliases"`
		List    []struct {
			Prefix, Location  string
			Insecure, Blocked bool
		} `toml:"registry"`
	}
	text := readFile(t, got["CONTAINERS_REGISTRIES_CONF"])
	if err := toml.Unmarshal([]byte(text), &conf); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if len(conf.Helpers) != 1 || conf.Helpers[0] != "zen" || len(conf.Search) != 1 ||
		conf.Aliases["x"] != "a.example/x" ||
		conf.Aliases["y"] != "mine.example/y" {
		t.Errorf("merged:\n%s", text)
	}
	if len(conf.List) != 2 || !conf.List[0].Insecure || !conf.List[1].Blocked || conf.List[1].Location != "" {
		t.Errorf("registries:\n%s", text)
	}
	if readFile(t, got["REGISTRY_AUTH_FILE"]) != "{}\n" ||
		got["DOCKER_CONFIG"] != filepath.Join(home, "private", "docker") ||
		got["PATH"] != "" {
		t.Errorf("variables %v", got)
	}
}

func TestPrivateDocker(t *testing.T) {
	_, home, vars := privateRig(t, map[string]string{
		".docker/config.json": `{"auths": {"ghcr.io": {"auth": "canary"}},
			"credHelpers": {"gcr.io": "gcloud"},
			"plugins": {"x": {"y": "z"}},
			"proxies": {"default": {"httpProxy": "http://u:canary@proxy"}}, "HttpHeaders": {"A": "canary"}}`,
		".docker/contexts/meta/x/meta.json": "{}", ".docker/cli-plugins/docker-x": "",
	})
	before := readFile(t, filepath.Join(home, ".docker/config.json"))
	dir := vars()["DOCKER_CONFIG"]
	text := readFile(t, filepath.Join(dir, "config.json"))
	for _, want := range []string{`"credsStore": "zen"`, `"gcr.io": "gcloud"`, `"plugins"`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not in\n%s", want, text)
		}
	}
	if strings.Contains(text, "canary") || readFile(t, filepath.Join(home, ".docker/config.json")) != before {
		t.Errorf("a secret was copied, or the user's file changed:\n%s", text)
	}
	readFile(t, filepath.Join(dir, "contexts/meta/x/meta.json"))
	if info, err := os.Stat(filepath.Join(dir, "config.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := os.RemoveAll(filepath.Join(home, ".docker/cli-plugins")); err != nil {
		t.Fatal(err)
	}
	if vars(); len(readDir(t, dir)) != 2 { // what is gone leads nowhere any more
		t.Errorf("in the directory are %v", readDir(t, dir))
	}
}

func readDir(t *testing.T, dir string) (names []string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range list {
		names = append(names, entry.Name())
	}
	return names
}

func TestPrivateNeedsNothing(t *testing.T) {
	_, _, vars := privateRig(t, map[string]string{
		".docker/config.json":                              `{"credsStore": "zen"}`,
		".config/containers/registries.conf.d/99-zen.conf": "credential-helpers = [\"zen\"]\n",
	})
	if got := vars(); len(got) != 0 {
		t.Errorf("set up, and yet %v", got)
	}
}

func TestPrivateRefusesWhatItCannotRead(t *testing.T) {
	for name, content := range map[string]string{
		".docker/config.json":                 "{",
		"root/etc/containers/registries.conf": "= no",
	} {
		e, home, _ := privateRig(t, map[string]string{name: content})
		if _, err := Make(t.Context(), e, filepath.Join(home, "private")); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
