package clientconfig_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/cli/cli/config/types"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/credential"
)

func skipUnlessLinux(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the cases are Linux's: docker picks other helpers on this system, and clients keep their " +
			"files elsewhere")
	}
}

// load reads the configuration as docker does, in docker's code.
func (m *machine) load() *configfile.ConfigFile {
	m.t.Helper()
	var warnings bytes.Buffer
	config.SetDir(m.at("home/.docker"))
	for _, k := range []string{"HOME", "PATH", "DOCKER_AUTH_CONFIG"} {
		m.t.Setenv(k, m.vars[k])
	}
	c := config.LoadDefaultConfigFile(&warnings)
	if warnings.Len() > 0 {
		m.t.Fatalf("docker cannot read %q: %s", m.read("home/.docker/config.json"), &warnings)
	}
	return c
}

// helpers puts programs on PATH that answer every get with their own name as the user.
func (m *machine) helpers(names ...string) {
	for _, name := range names {
		script := "#!/bin/sh\nread -r server\nprintf " +
			"'{\"ServerURL\":\"%s\",\"Username\":\"" + name + "\",\"Secret\":\"s\"}' \"$server\"\n"
		m.write("bin/docker-credential-"+name, script, 0o755)
	}
}

// asked is who docker asks for a registry: the name of the helper, "clear" for the file,
// "env" for DOCKER_AUTH_CONFIG.
func (m *machine) asked(registry string) string {
	m.t.Helper()
	auth, err := m.load().GetAuthConfig(registry)
	if err != nil {
		m.t.Fatal(err)
	}
	return auth.Username
}

// Docker's own code reads what setup wrote and asks zen; and it asks whom Env.Docker says
// in every case.
func TestDockerAsksZen(t *testing.T) {
	skipUnlessLinux(t)
	clear := `{"auth": "` + "Y2xlYXI6cHc=" + `"}` // clear:pw
	tests := []struct {
		name, config string
		options      clientconfig.Options
		before       map[string]string // registry -> who is asked
		after        map[string]string
	}{
		{
			"fresh", "{}", all(),
			map[string]string{"ghcr.io": "secretservice", "docker.io": "secretservice"},
			map[string]string{"ghcr.io": "zen", "docker.io": "zen", "localhost:5000": "zen"},
		},
		{
			"credentials in plain text", `{"auths": {"ghcr.io": ` + clear +
				`, "https://index.docker.io/v1/": ` + clear + `, "https://old.io/v1/": ` + clear + `}}`,
			all(),
			map[string]string{"ghcr.io": "clear", "docker.io": "clear", "old.io": "clear", "quay.io": ""},
			map[string]string{"ghcr.io": "zen", "docker.io": "zen", "old.io": "zen", "quay.io": "zen"},
		},
		{
			"hosts", `{"auths": {"quay.io": ` + clear + `}}`,
			hosts("https://ghcr.io", "index.docker.io", "localhost:5000"),
			map[string]string{"ghcr.io": "", "quay.io": "clear"},
			map[string]string{
				"ghcr.io":        "zen",
				"docker.io":      "zen",
				"localhost:5000": "zen",
				"quay.io":        "clear",
				"example.com":    "",
			},
		},
		{
			"other helpers", `{"credsStore": "desktop", "credHelpers": {"gcr.io": "gcloud", "quay.io": ` +
				`""}, "auths": {"quay.io": ` + clear + `}}`, all(),
			map[string]string{"ghcr.io": "desktop", "gcr.io": "gcloud", "quay.io": "clear"},
			map[string]string{"ghcr.io": "zen", "gcr.io": "gcloud", "quay.io": "clear"},
		},
		{
			"other helpers, hosts", `{"credsStore": "desktop", "credHelpers": {"gcr.io": "gcloud", ` +
				`"quay.io": ""}}`, hosts("gcr.io", "quay.io"),
			map[string]string{"gcr.io": "gcloud"},
			map[string]string{"ghcr.io": "desktop", "gcr.io": "zen", "quay.io": "zen"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t)
			m.helpers("zen", "desktop", "gcloud", "secretservice")
			m.config(tt.config)
			m.check(tt.before)
			m.apply(tt.options)
			m.check(tt.after)
			m.undo(all())
			m.check(tt.before)
		})
	}
}

func (m *machine) check(want map[string]string) {
	m.t.Helper()
	for registry, who := range want {
		if got := m.asked(registry); got != who {
			m.t.Errorf("docker asks %q for %s, want %q", got, registry, who)
		}
		a, err := address.Parse(registry)
		if err != nil {
			m.t.Fatal(err)
		}
		use, err := m.env.Docker(a)
		if who == "clear" {
			who = ""
		}
		if err != nil || use.Helper != who || use.Zen != (who == "zen") ||
			use.File != m.at("home/.docker/config.json") {
			m.t.Errorf("%s: %+v, %v, want %q", registry, use, err, who)
		}
	}
}

func TestDockerAuthConfigComesFirst(t *testing.T) {
	m := newMachine(t)
	m.helpers("zen")
	m.apply(all())
	// env:pw
	m.vars["DOCKER_AUTH_CONFIG"] = `{"auths": {"ghcr.io": {"auth": "ZW52OnB3"}, ` +
		`"https://index.docker.io/v1/": {"auth": "ZW52OnB3"}}}`
	for registry, shadowed := range map[string]bool{"ghcr.io": true, "docker.io": true, "quay.io": false} {
		if got := m.asked(registry); (got == "env") != shadowed {
			t.Errorf("docker asks %q for %s", got, registry)
		}
		a, err := address.Parse(registry)
		if err != nil {
			t.Fatal(err)
		}
		if use, err := m.env.Docker(a); err != nil || use.Shadowed != shadowed || use.Zen == shadowed ||
			use.Helper != "zen" {
			t.Errorf("%s: %+v, %v", registry, use, err)
		}
	}
}

func TestUseOfPathsAndProfiles(t *testing.T) {
	m := newMachine(t)
	m.config(`{"credHelpers": {"ghcr.io": "zen-work", "https://index.docker.io/v1/": "zen"}}`)
	for text, want := range map[string]string{
		"ghcr.io/team/app": "zen-work", "docker.io/library/alpine": "zen",
		"docker.io/v1/refresh-token": "zen", "quay.io": "",
	} {
		a, err := address.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if use, err := m.env.Docker(a); err != nil || use.Helper != want || use.Zen != (want != "") {
			t.Errorf("%s: %+v, %v", text, use, err)
		}
	}
}

// docker logs in and out in its own way between setup and undo: what it wrote stays,
// zen's member goes.
func TestUndoAfterDocker(t *testing.T) {
	m := newMachine(t)
	m.config(`{"credsStore": "pass", "psFormat": "x", "auths": {}}`)
	m.apply(all())
	c := m.load()
	c.AuthConfigs["ghcr.io"] = types.AuthConfig{}
	if err := c.Save(); err != nil {
		t.Fatal(err)
	}
	if r := m.undo(all()); !r.Changed || r.Exact {
		t.Errorf("%+v", r)
	}
	c = m.load()
	if c.CredentialsStore != "pass" || c.PsFormat != "x" || len(c.AuthConfigs) != 1 {
		t.Errorf("left %s", m.read("home/.docker/config.json"))
	}
}

// Many files such as people have, also behind links, read-only, huge: setup changes
// nothing else, docker reads the same in it, undo restores every byte. Broken and
// read-only ones are not touched.
func TestRandomFiles(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	m := newMachine(t)
	for i := range 200 {
		text := randomConfig(r)
		place := m.place(r, text)
		options := all()
		switch r.IntN(4) {
		case 0:
			options = hosts("ghcr.io", "docker.io", fmt.Sprintf("r%d.example.com:5000", r.IntN(3)))
		case 1:
			options.Profile = "work"
		}
		if broken := brokenConfig(r, text); broken != "" && r.IntN(4) == 0 {
			place.write(broken)
			before := place.look()
			if _, err := m.env.Apply(t.Context(), docker, options); err == nil || place.look() != before {
				t.Errorf("%d: %q: %v, and the file is %s", i, broken, err, place.look())
			}
			place.write(text)
		}
		if place.mode&0o200 == 0 {
			before := place.look()
			if _, err := m.env.Apply(t.Context(), docker, options); !credential.CannotWrite.Is(err) ||
				place.look() != before {
				t.Errorf("%d: read-only: %v, and the file is %s", i, err, clip(place.look()))
			}
			place.mode |= 0o200
			place.write(text)
		}
		before := place.look()
		m.apply(options)
		after := m.read("home/.docker/config.json")
		checkSame(t, text, after)
		if got, want := place.look(), strings.Replace(before, strconv.Quote(text), strconv.Quote(after),
			1); got != want {
			t.Errorf("%d: it is %s, want %s", i, clip(got), clip(want))
		}
		if !strings.HasPrefix(after, "\ufeff") {
			c, err := config.LoadFromReader(strings.NewReader(after))
			if err != nil {
				t.Fatalf("%d: docker cannot read %q: %v", i, after, err)
			}
			if len(options.Hosts) == 0 && !clientconfig.IsZen(c.CredentialsStore) ||
				len(options.Hosts) > 0 && c.CredentialHelpers["https://index.docker.io/v1/"] != "zen" {
				t.Errorf("%d: docker reads %+v in %q", i, c, after)
			}
		}
		if report := m.undo(all()); report.Changed && !report.Exact || place.look() != before {
			t.Fatalf("%d: undone %+v\n%s, was\n%s", i, report, clip(place.look()), clip(before))
		}
	}
}

func clip(s string) string { return s[:min(len(s), 2000)] }

// configPlace is where docker's file lies, perhaps behind links.
type configPlace struct {
	t    *testing.T
	path []string // links, and the file itself
	mode os.FileMode
}

// place puts docker's file somewhere.
func (m *machine) place(r *rand.Rand, text string) configPlace {
	m.t.Helper()
	for _, name := range []string{"home/.docker", "home/dotfiles"} {
		if err := os.RemoveAll(m.at(name)); err != nil {
			m.t.Fatal(err)
		}
		m.mkdir(name, 0o700)
	}
	p := configPlace{
		t:    m.t,
		path: []string{m.at("home/.docker/config.json")},
		mode: []os.FileMode{0o600, 0o644, 0o400, 0o444, 0o640}[r.IntN(5)],
	}
	for i := range r.IntN(4) / 2 * (1 + r.IntN(2)) { // none, one or two
		last := p.path[len(p.path)-1]
		next := fmt.Sprintf("dotfiles/docker%d.json", i)
		p.path = append(p.path, m.at("home/"+next))
		if r.IntN(2) == 0 {
			next = m.at("home/" + next)
		} else if next = "../" + next; i > 0 {
			next = strings.TrimPrefix(next, "../dotfiles/")
		}
		if err := os.Symlink(next, last); err != nil {
			m.t.Fatal(err)
		}
	}
	p.write(text)
	return p
}

func (p configPlace) write(text string) {
	p.t.Helper()
	file := p.path[len(p.path)-1]
	if err := errors.Join(os.RemoveAll(file), os.WriteFile(file, []byte(text), 0o600),
		os.Chmod(file, p.mode), os.Chtimes(file, longAgo(), longAgo())); err != nil {
		p.t.Fatal(err)
	}
}

// look is all that is there to see of the file and what leads to it.
func (p configPlace) look() string {
	p.t.Helper()
	var b strings.Builder
	for _, path := range p.path {
		info, err := os.Lstat(path)
		if err != nil {
			p.t.Fatal(err)
		}
		to, _ := os.Readlink(path)
		fmt.Fprintf(&b, "%s %v %s\n", path, info.Mode(), to)
	}
	text, err := os.ReadFile(p.path[0])
	if err != nil {
		p.t.Fatal(err)
	}
	return b.String() + strconv.Quote(string(text))
}

// brokenConfig is a text that nobody can edit without a guess: cut off, with something
// behind it, of another kind.
func brokenConfig(r *rand.Rand, text string) string {
	trimmed := strings.TrimRight(text, " \r\n")
	if !strings.HasSuffix(trimmed, "}") {
		return "" // nothing is an empty configuration
	}
	return []string{
		trimmed[:len(trimmed)-1], text + "x", text + text, "[" + trimmed + "]",
		strings.Replace(text, "{", "{,", 1),
		strings.Replace(text, "{", `{"credsStore": 7, `, 1), strings.Replace(text, "{", "{// a comment\n", 1),
		`"zen"`, text + "\x00",
	}[r.IntN(9)]
}

// checkSame compares all members but those that setup sets.
func checkSame(t *testing.T, before, after string) {
	t.Helper()
	read := func(text string) map[string]json.RawMessage {
		members := map[string]json.RawMessage{}
		if text = strings.TrimPrefix(text, "\ufeff"); strings.TrimSpace(text) != "" {
			if err := json.Unmarshal([]byte(text), &members); err != nil {
				t.Fatalf("%q: %v", text, err)
			}
		}
		delete(members, "credsStore")
		delete(members, "credHelpers")
		return members
	}
	a, b := read(before), read(after)
	for key := range a {
		if !bytes.Equal(a[key], b[key]) {
			t.Errorf("%s was %s and is %s", key, a[key], b[key])
		}
	}
	if len(a) != len(b) {
		t.Errorf("%q has %d members, %q has %d", before, len(a), after, len(b))
	}
}

// randomConfig is a file in one of the styles that are found: of docker, of editors, of
// people.
func randomConfig(r *rand.Rand) string {
	parts := []string{
		`"auths":@{@@"ghcr.io":@{"auth":@"` + basic() + `"},@@"https://index.docker.io/v1/":@{}@}`,
		`"auths":@{}`,
		`"credHelpers":@{@@"gcr.io":@"gcloud",@@"ghcr.io":@"pass"@}`,
		`"credHelpers":@{}`,
		`"credsStore":@"desktop"`,
		`"HttpHeaders":@{@@"User-Agent":@"Docker-Client/19.03.1"@}`,
		`"plugins":@{@@"scan":@{"x":@"y"}@}`,
		`"psFormat":@"table {{.ID}}\t{{.Names}}"`,
		`"unknown":@[1, 2.50, true, null, {"a":@"]}"}]`,
		`"\u00fcml\u00e4ut":@"\ud83d\udc33"`,
		`"detachKeys":@"ctrl-q"`,
	}
	if r.IntN(20) == 0 { // with what a large company collects
		var auths strings.Builder
		for i := range 2000 {
			fmt.Fprintf(&auths, `@@"r%d.example.com":@{"auth":@"%s"},`, i, basic())
		}
		parts[1] = `"auths":@{` + strings.TrimSuffix(auths.String(), ",") + `@}`
	}
	style := [][2]string{
		{"", " "},
		{"\n\t", " "},
		{"\n  ", " "},
		{"\n    ", ""},
		{"\r\n\t", " "},
		{" ", " "},
	}[r.IntN(6)]
	if r.IntN(12) == 0 {
		return []string{"", "\n", "{}", " { } \n", "\ufeff{}"}[r.IntN(5)]
	}
	seen := map[string]bool{}
	var members []string
	for range 1 + r.IntN(6) {
		part := parts[r.IntN(len(parts))]
		key, _, _ := strings.Cut(part, ":")
		if !seen[key] {
			seen[key] = true
			inner := style[0]
			if strings.Contains(inner, "\n") {
				inner += strings.TrimLeft(inner, "\r\n")
			}
			part = strings.ReplaceAll(part, "@@", inner)
			part = strings.ReplaceAll(part, `@}`, style[0]+"}")
			members = append(members, strings.ReplaceAll(part, "@", style[1]))
		}
	}
	end := strings.TrimRight(style[0], " \t")
	text := "{" + style[0] + strings.Join(members, ","+style[0]) + end + "}"
	return []string{"", "\ufeff"}[r.IntN(8)/7] + text + []string{"", "\n", "\r\n\r\n"}[r.IntN(3)]
}

// docker writes its file while setup does: it has no lock and may lose what zen wrote,
// but zen loses nothing of docker's.
func TestApplyWhileDockerLogsIn(t *testing.T) {
	m := newMachine(t)
	m.config(`{"auths": {}}`)
	m.load() // sets the environment, once
	file := m.at("home/.docker/config.json")
	turn := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		n := 0
		for range turn {
			c := configfile.New(file)
			f, err := os.Open(file)
			if err == nil {
				err = c.LoadFromReader(f)
				f.Close()
			}
			c.AuthConfigs[fmt.Sprintf("r%d.example.com", n)] = types.AuthConfig{}
			n++
			if err == nil {
				err = c.Save()
			}
			if err != nil {
				t.Error(err)
			}
		}
	})
	for range 20 {
		turn <- struct{}{}
		if _, err := m.env.Apply(t.Context(), docker, all()); err != nil {
			t.Error(err)
		}
	}
	close(turn)
	wg.Wait()
	if got := len(m.load().AuthConfigs); got != 20 {
		t.Errorf("%d of 20 logins are left: %s", got, m.read("home/.docker/config.json"))
	}
}
