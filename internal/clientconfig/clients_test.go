package clientconfig_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"

	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/credential"
)

func TestClientsThatReadDockersConfiguration(t *testing.T) {
	for _, name := range []string{"nerdctl", "crane", "oras", "regctl"} {
		m := newMachine(t)
		m.config("{}")
		r := m.one(m.applyTo(name, all()))
		if r.Client != "docker" || r.For != name || r.File != m.at("home/.docker/config.json") || !r.Changed {
			t.Errorf("%s: %+v", name, r)
		}
		if r := m.apply(all()); r.Changed || r.For != "" {
			t.Errorf("docker after %s: %+v", name, r)
		}
		if r := m.one(m.undoOf(name, all())); r.For != name || !r.Exact ||
			m.read("home/.docker/config.json") != "{}" {
			t.Errorf("%s undone: %+v", name, r)
		}
	}
	m := newMachine(t)
	for _, name := range []string{"skopeo", "buildah"} {
		if r := m.one(m.applyTo(name, dry(all()))); r.Client != "podman" || r.For != name ||
			!strings.HasSuffix(r.File, "registries.conf.d/99-zen.conf") {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestInstalled(t *testing.T) {
	m := newMachine(t)
	if got := m.env.Installed(); len(got) > 0 {
		t.Errorf("got %q", got)
	}
	for _, p := range []string{"docker", "skopeo", "oras"} {
		m.program("bin/" + p)
	}
	m.write("bin/helm", "", 0o644) // no program
	if got := m.env.Installed(); !slices.Equal(got, []string{"docker", "podman", "oras"}) {
		t.Errorf("got %q", got)
	}
	for _, name := range m.env.Installed() {
		if !slices.Contains(clientconfig.Clients(), name) {
			t.Errorf("%s is no client", name)
		}
	}
}

func TestHelm(t *testing.T) {
	skipUnlessLinux(t)
	tests := []struct {
		name string
		vars map[string]string
		file string
	}{
		{"home", nil, "home/.config/helm/registry/config.json"},
		{"XDG", map[string]string{"XDG_CONFIG_HOME": "xdg"}, "xdg/helm/registry/config.json"},
		{
			"helm's home",
			map[string]string{"XDG_CONFIG_HOME": "xdg", "HELM_CONFIG_HOME": "helm"},
			"helm/registry/config.json",
		},
		{
			"helm's file",
			map[string]string{"HELM_CONFIG_HOME": "helm", "HELM_REGISTRY_CONFIG": "x.json"},
			"x.json",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t)
			for k, v := range tt.vars {
				m.vars[k] = m.at(v)
			}
			m.vars["DOCKER_AUTH_CONFIG"] = "{}" // helm does not know it
			before := m.tree()
			r := m.one(m.applyTo("helm", all()))
			if r.File != m.at(tt.file) || !r.Created || len(r.Warnings) > 0 {
				t.Errorf("%+v", r)
			}
			if got := m.read(tt.file); got != "{\n\t\"credsStore\": \"zen\"\n}\n" {
				t.Errorf("wrote %s", got)
			}
			m.undoOf("helm", all())
			os.RemoveAll(m.at("state"))
			if diff := cmp.Diff(before, m.tree()); diff != "" {
				t.Errorf("undone (-before +now):\n%s", diff)
			}
		})
	}
	m := newMachine(t)
	m.write(
		"home/.config/helm/registry/config.json",
		`{"auths": {"ghcr.io": {"auth": "`+basic()+`"}}}`,
		0o600,
	)
	r := m.one(m.applyTo("helm", hosts("ghcr.io", "registry-1.docker.io")))
	want := []string{"helm no longer uses the logins that DIR/home/.config/helm/registry/config.json " +
		"holds in plain text: ghcr.io" +
		" => move them into the vault: zen import"}
	if diff := cmp.Diff(want, m.warnings(r)); diff != "" || len(r.Steps) != 2 ||
		r.Steps[1].Member != `credHelpers["https://index.docker.io/v1/"]` {
		t.Errorf("%+v (-want +got):\n%s", r, diff)
	}
}

const dropIn = "home/.config/containers/registries.conf.d/99-zen.conf"

func TestPodman(t *testing.T) {
	m := newMachine(t)
	before := m.tree()
	if r := m.one(m.applyTo("podman", dry(all()))); !r.Created ||
		!strings.Contains(r.Diff, "+credential-helpers = [\"zen\"]\n") ||
		m.tree() != before {
		t.Errorf("a dry run: %+v", r)
	}
	r := m.one(m.applyTo("podman", all()))
	if !r.Created || !r.Changed || r.File != m.at(dropIn) || len(r.Warnings) > 0 {
		t.Errorf("%+v", r)
	}
	if diff := cmp.Diff([]clientconfig.Step{{Member: "credential-helpers", After: "zen"}},
		r.Steps); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var conf map[string][]string
	if err := toml.Unmarshal([]byte(m.read(dropIn)), &conf); err != nil ||
		!slices.Equal(conf["credential-helpers"], []string{"zen"}) ||
		len(conf) != 1 {
		t.Errorf("%v, %v", conf, err)
	}
	if r := m.one(m.applyTo("podman", all())); r.Changed || r.Created {
		t.Errorf("again: %+v", r)
	}
	if r := m.one(m.undoOf("podman", dry(all()))); !r.Created || !r.Exact ||
		!strings.Contains(r.Diff, "-credential-helpers") {
		t.Errorf("a dry undo: %+v", r)
	}
	if r := m.one(m.undoOf("podman", all())); !r.Created || !r.Exact {
		t.Errorf("undone: %+v", r)
	}
	if r := m.one(m.undoOf("podman", all())); r.Changed {
		t.Errorf("undone again: %+v", r)
	}
	os.RemoveAll(m.at("state"))
	if diff := cmp.Diff(before, m.tree()); diff != "" {
		t.Errorf("undone (-before +now):\n%s", diff)
	}
}

// Older versions look in ~/.config whatever XDG_CONFIG_HOME says.
func TestPodmanWithXDG(t *testing.T) {
	m := newMachine(t)
	m.vars["XDG_CONFIG_HOME"] = m.at("xdg")
	reports := m.applyTo("podman", all())
	if len(reports) != 2 || reports[0].File != m.at("xdg/containers/registries.conf.d/99-zen.conf") ||
		reports[1].File != m.at(dropIn) ||
		!reports[0].Changed ||
		!reports[1].Changed {
		t.Errorf("%+v", reports)
	}
	if list, err := m.env.Recorded(); err != nil || len(list) != 2 {
		t.Errorf("%v, %v", list, err)
	}
	m.undoOf("podman", all())
	for _, name := range []string{"xdg", "home/.config"} {
		if _, err := os.Stat(m.at(name)); err == nil {
			t.Errorf("%s is left", name)
		}
	}
	m.vars["XDG_CONFIG_HOME"] = m.at("home/.config")
	if r := m.one(m.applyTo("podman", dry(all()))); r.File != m.at(dropIn) {
		t.Errorf("%+v", r)
	}
}

func TestPodmanOwnFileOfOthers(t *testing.T) {
	// with more in it: it still names zen, so it stays, and undo leaves it alone
	m := newMachine(t)
	m.applyTo("podman", all())
	edited := m.read(dropIn) + "unqualified-search-registries = [\"docker.io\"]\n"
	m.write(dropIn, edited, 0o600)
	if r := m.one(m.applyTo("podman", all())); r.Changed {
		t.Errorf("%+v", r)
	}
	r := m.one(m.undoOf("podman", all()))
	if diff := cmp.Diff([]clientconfig.Step{{
		Member: "credential-helpers", Before: "zen", After: "zen",
		Kept: true,
	}}, r.Steps); diff != "" ||
		r.Changed {
		t.Errorf("%+v (-want +got):\n%s", r, diff)
	}
	if m.read(dropIn) != edited {
		t.Error("it was changed")
	}
	// without zen in it: nobody knows what it is for
	m.write(dropIn, "credential-helpers = [\"pass\"]\n", 0o600)
	before := m.tree()
	_, err := m.env.Apply(t.Context(), "podman", all())
	if !credential.InvalidInput.Is(err) || !strings.Contains(err.Error(), "does not name zen any more") ||
		hint(err) != "rm "+m.at(dropIn)+", then: zen setup podman" || m.tree() != before {
		t.Errorf("%v (%s)", err, hint(err))
	}
}

func TestPodmanAlready(t *testing.T) {
	m := newMachine(t)
	m.write("home/.config/containers/registries.conf", "credential-helpers = [\"zen\", "+
		"\"containers-auth.json\"]\n", 0o600)
	before := m.tree()
	if r := m.one(m.applyTo("podman", all())); r.Changed || m.tree() != before {
		t.Errorf("%+v", r)
	}
}

func TestPodmanRefusesHosts(t *testing.T) {
	m := newMachine(t)
	if _, err := m.env.Apply(t.Context(), "podman", hosts("ghcr.io")); !credential.InvalidInput.Is(err) ||
		hint(err) != "zen setup podman" {
		t.Errorf("%v (%s)", err, hint(err))
	}
}

func TestPodmanWarnings(t *testing.T) {
	login := `{"auths": {"ghcr.io": {"auth": "` + basic() + `"}}}`
	const gone = ", and is not asked for the logins it keeps any more => move them into the vault: zen " +
		"import; or go back: zen setup --undo"
	tests := []struct {
		name    string
		prepare func(m *machine)
		want    []string
		hidden  string
	}{
		{"the system's configuration", func(m *machine) {
			m.write("root/etc/containers/registries.conf", "unqualified-search-registries = "+
				"[\"docker.io\"]\n", 0o644)
			m.write("root/etc/containers/registries.conf.d/shortnames.conf", "[aliases]\n", 0o644)
		}, nil, ""},
		{"another helper", func(m *machine) {
			m.write("root/etc/containers/registries.conf", "credential-helpers = "+
				"[\"secretservice\"]\n", 0o644)
			// not read
			m.write("root/usr/share/containers/registries.conf", "credential-helpers = [\"pass\"]\n", 0o644)
			// not read either
			m.write("home/.config/containers/auth.json", login, 0o600)
		}, []string{"docker-credential-secretservice was asked by podman, skopeo and buildah until " +
			"now" + gone}, ""},
		{"another helper in a drop-in", func(m *machine) {
			m.write("root/etc/containers/registries.conf.d/50-x.conf", "credential-helpers = "+
				"[\"pass\"]\n", 0o644)
		}, []string{"docker-credential-pass was asked by podman, skopeo and buildah until now" + gone}, ""},
		{"a later drop-in", func(m *machine) {
			m.write("root/etc/containers/registries.conf.d/zz.conf", "credential-helpers = "+
				"[\"pass\"]\n", 0o644)
		}, []string{
			"DIR/root/etc/containers/registries.conf.d/zz.conf comes after zen's file and sets " +
				"credential-helpers = [\"pass\"] => take credential-helpers out of " +
				"DIR/root/etc/containers/registries.conf.d/zz.conf",
		}, ""},
		{"broken file", func(m *machine) {
			m.write("root/etc/containers/registries.conf.d/zz.conf", "credential-helpers = "+
				"[\"pass\"\n", 0o644)
		}, []string{
			"DIR/root/etc/containers/registries.conf.d/zz.conf is refused by podman, skopeo and buildah: " +
				"toml: line 1 (last key \"credential-helpers\"): expected a comma (',') or array " +
				"terminator (']'), but got end of file => correct " +
				"DIR/root/etc/containers/registries.conf.d/zz.conf",
		}, ""},
		{"another configuration", func(m *machine) {
			m.write("mine.conf", "", 0o644)
			m.vars["CONTAINERS_REGISTRIES_CONF"] = m.at("mine.conf")
		}, []string{
			`CONTAINERS_REGISTRIES_CONF names another configuration, DIR/mine.conf, which does not name ` +
				`zen => unset CONTAINERS_REGISTRIES_CONF, or put into that file: credential-helpers = ` +
				`["zen"]`,
		}, ""},
		{"another configuration with zen", func(m *machine) {
			m.write("mine.conf", "credential-helpers = [\"zen\"]", 0o644)
			m.vars["CONTAINERS_REGISTRIES_CONF_OVERRIDE"] = m.at("mine.conf")
		}, nil, ""},
		{"credentials in plain text", func(m *machine) {
			m.write("run/containers/auth.json", login, 0o600)
			m.write("home/.config/containers/auth.json", `{"credHelpers": {"quay.io": "pass", "a.io": `+
				`"zen"}}`, 0o600)
			m.config(strings.ReplaceAll(login, "ghcr.io", "docker.io"))
			m.vars["XDG_RUNTIME_DIR"] = m.at("run")
		}, []string{
			"podman, skopeo and buildah no longer use the logins that DIR/run/containers/auth.json holds " +
				"in plain text: ghcr.io => move them into the vault: zen import",
			"podman, skopeo and buildah ask zen for quay.io now, not docker-credential-pass as " +
				"DIR/home/.config/containers/auth.json says => ",
			"podman, skopeo and buildah no longer use the logins that DIR/home/.docker/config.json holds " +
				"in plain text: docker.io => move them into the vault: zen import",
		}, "ghcr.io docker.io"},
		{"a file of logins that a variable names", func(m *machine) {
			m.write("mine.json", login, 0o600)
			m.config(login)
			m.vars["REGISTRY_AUTH_FILE"] = m.at("mine.json")
		}, []string{
			"podman, skopeo and buildah no longer use the logins that DIR/mine.json holds in plain text: " +
				"ghcr.io => move them into the vault: zen import",
		}, "ghcr.io"},
		{"DOCKER_CONFIG", func(m *machine) {
			m.write("docker/config.json", "{}", 0o600)
			m.vars["DOCKER_CONFIG"] = m.at("docker")
		}, []string{
			`DOCKER_CONFIG is set: "podman login" of newer versions writes passwords into ` +
				`DIR/docker/config.json in plain text => log in with zen login, or unset DOCKER_CONFIG`,
		}, ""},
		{
			"DOCKER_CONFIG without a file",
			func(m *machine) { m.vars["DOCKER_CONFIG"] = m.at("docker") },
			[]string{
				`DOCKER_CONFIG is set: "podman login" of newer versions writes passwords into ` +
					`DIR/docker/config.json in plain text => log in with zen login, or unset DOCKER_CONFIG`,
				"DOCKER_CONFIG is set, but there is no DIR/docker/config.json: podman and buildah refuse " +
					"to " +
					"work then => unset DOCKER_CONFIG",
			},
			"",
		},
		{"no helper", func(m *machine) { m.vars["PATH"] = "" }, []string{
			`docker-credential-zen is not on PATH: no client can ask zen => export PATH=DIR/bin:"$PATH"`,
		}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t)
			tt.prepare(m)
			for _, o := range []clientconfig.Options{dry(all()), all()} {
				r := m.one(m.applyTo("podman", o))
				if diff := cmp.Diff(tt.want, m.warnings(r)); diff != "" ||
					strings.Join(r.Hidden, " ") != tt.hidden {
					t.Errorf("hidden %q (-want +got):\n%s", r.Hidden, diff)
				}
			}
		})
	}
}

func TestBuildx(t *testing.T) {
	m := newMachine(t)
	m.config("{}")
	one := "home/.docker/buildx/config/registry-1.docker.io/library/alpine@pull,push/config.json"
	m.write(one, `{"credsStore": "pass"}`, 0o600)
	m.write("home/.docker/buildx/config/x/other.json", `{}`, 0o600)
	before := m.tree()
	reports := m.applyTo("buildx", all())
	if len(reports) != 2 || reports[0].File != m.at("home/.docker/config.json") ||
		reports[1].File != m.at(one) ||
		reports[0].Client != "buildx" {
		t.Errorf("%+v", reports)
	}
	if got := m.read(one); got != `{"credsStore": "zen"}` {
		t.Errorf("wrote %s", got)
	}
	reports = m.applyTo("buildx", hosts("ghcr.io/team/app", "docker.io"))
	if len(reports) != 2 ||
		reports[0].File != m.at("home/.docker/buildx/config/ghcr.io/team/app/config.json") ||
		reports[1].File != m.at("home/.docker/buildx/config/registry-1.docker.io/config.json") ||
		!reports[0].Created {
		t.Errorf("%+v", reports)
	}
	got := m.read("home/.docker/buildx/config/ghcr.io/team/app/config.json")
	if got != "{\n\t\"credsStore\": \"zen\"\n}\n" {
		t.Errorf("wrote %s", got)
	}
	if r := m.one(m.undoOf("buildx", hosts("docker.io"))); !r.Created || len(r.Elsewhere) != 3 {
		t.Errorf("%+v", r)
	}
	if reports := m.undoOf("buildx", all()); len(reports) != 3 {
		t.Errorf("%+v", reports)
	}
	os.RemoveAll(m.at("state"))
	if diff := cmp.Diff(before, m.tree()); diff != "" {
		t.Errorf("undone (-before +now):\n%s", diff)
	}
	m.vars["BUILDX_CONFIG"] = m.at("bx")
	if r := m.one(m.applyTo("buildx", dry(hosts("ghcr.io")))); r.File != m.at(
		"bx/config/ghcr.io/config.json",
	) {
		t.Errorf("%+v", r)
	}
	if _, err := m.env.Apply(t.Context(), "buildx",
		hosts("https://index.docker.io/v1/access-token")); !credential.InvalidInput.Is(
		err,
	) {
		t.Errorf("got %v", err)
	}
}

// One file that cannot be edited does not keep the others from it.
func TestBuildxWithBrokenFile(t *testing.T) {
	m := newMachine(t)
	m.config("{")
	m.write("home/.docker/buildx/config/ghcr.io/config.json", "{}", 0o600)
	reports, err := m.env.Apply(t.Context(), "buildx", all())
	if !credential.InvalidInput.Is(err) || len(reports) != 1 || !reports[0].Changed {
		t.Errorf("%+v, %v", reports, err)
	}
	reports, err = m.env.Undo(t.Context(), "buildx", all())
	if !credential.InvalidInput.Is(err) || len(reports) != 1 || !reports[0].Exact {
		t.Errorf("undone: %+v, %v", reports, err)
	}
}

func TestRegctlWarning(t *testing.T) {
	for _, variable := range []string{"", "REGCTL_CONFIG"} {
		m := newMachine(t)
		file := "home/.regctl/config.json"
		if variable != "" {
			file = "mine.json"
			m.vars[variable] = m.at(file)
		}
		m.write(file, `{"hosts": {"ghcr.io": {"user": "alice", "pass": "`+canary+`"}, "quay.io": `+
			`{"credHelper": "docker-credential-x"}}}`, 0o600)
		want := []string{"DIR/" + filepath.ToSlash(file) + " stores credentials in plain text: ghcr.io => " +
			"move them into the vault: zen import"}
		r := m.one(m.applyTo("regctl", all()))
		if diff := cmp.Diff(want, m.warnings(r)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// Directories that were made for two files go with the last of them, in whichever order
// they are undone.
func TestUndoOfTwoFilesInNewDirectories(t *testing.T) {
	skipUnlessLinux(t)
	for _, order := range [][]string{{"podman", "helm"}, {"helm", "podman"}} {
		m := newMachine(t)
		before := m.tree()
		m.applyTo("podman", all())
		m.applyTo("helm", all())
		for _, name := range order {
			m.undoOf(name, all())
		}
		os.RemoveAll(m.at("state"))
		if diff := cmp.Diff(before, m.tree()); diff != "" {
			t.Errorf("%q: undone (-before +now):\n%s", order, diff)
		}
	}
}
