package clientconfig_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/credential"
)

// canary is the password in every file of these tests. It must come out nowhere.
const canary = "canary-5f1c0e"

func basic() string { return base64.StdEncoding.EncodeToString([]byte("alice:" + canary)) }

// machine is an environment of its own: a home, a state directory, a PATH.
type machine struct {
	t    *testing.T
	dir  string
	vars map[string]string
	env  clientconfig.Env
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{t: t, dir: dir, vars: map[string]string{}}
	m.vars["HOME"] = m.at("home")
	m.vars["PATH"] = m.at("bin")
	m.env = clientconfig.Env{
		Getenv:  func(k string) string { return m.vars[k] },
		State:   m.at("state"),
		Program: m.at("bin/zen"),
		Root:    m.at("root"),
	}
	m.mkdir("home", 0o700)
	m.mkdir("bin", 0o755)
	m.program("bin/docker-credential-zen")
	return m
}

func (m *machine) at(name string) string { return filepath.Join(m.dir, name) }

func (m *machine) mkdir(name string, mode os.FileMode) {
	m.t.Helper()
	if err := errors.Join(os.MkdirAll(m.at(name), 0o700), os.Chmod(m.at(name), mode)); err != nil {
		m.t.Fatal(err)
	}
}

// longAgo is when files were written: a new one is left alone for a while.
func longAgo() time.Time { return time.Now().Add(-time.Hour) }

func (m *machine) write(name, text string, mode os.FileMode) {
	m.t.Helper()
	m.mkdir(filepath.Dir(name), 0o755)
	os.Remove(m.at(name))
	if err := errors.Join(os.WriteFile(m.at(name), []byte(text), 0o600),
		os.Chmod(m.at(name), mode), os.Chtimes(m.at(name), longAgo(), longAgo())); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) program(name string) { m.write(name, "#!/bin/sh\nexit 1\n", 0o755) }

func (m *machine) config(text string) { m.write("home/.docker/config.json", text, 0o600) }

func (m *machine) read(name string) string {
	m.t.Helper()
	data, err := os.ReadFile(m.at(name))
	if err != nil {
		m.t.Fatal(err)
	}
	return string(data)
}

func (m *machine) symlink(name, to string) {
	m.t.Helper()
	m.mkdir(filepath.Dir(name), 0o755)
	if err := os.Symlink(to, m.at(name)); err != nil {
		m.t.Fatal(err)
	}
}

// tree is everything below the machine, with modes and content.
func (m *machine) tree() string {
	m.t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(m.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(m.dir, path)
		fmt.Fprintf(&b, "%s %v", name, info.Mode())
		if d.Type().IsRegular() {
			fmt.Fprintf(&b, " %q", m.read(name))
		}
		b.WriteByte('\n')
		return nil
	})
	if err != nil {
		m.t.Fatal(err)
	}
	return b.String()
}

const docker = "docker"

func (m *machine) apply(o clientconfig.Options) *clientconfig.Report {
	m.t.Helper()
	return m.one(m.applyTo(docker, o))
}

func (m *machine) undo(o clientconfig.Options) *clientconfig.Report {
	m.t.Helper()
	return m.one(m.undoOf(docker, o))
}

func (m *machine) applyTo(client string, o clientconfig.Options) []*clientconfig.Report {
	m.t.Helper()
	return m.checked(m.env.Apply(m.t.Context(), client, o))
}

func (m *machine) undoOf(client string, o clientconfig.Options) []*clientconfig.Report {
	m.t.Helper()
	return m.checked(m.env.Undo(m.t.Context(), client, o))
}

func (m *machine) checked(reports []*clientconfig.Report, err error) []*clientconfig.Report {
	m.t.Helper()
	if err != nil {
		m.t.Fatalf("%v (%s)", err, hint(err))
	}
	noSecret(m.t, reports)
	return reports
}

func (m *machine) one(reports []*clientconfig.Report) *clientconfig.Report {
	m.t.Helper()
	if len(reports) != 1 {
		m.t.Fatalf("%d reports, want one", len(reports))
	}
	return reports[0]
}

func hint(err error) string {
	if e, ok := errors.AsType[*credential.Error](err); ok {
		return e.HintText()
	}
	return ""
}

// noSecret fails when the password is in what is returned.
func noSecret(t *testing.T, v any) {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{canary, basic(), strings.TrimRight(basic(), "=")[4:]} {
		if strings.Contains(string(text), secret) {
			t.Errorf("the password is in %s", text)
		}
	}
}

func hosts(list ...string) clientconfig.Options { return clientconfig.Options{Hosts: list} }

func all() clientconfig.Options { return clientconfig.Options{} }

func dry(o clientconfig.Options) clientconfig.Options {
	o.DryRun = true
	return o
}

// shapes are files as they are found, with what setup makes of them.
func shapes() []struct{ name, before, after string } {
	login := `{"auth": "` + basic() + `"}`
	return []struct{ name, before, after string }{
		{"empty", "", "{\n\t\"credsStore\": \"zen\"\n}\n"},
		{"empty object", "{}", "{\n\t\"credsStore\": \"zen\"\n}"},
		{"docker's own", "{\n\t\"auths\": {}\n}", "{\n\t\"auths\": {},\n\t\"credsStore\": \"zen\"\n}"},
		{
			"a login", "{\n\t\"auths\": {\n\t\t\"ghcr.io\": " + login + "\n\t}\n}",
			"{\n\t\"auths\": {\n\t\t\"ghcr.io\": " + login + "\n\t},\n\t\"credsStore\": \"zen\"\n}",
		},
		{
			"Docker Desktop", "{\n  \"auths\": {},\n  \"credsStore\": \"desktop\",\n  " +
				"\"currentContext\": \"desktop-linux\"\n}\n",
			"{\n  \"auths\": {},\n  \"credsStore\": \"zen\",\n  \"currentContext\": \"desktop-linux\"\n}\n",
		},
		{
			"unknown members", `{"unknown":{"z":1,"a":[1.50e+3,"\u00e9"]},"credsStore":"",` +
				`"HttpHeaders":{"X":"` + canary + `"}}`,
			`{"unknown":{"z":1,"a":[1.50e+3,"\u00e9"]},"credsStore":"zen","HttpHeaders":{"X":"` + canary +
				`"}}`,
		},
		{"carriage returns", "{\r\n    \"psFormat\": \"x\"\r\n}\r\n", "{\r\n    \"psFormat\": \"x\",\r\n " +
			"   \"credsStore\": \"zen\"\r\n}\r\n"},
		{
			"byte order mark",
			"\ufeff{\"psFormat\":\"x\"}",
			"\ufeff{\"psFormat\":\"x\",\"credsStore\":\"zen\"}",
		},
		{"null", `{"credsStore": null, "credHelpers": null, "auths": null}`, `{"credsStore": "zen", ` +
			`"credHelpers": null, "auths": null}`},
	}
}

func TestApplyAndUndo(t *testing.T) {
	for _, tt := range shapes() {
		for _, mode := range []os.FileMode{0o600, 0o644} {
			t.Run(fmt.Sprint(tt.name, mode), func(t *testing.T) {
				m := newMachine(t)
				m.write("home/.docker/config.json", tt.before, mode)
				before := m.tree()

				report := m.apply(dry(all()))
				if !report.Changed || report.Diff == "" || m.tree() != before {
					t.Errorf("a dry run: %+v\n%s", report, cmp.Diff(before, m.tree()))
				}
				report = m.apply(all())
				if !report.Changed || report.Created || m.read("home/.docker/config.json") != tt.after {
					t.Errorf("%+v: %q, want %q", report, m.read("home/.docker/config.json"), tt.after)
				}
				applied := m.tree()
				if again := m.apply(all()); again.Changed || len(again.Steps) > 0 || again.Diff != "" ||
					m.tree() != applied {
					t.Errorf("the second time: %+v", again)
				}
				if strings.Contains(m.read("state/setup/undo.json"), basic()[4:]) ||
					strings.Contains(m.read("state/setup/undo.json"), canary) {
					t.Error("the password is in zen's own file")
				}

				if report := m.undo(dry(all())); !report.Changed || !report.Exact || report.Diff == "" ||
					m.tree() != applied {
					t.Errorf("a dry undo: %+v", report)
				}
				report = m.undo(all())
				if !report.Changed || !report.Exact || report.Created {
					t.Errorf("undo: %+v", report)
				}
				os.RemoveAll(m.at("state"))
				if diff := cmp.Diff(before, m.tree()); diff != "" {
					t.Errorf("undone (-before +now):\n%s", diff)
				}
				if report := m.undo(all()); report.Changed || len(report.Steps) > 0 {
					t.Errorf("undone again: %+v", report)
				}
			})
		}
	}
}

func TestApplyCreates(t *testing.T) {
	for _, docker := range []string{"", "elsewhere/deep/docker"} {
		m := newMachine(t)
		dir := "home/.docker"
		if docker != "" {
			dir = docker
			m.vars["DOCKER_CONFIG"] = m.at(docker)
		}
		before := m.tree()
		if r := m.apply(dry(all())); !r.Created || !r.Changed ||
			!strings.HasPrefix(r.Diff, "--- /dev/null\n+++ "+m.at(dir)) ||
			m.tree() != before {
			t.Errorf("a dry run: %+v", r)
		}
		r := m.apply(all())
		if !r.Created || !r.Changed || r.File != m.at(dir+"/config.json") {
			t.Errorf("%+v", r)
		}
		for name, want := range map[string]os.FileMode{dir: 0o700 | os.ModeDir, dir + "/config.json": 0o600} {
			if info, err := os.Stat(m.at(name)); err != nil || info.Mode() != want {
				t.Errorf("%s: %v, %v", name, info.Mode(), err)
			}
		}
		m.apply(hosts("ghcr.io"))
		if r := m.undo(dry(all())); !r.Created || !strings.Contains(r.Diff, "+++ /dev/null\n") {
			t.Errorf("a dry undo: %+v", r)
		}
		if r := m.undo(all()); !r.Created || !r.Changed || !r.Exact {
			t.Errorf("undo: %+v", r)
		}
		os.RemoveAll(m.at("state"))
		if diff := cmp.Diff(before, m.tree()); diff != "" {
			t.Errorf("undone (-before +now):\n%s", diff)
		}
	}
}

// A file that zen made stays when something of somebody else's came into it, and its
// directory when another file did.
func TestUndoOfCreatedKeepsOthers(t *testing.T) {
	m := newMachine(t)
	m.apply(all())
	m.config(`{"auths": {"ghcr.io": {}}, "credsStore": "zen", "psFormat": "x"}`)
	if r := m.undo(all()); r.Created || !r.Changed || r.Exact {
		t.Errorf("%+v", r)
	}
	if got := m.read("home/.docker/config.json"); got != `{"auths": {"ghcr.io": {}}, "psFormat": "x"}` {
		t.Errorf("left %s", got)
	}

	m = newMachine(t)
	m.apply(all())
	m.config(`{"auths": {}, "credsStore": "zen"}`) // docker adds an empty auths whenever it writes
	m.write("home/.docker/contexts/x", "", 0o600)
	if r := m.undo(all()); !r.Created || !r.Changed {
		t.Errorf("%+v", r)
	}
	if _, err := os.Stat(m.at("home/.docker/config.json")); err == nil ||
		m.read("home/.docker/contexts/x") != "" {
		t.Errorf("the file is left: %v", err)
	}
}

func TestApplyFollowsLinks(t *testing.T) {
	m := newMachine(t)
	m.write("dotfiles/docker.json", "{}", 0o644)
	m.symlink("home/.docker/config.json", "../../dotfiles/docker.json")
	before := m.tree()
	r := m.apply(all())
	if r.File != m.at("home/.docker/config.json") || r.Target != m.at("dotfiles/docker.json") {
		t.Errorf("%+v", r)
	}
	if got := m.read("dotfiles/docker.json"); !strings.Contains(got, `"credsStore": "zen"`) {
		t.Errorf("wrote %s", got)
	}
	m.undo(all())
	os.RemoveAll(m.at("state"))
	if diff := cmp.Diff(before, m.tree()); diff != "" {
		t.Errorf("undone (-before +now):\n%s", diff)
	}
}

func TestApplyHosts(t *testing.T) {
	m := newMachine(t)
	const before = "{\n\t\"credHelpers\": {\n\t\t\"gcr.io\": \"gcloud\"\n\t},\n\t\"credsStore\": \"pass\"\n}"
	m.config(before)
	r := m.apply(
		hosts(
			"GHCR.io",
			"https://ghcr.io/v2/",
			"docker.io",
			"registry-1.docker.io",
			"localhost:5000",
			"gcr.io",
		),
	)
	want := []clientconfig.Step{
		{Member: `credHelpers["ghcr.io"]`, After: "zen"},
		{Member: `credHelpers["https://index.docker.io/v1/"]`, After: "zen"},
		{Member: `credHelpers["localhost:5000"]`, After: "zen"},
		{Member: `credHelpers["gcr.io"]`, Before: "gcloud", After: "zen"},
	}
	if diff := cmp.Diff(want, r.Steps); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	m.apply(hosts("quay.io"))
	if r := m.apply(hosts("quay.io", "ghcr.io")); r.Changed {
		t.Errorf("again: %+v", r)
	}
	r = m.undo(hosts("ghcr.io", "gcr.io", "example.com"))
	want = []clientconfig.Step{
		{Member: `credHelpers["ghcr.io"]`, Before: "zen"},
		{Member: `credHelpers["gcr.io"]`, Before: "zen", After: "gcloud"},
	}
	if diff := cmp.Diff(want, r.Steps); diff != "" || !r.Changed || r.Exact {
		t.Errorf("%+v (-want +got):\n%s", r, diff)
	}
	const some = "{\n\t\"credHelpers\": {\n\t\t\"gcr.io\": " +
		"\"gcloud\",\n\t\t\"https://index.docker.io/v1/\": \"zen\",\n" +
		"\t\t\"localhost:5000\": \"zen\",\n\t\t\"quay.io\": \"zen\"\n\t},\n\t\"credsStore\": \"pass\"\n}"
	if diff := cmp.Diff(some, m.read("home/.docker/config.json")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if r := m.undo(hosts("ghcr.io")); r.Changed || len(r.Steps) > 0 {
		t.Errorf("undone again: %+v", r)
	}
	if r := m.undo(all()); !r.Exact || m.read("home/.docker/config.json") != before {
		t.Errorf("%+v: %s", r, m.read("home/.docker/config.json"))
	}
}

// What was done last may be undone last: nothing that zen inserted is left.
func TestUndoInAnyOrder(t *testing.T) {
	for _, before := range []string{
		"", "{}", `{"a":1}`, "{\n  \"credHelpers\": { }\n}",
		`{"credHelpers": null}`,
	} {
		for _, order := range [][]string{{"a.io", "b.io", ""}, {"b.io", "a.io", ""}, {"a.io", "", ""}} {
			m := newMachine(t)
			m.config(before)
			m.apply(hosts("a.io"))
			m.apply(all())
			m.apply(hosts("b.io"))
			for _, host := range order {
				if host == "" {
					m.undo(all())
				} else {
					m.undo(hosts(host))
				}
			}
			if got := m.read("home/.docker/config.json"); got != before {
				t.Errorf("%q, %q: left %q", before, order, got)
			}
		}
	}
}

func TestApplyRefusesHosts(t *testing.T) {
	tests := []struct{ host, want, hint string }{
		{"ghcr.io/team/app", "docker chooses the helper by the registry's host alone, not by " +
			"ghcr.io/team/app", "zen setup docker --host ghcr.io"},
		{"https://index.docker.io/v1/access-token", "docker chooses the helper by the registry's host " +
			"alone, not by docker.io/v1/access-token", "zen setup docker --host docker.io"},
		{"ftp://ghcr.io", "", ""},
		{"", "", ""},
	}
	for _, tt := range tests {
		m := newMachine(t)
		before := m.tree()
		_, err := m.env.Apply(t.Context(), docker, hosts("quay.io", tt.host))
		if !credential.InvalidInput.Is(err) ||
			tt.want != "" && (err.Error() != tt.want || hint(err) != tt.hint) ||
			m.tree() != before {
			t.Errorf("%s: %v (%s)", tt.host, err, hint(err))
		}
	}
	if _, err := newMachine(t).env.Apply(t.Context(), "podmna", all()); !credential.InvalidInput.Is(err) {
		t.Errorf("an unknown client: %v", err)
	}
}

// TestMends executes what is advised for a file, and sets it up then.
func TestMends(t *testing.T) {
	utf16 := func(text string) string {
		out := "\xff\xfe"
		for _, c := range []byte(text) {
			out += string([]byte{c, 0})
		}
		return out
	}
	for _, text := range []string{
		`{"credSstore": "osxkeychain", "auths": {"ghcr.io": {}}}`, "{\n\t\"Auths\" : {}\n}",
		`{"CREDHELPERS":{"ghcr.io":"pass"}}`, utf16(`{"auths": {}}`), "\ufeff{}",
	} {
		m := newMachine(t)
		m.config(text)
		var advice string
		if reports, err := m.env.Apply(t.Context(), docker, dry(all())); err != nil {
			advice = hint(err)
		} else {
			advice = reports[0].Warnings[0].Hint
		}
		if out, err := exec.Command("sh", "-c", advice).CombinedOutput(); err != nil {
			t.Errorf("%q: %s: %v: %s", text, advice, err, out)
			continue
		}
		if r := m.apply(all()); !r.Changed || len(clientconfig.Of(m.env.Diagnose(docker),
			clientconfig.Unreadable, clientconfig.BadEntry)) > 0 {
			t.Errorf("%q after %s: %s", text, advice, m.read("home/.docker/config.json"))
		}
	}
}

func TestRefusesFiles(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"broken", "{\n  \"auths\": {\n", ":3:1: unexpected end of JSON input"},
		{"trailing comma", "{\n  \"a\": 1,\n}", ":3:1: invalid character '}' looking for beginning of " +
			"object key string"},
		{"comment", "{\n  // x\n}", ":2:3: invalid character '/' looking for beginning of object key string"},
		{"array", "[]", ":1:1: not an object"},
		{"twice", `{"auths": {}, "auths": {}}`, `:1:15: the member "auths" is there twice`},
		{"other case", "{\n\t\"credsstore\": \"pass\"}", `:2:16: docker reads "credsstore" as ` +
			`credsStore, others do not: write "credsStore"`},
		{"other case of auths", `{"Auths": {"ghcr.io": {"auth": "` + canary + `"}}}`, `:1:11: docker ` +
			`reads "Auths" as auths, others do not: write "auths"`},
		{"store is no string", `{"credsStore": {}}`, ":1:16: credsStore is not a string"},
		{"helpers are no object", `{"credHelpers": "zen"}`, ":1:17: credHelpers is not an object"},
		{"auths are no object", `{"auths": ["` + canary + `"]}`, ":1:11: auths is not an object"},
		{"helper is no string", `{"credHelpers": {"ghcr.io": 1}}`, ":1:29: the helper for ghcr.io is not " +
			"a string"},
		{"binary", "\x00\x01", `:1:1: invalid character '\x00' looking for beginning of value`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t)
			m.config(tt.text)
			before := m.tree()
			want := m.at("home/.docker/config.json") + tt.want
			for name, do := range map[string]func(clientconfig.Options) error{
				"apply": func(o clientconfig.Options) error {
					_,
						err := m.env.Apply(t.Context(), docker, o)
					return err
				},
				"undo": func(o clientconfig.Options) error {
					_,
						err := m.env.Undo(t.Context(), docker, o)
					return err
				},
				"look": func(clientconfig.Options) error {
					_, err := clientconfig.ReadDocker(m.at("home/.docker/config.json"))
					return err
				},
			} {
				for _, o := range []clientconfig.Options{all(), dry(all()), hosts("ghcr.io")} {
					err := do(o)
					wantHint := "correct the file; zen changed nothing in it"
					if strings.HasPrefix(tt.name, "other case") {
						wantHint = "sed -i " // TestMends executes it
					}
					if !credential.InvalidInput.Is(err) || err.Error() != want ||
						!strings.HasPrefix(hint(err), wantHint) {
						t.Errorf("%s: got %v (%s), want %s", name, err, hint(err), want)
					}
					noSecret(t, []string{err.Error(), hint(err)})
				}
			}
			if diff := cmp.Diff(before, m.tree()); diff != "" {
				t.Errorf("changed (-before +now):\n%s", diff)
			}
		})
	}
}

// When the change cannot be remembered, or the file not be written, nothing is changed
// anywhere.
func TestRefusesPlaces(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(m *machine)
		want    string
	}{
		{
			"state directory is a file",
			func(m *machine) { m.write("state", "", 0o600) },
			"state/setup/undo.json cannot be read: not a directory",
		},
		{"damaged record", func(m *machine) { m.write("state/setup/undo.json", "{", 0o600) }, "where zen " +
			"remembers what it changed, is damaged"},
		{"record of a newer zen", func(m *machine) {
			m.write("state/setup/undo.json", `{"version": `+
				`2}`, 0o600)
		}, "was written by a newer zen"},
		{
			"read-only file",
			func(m *machine) { m.write("home/.docker/config.json", "{}", 0o400) },
			"home/.docker/config.json is read-only",
		},
		{
			"circle of links",
			func(m *machine) { m.symlink("home/.docker/config.json", "config.json") },
			"circle of symbolic links",
		},
		{
			"link to nowhere",
			func(m *machine) { m.symlink("home/.docker/config.json", m.at("no/config.json")) },
			"no/config.json, which does not exist",
		},
		{
			"link to nowhere in a directory that is there",
			func(m *machine) {
				m.mkdir("sealed", 0o700)
				m.symlink("home/.docker/config.json", m.at("sealed/config.json"))
			},
			"sealed/config.json, which does not exist",
		},
		{
			"a directory",
			func(m *machine) { m.mkdir("home/.docker/config.json", 0o700) },
			"home/.docker/config.json is a directory",
		},
		{
			"DOCKER_CONFIG with a literal ~",
			func(m *machine) { m.vars["DOCKER_CONFIG"] = "~/.docker" },
			"DOCKER_CONFIG begins with a ~ that no shell replaced",
		},
		{
			"DOCKER_CONFIG is the file",
			func(m *machine) {
				m.config("{}")
				m.vars["DOCKER_CONFIG"] = m.at("home/.docker/config.json")
			},
			"home/.docker/config.json and has to be the directory that it is in",
		},
		{
			"home is a file",
			func(m *machine) { m.vars["HOME"] = m.at("bin/docker-credential-zen") },
			"not a directory",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t)
			tt.prepare(m)
			before := m.tree()
			_, err := m.env.Apply(t.Context(), docker, all())
			if err == nil || !strings.Contains(err.Error(), tt.want) || hint(err) == "" {
				t.Errorf("got %v (%s)", err, hint(err))
			}
			os.Remove(m.at("state/setup")) // an empty directory does no harm
			os.Remove(m.at("state"))
			if strings.HasPrefix(tt.name, "state") {
				m.write("state", "", 0o600)
			}
			if diff := cmp.Diff(before, m.tree()); diff != "" {
				t.Errorf("changed (-before +now):\n%s", diff)
			}
		})
	}
}

func TestHomeIsLookedUp(t *testing.T) {
	m := newMachine(t)
	delete(m.vars, "HOME")
	m.vars["DOCKER_CONFIG"] = m.at("docker")
	if r := m.apply(dry(all())); r.File != m.at("docker/config.json") {
		t.Errorf("%+v", r)
	}
	delete(m.vars, "DOCKER_CONFIG") // now the system's user database answers; nothing is written
	if r := m.apply(dry(all())); !filepath.IsAbs(r.File) ||
		!strings.HasSuffix(r.File, "/.docker/config.json") {
		t.Errorf("%+v", r)
	}
}
