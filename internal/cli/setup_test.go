package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/paths"
)

// setupBox is a home directory in which zen setup is run, and what was typed and printed
// there.
type setupBox struct {
	t          *testing.T
	dir        string
	vars       map[string]string
	transcript strings.Builder
}

func newSetupBox(t *testing.T) *setupBox {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	b := &setupBox{
		t:   t,
		dir: dir,
		vars: map[string]string{
			"HOME":             dir,
			"PATH":             filepath.Join(dir, "bin"),
			"HELM_CONFIG_HOME": filepath.Join(dir, "helm"),
		},
	}
	b.program("docker-credential-zen")
	return b
}

func (b *setupBox) write(name, text string, mode os.FileMode) {
	b.t.Helper()
	path := filepath.Join(b.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		b.t.Fatal(err)
	}
}

func (b *setupBox) program(name string) { b.write("bin/"+name, "#!/bin/sh\n", 0o755) }

func (b *setupBox) config(text string) { b.write(".docker/config.json", text, 0o600) }

// zen runs a command line. Both streams go into the transcript, standard output marked.
func (b *setupBox) zen(line string) (stdout string, status int) {
	b.t.Helper()
	var out, err bytes.Buffer
	a := &app{
		UI: &ui.UI{
			In: strings.NewReader(""), Out: &ui.DataWriter{W: &out}, Err: &err,
			Getenv: func(k string) string { return b.vars[k] },
		},
		now: time.Now,
		zend: func(bool) (zend.Caller, error) {
			return nil, credential.NewError(credential.Unavailable, "zend is not to be asked", "")
		},
		dirs: func() (paths.Dirs, error) { return paths.Dirs{State: filepath.Join(b.dir, "state")}, nil },
	}
	status = a.run(b.t.Context(), append([]string{"setup"}, strings.Fields(line)...))
	fmt.Fprintf(&b.transcript, "$ zen setup %s\n", line)
	for text := range strings.Lines(out.String()) {
		b.transcript.WriteString("| " + text)
	}
	b.transcript.WriteString(err.String())
	if status != 0 {
		fmt.Fprintf(&b.transcript, "[exit status %d]\n", status)
	}
	return out.String(), status
}

func (b *setupBox) note(text string) { b.transcript.WriteString("\n# " + text + "\n") }

// TestSetup compares what zen setup prints with testdata/setup.golden; UPDATE_GOLDEN=1
// writes it.
func TestSetup(t *testing.T) {
	b := newSetupBox(t)
	b.note("a machine where docker was never used")
	b.zen("docker --dry-run")
	b.zen("docker")
	b.zen("docker")
	b.zen("docker --undo --dry-run")
	b.zen("docker --undo")
	b.zen("--undo")

	b.note("a machine where Docker Desktop was, with credentials in plain text")
	b.config("{\n\t\"auths\": {\n\t\t\"ghcr.io\": {\n\t\t\t\"auth\": " +
		"\"YWxpY2U6Y2FuYXJ5\"\n\t\t},\n\t\t\"https://index.docker.io/v1/\": {\n" +
		"\t\t\t\"auth\": \"YWxpY2U6Y2FuYXJ5\"\n\t\t}\n\t},\n\t\"credHelpers\": {\n\t\t\"gcr.io\": " +
		"\"gcloud\"\n\t}\n}\n")
	b.zen("--dry-run")
	b.zen("")
	b.zen("docker --host gcr.io --host https://localhost:5000/v2/")
	b.zen("docker --host localhost:5000 --undo")
	b.config(strings.Replace(b.read(".docker/config.json"), `"credsStore": "zen"`, `"credsStore": `+
		`"desktop"`, 1))
	b.zen("--undo")
	b.config(`{"credsStore": "zen"}`)
	b.zen("docker --undo")

	b.note("what cannot be done")
	b.config("{\n\t\"auths\": {\n")
	b.zen("docker")
	b.zen("docker --undo")
	b.zen("podmna")
	b.zen("docker podmna")
	b.zen("docker --host ghcr.io/team/app")
	b.zen("docker --host ftp://ghcr.io")
	b.zen("podman --host ghcr.io")
	b.zen("--all")
	b.zen("--all docker")

	b.note("profiles")
	b.config("{}")
	b.zen("docker --profile work --host ghcr.io --dry-run")
	b.zen("docker --profile work --host ghcr.io")
	b.zen("docker helm --profile work")
	b.zen("docker --undo --dry-run")
	b.zen("docker --undo")
	b.zen("helm --profile work --undo")
	b.config("[]")
	b.zen("docker --profile work")
	b.zen("docker --profile a/b")
	if entries, err := os.ReadDir(filepath.Join(b.dir, "bin")); err != nil || len(entries) != 1 {
		t.Errorf("left %v, %v", entries, err)
	}

	b.note("two clients that read one file")
	b.config(`{"auths": {"ghcr.io": {"auth": "YWxpY2U6Y2FuYXJ5"}}}`)
	b.zen("docker buildx")
	b.zen("--undo")

	b.note("other clients, and what is in the way")
	b.config("{}")
	for _, p := range []string{"docker", "crane", "podman", "helm"} {
		b.program(p)
	}
	b.write("helm/registry/config.json", "[]", 0o600)
	b.vars["DOCKER_AUTH_CONFIG"] = `{"auths": {"ghcr.io": {"auth": "YWxpY2U6Y2FuYXJ5"}}}`
	b.zen("--all --dry-run")
	b.zen("--all")
	if err := os.Remove(filepath.Join(b.dir, "bin", "docker-credential-zen")); err != nil {
		t.Fatal(err)
	}
	b.zen("oras")
	b.zen("buildx --host ghcr.io/team/app")
	b.vars["DOCKER_CONFIG"] = filepath.Join(b.dir, "other")
	b.zen("docker --undo")
	b.zen("--undo")
	if _, err := os.Stat(filepath.Join(b.dir, ".docker/buildx")); err == nil {
		t.Error("something is left")
	}
	b.compare("setup.golden")
}

func (b *setupBox) read(name string) string {
	b.t.Helper()
	text, err := os.ReadFile(filepath.Join(b.dir, name))
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}

func (b *setupBox) compare(name string) {
	b.t.Helper()
	got := strings.ReplaceAll(b.transcript.String(), b.dir, "HOME")
	for _, secret := range []string{"YWxpY2U6Y2FuYXJ5", "canary"} {
		if strings.Contains(got, secret) {
			b.t.Error("a password was printed")
		}
	}
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			b.t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		b.t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		b.t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSetupForScripts(t *testing.T) {
	b := newSetupBox(t)
	b.config(`{"auths": {"ghcr.io": {"auth": "YWxpY2U6Y2FuYXJ5"}}}`)
	out, status := b.zen("docker -o json")
	var doc struct {
		Items []clientconfig.Report `json:"items"`
	}
	if err := json.Unmarshal([]byte(out), &doc); err != nil || status != 0 || len(doc.Items) != 1 {
		t.Fatalf("%s, %v", out, err)
	}
	if r := doc.Items[0]; !r.Changed || r.Client != "docker" || len(r.Hidden) != 1 ||
		r.Steps[0].After != "zen" ||
		len(r.Warnings) != 1 {
		t.Errorf("%+v", r)
	}
	if out, _ := b.zen("docker -o json --undo"); !strings.Contains(out, `"exact": true`) {
		t.Errorf("%s", out)
	}
	if strings.Contains(b.transcript.String(), "YWxpY2U6Y2FuYXJ5") ||
		strings.Contains(b.transcript.String(), "Warning") {
		t.Errorf("printed %s", b.transcript.String())
	}
}
