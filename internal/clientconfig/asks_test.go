package clientconfig_test

import (
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/clientconfig"
)

// asks is whom a client asks, one line each.
func (m *machine) asks(config, registry, key string) []string {
	m.t.Helper()
	a, err := address.Parse(registry)
	if err != nil {
		m.t.Fatal(err)
	}
	list, err := m.env.Asks(config, a, key)
	if err != nil {
		return []string{"error: " + strings.ReplaceAll(err.Error(), m.dir, "DIR")}
	}
	var lines []string
	for _, asked := range list {
		line := asked.File + " " + strconv.Quote(asked.Member) + " " + strconv.Quote(asked.Helper)
		for word, is := range map[string]bool{" chosen": asked.Chosen, " in plain text": asked.InClear} {
			if is {
				line += word
			}
		}
		lines = append(lines, strings.ReplaceAll(line, m.dir, "DIR"))
	}
	return lines
}

// TestAsks has for docker, crane and skopeo what helpers that write down what they are
// asked were asked.
func TestAsks(t *testing.T) {
	const (
		docker = "home/.docker/config.json"
		helm   = "home/.config/helm/registry/config.json"
		drop   = "home/.config/containers/registries.conf.d/99-zen.conf"
		auth   = "home/.config/containers/auth.json"
	)
	secret := `{"auth": "` + basic() + `"}`
	for _, tt := range []struct {
		name                  string
		files                 map[string]string
		config, registry, key string
		want                  []string
	}{
		{"nothing", nil, "docker", "ghcr.io", "ghcr.io", []string{`DIR/home/.docker/config.json "" ""`}},
		{
			"credsStore",
			map[string]string{docker: `{"credsStore": "zen"}`},
			"docker", "ghcr.io", "ghcr.io",
			[]string{`DIR/home/.docker/config.json "credsStore" "zen"`},
		},
		{
			"credHelpers come first",
			map[string]string{docker: `{"credsStore": "other", "credHelpers": {"ghcr.io": "third"}}`},
			"docker", "ghcr.io", "ghcr.io",
			[]string{`DIR/home/.docker/config.json "credHelpers[\"ghcr.io\"]" "third"`},
		},
		{
			"but for the very key only",
			map[string]string{docker: `{"credsStore": "other", "credHelpers": {"ghcr.io": "third"}}`},
			"docker", "ghcr.io/o/r", "ghcr.io/o/r",
			[]string{`DIR/home/.docker/config.json "credsStore" "other"`},
		},
		{
			"an empty one means the file",
			map[string]string{docker: `{"credsStore": "other", "credHelpers": {"ghcr.io": ""}}`},
			"docker", "ghcr.io", "ghcr.io",
			[]string{`DIR/home/.docker/config.json "credHelpers[\"ghcr.io\"]" ""`},
		},
		{
			"a login in plain text",
			map[string]string{docker: `{"auths": {"https://ghcr.io/v1/": ` + secret + `, "x.io": {}}}`},
			"docker", "ghcr.io", "ghcr.io",
			[]string{`DIR/home/.docker/config.json "" "" in plain text`},
		},
		{
			"of another registry",
			map[string]string{docker: `{"auths": {"ghcr.io": ` + secret + `, "x.io": {}}}`},
			"docker", "x.io", "x.io",
			[]string{`DIR/home/.docker/config.json "" ""`},
		},
		{"broken", map[string]string{docker: `{`}, "docker", "x.io", "x.io", []string{
			"error: DIR/home/.docker/config.json:1:2: unexpected end of JSON input",
		}},
		{
			"helm",
			map[string]string{docker: `{"credsStore": "zen"}`, helm: `{"auths": {"x.io": {}}}`},
			"helm", "x.io", "x.io",
			[]string{`DIR/home/.config/helm/registry/config.json "" ""`, `DIR/home/.docker/config.json ` +
				`"credsStore" "zen"`},
		},
		{
			"buildx for a repository",
			map[string]string{
				docker: `{"credsStore": "zen"}`,
				"home/.docker/buildx/config/ghcr.io/o/r/config.json": `{"credsStore": "zen-work"}`,
				"home/.docker/buildx/config/ghcr.io/config.json":     `{"credsStore": "zen-all"}`,
			},
			"buildx", "ghcr.io/o/r", "ghcr.io",
			[]string{`DIR/home/.docker/buildx/config/ghcr.io/o/r/config.json "credsStore" "zen-work"`},
		},
		{
			"buildx for a registry",
			map[string]string{
				docker: `{"credsStore": "zen"}`,
				"home/.docker/buildx/config/ghcr.io/config.json": `{"credsStore": "zen-all"}`,
			},
			"buildx", "ghcr.io/o/r", "ghcr.io",
			[]string{`DIR/home/.docker/buildx/config/ghcr.io/config.json "credsStore" "zen-all"`},
		},
		{
			"buildx for another one",
			map[string]string{
				docker: `{"credsStore": "zen"}`,
				"home/.docker/buildx/config/registry-1.docker.io/o/r/config.json": `{"credsStore": ` +
					`"zen-hub"}`,
			},
			"buildx", "docker.io/o/r2", "https://index.docker.io/v1/",
			[]string{`DIR/home/.docker/config.json "credsStore" "zen"`},
		},
		{
			"buildx on Docker Hub",
			map[string]string{
				"home/.docker/buildx/config/registry-1.docker.io/o/r/config.json": `{"credsStore":"zen-hub"}`,
			},
			"buildx", "docker.io/o/r", "https://index.docker.io/v1/",
			[]string{`DIR/home/.docker/buildx/config/registry-1.docker.io/o/r/config.json "credsStore" ` +
				`"zen-hub"`},
		},
		{"podman", map[string]string{docker: `{"credsStore": "zen"}`}, "podman", "ghcr.io", "ghcr.io", nil},
		{
			"podman, set up",
			map[string]string{drop: `credential-helpers = ["zen"]`, docker: `{"credHelpers": {"ghcr.io": ` +
				`"third"}}`},
			"podman", "ghcr.io", "ghcr.io",
			[]string{`DIR/` + drop + ` "credential-helpers" "zen"`},
		},
		{
			"podman with files and helpers", map[string]string{
				drop: `credential-helpers = ["containers-auth.json", "zen"]`, auth: `{"auths": ` +
					`{"ghcr.io/o": ` + secret + `}}`,
				docker: `{"credHelpers": {"ghcr.io": "third"}}`,
			}, "podman", "ghcr.io/o/r", "ghcr.io", []string{
				`DIR/home/.config/containers/auth.json "" "" in plain text`,
				`DIR/home/.docker/config.json "credHelpers[\"ghcr.io\"]" "third"`,
				`DIR/` + drop + ` "credential-helpers" "zen"`,
			},
		},
		{
			"podman, another namespace",
			map[string]string{auth: `{"auths": {"ghcr.io/o": ` + secret + `}}`},
			"podman", "ghcr.io/p/r", "ghcr.io", nil,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t)
			m.vars["HELM_CONFIG_HOME"] = m.at("home/.config/helm")
			for name, text := range tt.files {
				m.write(name, text, 0o600)
			}
			if diff := cmp.Diff(tt.want, m.asks(tt.config, tt.registry, tt.key)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAsksVariables(t *testing.T) {
	m := newMachine(t)
	m.write("a.conf", `credential-helpers = ["a"]`, 0o600)
	m.write("b.conf", `credential-helpers = ["b"]`, 0o600)
	m.write("home/.config/containers/registries.conf.d/99-zen.conf", `credential-helpers = ["zen"]`, 0o600)
	m.vars["CONTAINERS_REGISTRIES_CONF"] = m.at("a.conf")
	if got := m.asks("podman", "x.io", "x.io"); len(got) != 1 || got[0] != `DIR/a.conf `+
		`"credential-helpers" "a"` {
		t.Errorf("%q", got)
	}
	m.vars["CONTAINERS_REGISTRIES_CONF_OVERRIDE"] = m.at("b.conf")
	if got := m.asks("podman", "x.io", "x.io"); len(got) != 1 || got[0] != `DIR/b.conf `+
		`"credential-helpers" "b"` {
		t.Errorf("%q", got)
	}
	if runtime.GOOS != "windows" { // docker detects a helper by itself
		m.program("bin/pass")
		m.program("bin/docker-credential-pass")
		m.program("bin/docker-credential-osxkeychain")
		if got := m.asks("docker", "x.io", "x.io"); len(got) != 1 || !strings.HasSuffix(got[0], " chosen") {
			t.Errorf("%q", got)
		}
	}
}

func TestConfigFilesAndReaders(t *testing.T) {
	m := newMachine(t)
	m.vars["HELM_CONFIG_HOME"] = m.at("home/.config/helm")
	m.write("home/.docker/buildx/config/a.io/config.json", "{}", 0o600)
	for _, p := range []string{"docker", "crane", "skopeo"} {
		m.program("bin/" + p)
	}
	files, err := m.env.ConfigFiles()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range files {
		got = append(got, f.Client+" "+strings.ReplaceAll(f.Path, m.dir, "DIR"))
	}
	for _, want := range []string{
		"docker DIR/home/.docker/config.json", "podman DIR/home/.config/containers/auth.json",
		"helm DIR/home/.config/helm/registry/config.json", "buildx " +
			"DIR/home/.docker/buildx/config/a.io/config.json",
	} {
		if !strings.Contains(strings.Join(got, "\n"), want) {
			t.Errorf("no %s in %q", want, got)
		}
	}
	if strings.Contains(strings.Join(got, "\n"), "regctl") {
		t.Errorf("regctl's file is in another format: %q", got)
	}
	if diff := cmp.Diff([]string{"docker", "crane"}, m.env.InstalledReaders("docker")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"podman"}, m.env.InstalledReaders("podman")); diff != "" {
		t.Error(diff)
	}
}

func TestProfile(t *testing.T) {
	for helper, want := range map[string]string{
		"zen": "", "zen-work": "work", "zen-a-b": "a-b",
		"zenwork": "", "pass": "", "": "",
	} {
		if got := clientconfig.Profile(helper); got != want {
			t.Errorf("%s: %q, want %q", helper, got, want)
		}
	}
}
